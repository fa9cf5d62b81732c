"""A small HTTP/1.1 client on raw sockets: it shows answers as they are on the wire."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


class HttpClient:
    """One connection per request, so that a streamed answer can stay open."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers:
            writer.close()

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.send("GET", path, **options)

    async def send(self, method: str, path: str, body: bytes = b"", **options: Any) -> Answer:
        """A request and its whole answer."""
        answer, reader = await self._begin(method, path, body, **options)
        async with asyncio.timeout(10):
            if answer.headers.get("transfer-encoding") == "chunked":
                chunks = b"".join([chunk async for chunk in _chunks(reader)])
                return Answer(answer.status, answer.headers, chunks)
            length = int(answer.headers.get("content-length", "0"))
            return Answer(answer.status, answer.headers, await reader.readexactly(length))

    async def begin(self, path: str, **options: Any) -> Answer:
        """The head of an answer whose body may never end."""
        return (await self._begin("GET", path, b"", **options))[0]

    async def lines(self, path: str, **options: Any) -> AsyncGenerator[bytes, None]:
        """The lines of a streamed answer as they come."""
        answer, reader = await self._begin("GET", path, b"", **options)
        assert answer.status == 200, answer
        rest = b""
        async for chunk in _chunks(reader):
            *complete, rest = (rest + chunk).split(b"\n")
            for line in complete:
                yield line

    async def _begin(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        accept: str = "",
        content_type: str = "application/json",
        user_agent: str = "test/1",
        token: str = "alice",
        headers: dict[str, str] | None = None,
    ) -> tuple[Answer, asyncio.StreamReader]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        self._writers.append(writer)
        sent = {"Host": "x", "User-Agent": user_agent, "Content-Length": str(len(body)), **(headers or {})}
        if accept:
            sent["Accept"] = accept
        if body and content_type:
            sent["Content-Type"] = content_type
        if token:
            sent["Authorization"] = f"Bearer {token}"
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        async with asyncio.timeout(10):
            return await _read_head(reader), reader


async def _read_head(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value for name, _, value in pairs})


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readline()
