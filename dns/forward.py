"""Questions that are not ours, asked of the resolvers of this host."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from pathlib import Path

from dns.limits import FORWARD_SECONDS, FORWARDS_IN_FLIGHT, UPSTREAMS

_log = logging.getLogger(__name__)

_PORT = 53
_TRUNCATED = 0x02


def upstreams(resolv_conf: Path, own: set[str]) -> list[str]:
    """`nameserver` addresses, without our own: that would be a circle. A file that is not there has none."""
    try:
        lines = resolv_conf.read_text().splitlines()
    except FileNotFoundError:
        return []
    words = [line.split() for line in lines]
    found = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return [one for one in found if _is_address(one) and one not in own][:UPSTREAMS]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class Forwarder:
    """`ask` gives the answer's bytes, or None if nobody answered."""

    def __init__(self, servers: list[str], *, port: int = _PORT) -> None:
        self.servers = servers
        self._port = port
        self._slots = asyncio.Semaphore(FORWARDS_IN_FLIGHT)

    async def ask(self, query: bytes, *, tcp: bool) -> bytes | None:
        """Each server in turn. Over TCP if the client came that way: its answer may be long."""
        if self._slots.locked():
            _log.warning("%d questions are being forwarded already, one refused", FORWARDS_IN_FLIGHT)
            return None
        async with self._slots:
            for server in self.servers:
                try:
                    async with asyncio.timeout(FORWARD_SECONDS):
                        return await (self._over_tcp(server, query) if tcp else self._over_udp(server, query))
                except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                    _log.debug("upstream %s: %r", server, error)
        return None

    async def _over_udp(self, server: str, query: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _OneReply(reply, query[:2]), remote_addr=(server, self._port)
        )
        try:
            transport.sendto(query)
            return await reply
        finally:
            transport.close()

    async def _over_tcp(self, server: str, query: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(server, self._port)
        try:
            writer.write(len(query).to_bytes(2, "big") + query)
            length = int.from_bytes(await reader.readexactly(2), "big")
            return await reader.readexactly(length)
        finally:
            writer.close()


class _OneReply(asyncio.DatagramProtocol):
    def __init__(self, reply: asyncio.Future[bytes], message_id: bytes) -> None:
        self._reply = reply
        self._id = message_id

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self._id and not self._reply.done():
            self._reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._reply.done():
            self._reply.set_exception(exc)


def is_truncated(reply: bytes) -> bool:
    return len(reply) > 2 and bool(reply[2] & _TRUNCATED)
