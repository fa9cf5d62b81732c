"""Endless answers of the engine on the event loop: plain HTTP/1.1 with chunked bodies, and hijacked connections.

Only what the engine speaks: one request per connection, no redirects, no compression.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from apimachinery.errors import ApiError
from apimachinery.patience import patience
from cri.docker.refusals import refusal, silent
from cri.limits import DOCKER_LINE_BYTES, DOCKER_PING_SECONDS, STREAM_BYTES

_VERSION = "/v1.41"
_MAX_ERROR_BYTES = 64 * 1024


class EngineStream:
    """One answer under way. After an upgrade it carries bytes both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, chunked: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._chunked = chunked

    async def chunks(self) -> AsyncIterator[bytes]:
        """Ends where the engine ended it. Raises ApiError if the connection broke before."""
        try:
            if self._chunked:
                async for chunk in self._dechunked():
                    yield chunk
            else:
                while data := await self._reader.read(STREAM_BYTES):
                    yield data
        except (OSError, EOFError, ValueError) as error:
            raise silent(error) from None

    async def _dechunked(self) -> AsyncIterator[bytes]:
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)

    async def lines(self) -> AsyncIterator[bytes]:
        """For streams of JSON documents, one a line."""
        buffer = b""
        async for chunk in self.chunks():
            *whole, buffer = (buffer + chunk).split(b"\n")
            for line in whole:
                if line.strip():
                    yield line
            if len(buffer) > DOCKER_LINE_BYTES:
                raise ApiError("InternalError", f"the engine sent a line of more than {DOCKER_LINE_BYTES} bytes")

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def write_eof(self) -> None:
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()


@asynccontextmanager
async def open_stream(
    address: str,
    method: str,
    path: str,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    *,
    upgrade: bool = False,
) -> AsyncIterator[EngineStream]:
    """Ask, and read the answer in the body of the `with`. Raises ApiError as `Engine.call` does."""
    try:
        async with patience(DOCKER_PING_SECONDS):
            reader, writer = await _connect(address)
    except (OSError, TimeoutError) as error:
        raise silent(error or "connecting timed out") from None
    try:
        writer.write(_request(method, path, query or {}, body, upgrade=upgrade))
        yield await _answer(reader, writer)
    finally:
        writer.close()


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(address)
    if parts.scheme in ("unix", "http+unix"):
        return await asyncio.open_unix_connection(parts.path, limit=STREAM_BYTES * 4)
    return await asyncio.open_connection(parts.hostname, parts.port or 2375, limit=STREAM_BYTES * 4)


def _request(
    method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None, *, upgrade: bool
) -> bytes:
    target = _VERSION + quote(path) + (f"?{urlencode(query)}" if query else "")
    content = json.dumps(body).encode() if body is not None else b""
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(content)}"] if method == "POST" else []
    lines += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else []
    return "\r\n".join([*lines, "", ""]).encode() + content


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> EngineStream:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except (OSError, EOFError) as error:
        raise silent(error) from None
    status = int(head[0].split(" ")[1])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    if status >= 400:
        raise refusal(status, await _error_text(reader, headers, chunked))
    return EngineStream(reader, writer, chunked=chunked)


async def _error_text(reader: asyncio.StreamReader, headers: Mapping[str, str], chunked: bool) -> str:
    length = int(headers.get("content-length", 0))
    if chunked:
        length = int((await reader.readuntil(b"\r\n")).strip() or b"0", 16)
    body = await reader.readexactly(min(length, _MAX_ERROR_BYTES))
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
