"""A CONNECT proxy on loopback: bytes pass through unread, but which connections a command opened becomes known.

TLS stays between the command and the apiserver, so every kind of credential works, and so do exec and port-forward.
The apiserver says of each request from which address and port it came: that is how a command's requests are told
from everybody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from cli.tracing.limits import CONNECT_HEADER_BYTES, PROXY_CHUNK_BYTES


class Tunnel:
    """`clients` are the connections' own addresses, as the other end sees them.

    `instead` says where to connect to in place of an address: around a proxy, behind which they could not be seen.
    """

    def __init__(self, instead: Mapping[str, str]) -> None:
        self._instead = instead
        self._tasks: set[asyncio.Task[None]] = set()
        self.clients: list[str] = []
        self.port = 0

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection, until it ends or `cut` does it."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cut(self) -> None:
        """End every connection, and wait until that is done: none may outlive its event loop."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            try:
                asked = _target(await reader.readuntil(b"\r\n\r\n"))
                host, port = _parted(self._instead.get(asked, asked))
                far_reader, far_writer = await asyncio.open_connection(host, port)
            except (ValueError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            address, own_port = far_writer.get_extra_info("sockname")[:2]
            self.clients.append(f"{address}:{own_port}")
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far_writer))
                group.create_task(_pump(far_reader, writer))
        finally:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(PROXY_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        return  # the other end closed first
    finally:
        writer.close()


def _target(head: bytes) -> str:
    """Of `CONNECT host:port HTTP/1.1`. Raises ValueError for anything else."""
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if method != "CONNECT":
        raise ValueError(f"{method}: only CONNECT is served")
    return target


def _parted(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


@asynccontextmanager
async def open_tunnel(instead: Mapping[str, str] | None = None) -> AsyncIterator[Tunnel]:
    """Afterwards all its connections are cut."""
    tunnel = Tunnel(instead or {})
    server = await asyncio.start_server(tunnel.accept, "127.0.0.1", 0, limit=CONNECT_HEADER_BYTES)
    tunnel.port = server.sockets[0].getsockname()[1]
    try:
        yield tunnel
    finally:
        server.close()
        await tunnel.cut()
