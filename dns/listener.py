"""DNS over UDP and TCP on one address, which may not exist yet: a network's gateway comes with the network."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from apimachinery.clock import Clock
from client.backoff import Backoff
from dns.limits import BIND_RETRY_MAX_SECONDS, TCP_CONNECTIONS, TCP_IDLE_SECONDS
from dns.messages import Query
from dns.service import NameService

_log = logging.getLogger(__name__)

Address = tuple[str, int]


class Listener:
    """`run` never returns. `bound` is where it listens, once it does."""

    def __init__(self, address: str, service: NameService, clock: Clock) -> None:
        host, _, port = address.rpartition(":")
        self._address: Address = (host.strip("[]"), int(port))
        self._service = service
        self._clock = clock
        self._connections = 0
        self.bound: asyncio.Future[Address] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            transport, server = await self._bind(group)
            try:
                await server.serve_forever()
            finally:
                transport.close()
                server.close()

    async def _bind(self, group: asyncio.TaskGroup) -> tuple[asyncio.DatagramTransport, asyncio.Server]:
        backoff = Backoff(self._clock, f"listen on {self._address[0]}", max_seconds=BIND_RETRY_MAX_SECONDS)
        told = False
        while True:
            try:
                found = await self._try_bind(group)
            except OSError as error:
                if not told:
                    _log.warning("cannot listen on %s:%d yet, trying again: %s", *self._address, error)
                    told = True
                await backoff.wait()
                continue
            _log.info("DNS on %s:%d, UDP and TCP", *self.bound.result())
            return found

    async def _try_bind(self, group: asyncio.TaskGroup) -> tuple[asyncio.DatagramTransport, asyncio.Server]:
        loop = asyncio.get_running_loop()
        host, port = self._address
        datagrams, _ = await loop.create_datagram_endpoint(lambda: _Udp(self._service, group), local_addr=(host, port))
        port = port or datagrams.get_extra_info("sockname")[1]
        try:
            server = await asyncio.start_server(self._serve_connection, host, port, start_serving=False)
        except OSError:
            datagrams.close()
            raise
        self.bound.set_result((host, port))
        return datagrams, server

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= TCP_CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        try:
            while True:
                async with asyncio.timeout(TCP_IDLE_SECONDS):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    data = await reader.readexactly(length)
                answer, query = self._service.answer_now(data, tcp=True)
                if query is not None:
                    answer = await self._service.answer_later(data, query, tcp=True)
                if answer is None:
                    return
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            return
        finally:
            self._connections -= 1
            writer.close()


class _Udp(asyncio.DatagramProtocol):
    """Answers of ours are sent from within the callback; only forwarding takes a task."""

    def __init__(self, service: NameService, group: asyncio.TaskGroup) -> None:
        self._service = service
        self._group = group
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        answer, query = self._service.answer_now(data, tcp=False)
        if query is not None:
            self._group.create_task(self._answer_later(data, query, addr))
        elif answer is not None:
            self._send(answer, addr)

    async def _answer_later(self, data: bytes, query: Query, addr: Address) -> None:
        self._send(await self._service.answer_later(data, query, tcp=False), addr)

    def _send(self, answer: bytes, addr: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)
