"""An outside client that costs little: HTTP/1.1 over a few TLS connections."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable

from wire.tls import TlsFiles

Call = tuple[str, str, bytes]
"""Method, path, JSON body."""


class Rest:
    """`connections` to the apiserver on this host, made anew for each batch of calls."""

    def __init__(self, port: int, tls: TlsFiles, connections: int) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(tls.ca))
        self._context.check_hostname = False
        self._context.load_cert_chain(tls.cert, tls.key)
        self._connections = connections

    async def many(self, calls: Iterable[Call]) -> float:
        """All of them, as many at once as there are connections. Gives the seconds from when these stand.

        Raises RuntimeError if one is refused.
        """
        waiting = iter(calls)
        streams = [
            await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context) for _ in range(self._connections)
        ]

        async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for call in waiting:
                await _send(reader, writer, call)
            writer.close()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(work(*stream))
        return time.perf_counter() - began


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: Call) -> None:
    method, path, body = call
    head = (
        f"{method} {path} HTTP/1.1",
        "Host: bench",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    length = next(int(one.partition(":")[2]) for one in headers if one.lower().startswith("content-length:"))
    answer = await reader.readexactly(length)
    if status.split()[1][0] != "2":
        raise RuntimeError(f"{method} {path}: {status}: {answer[:300]!r}")
