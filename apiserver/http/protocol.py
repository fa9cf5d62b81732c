"""HTTP/1.1 on one connection: parsing by httptools, one request at a time, answers with backpressure.

Requests that a client pipelines wait their turn; while one waits, the connection is not read.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, Final, cast

import httptools

from apiserver.http.limits import (
    BODY_BYTES,
    DISCARD_BYTES,
    GZIP_BYTES,
    GZIP_THREAD_BYTES,
    HEAD_BYTES,
    LINGER_SECONDS,
    WRITE_BYTES,
)
from apiserver.http.message import Answer, HeaderList, HttpRequest, Response, StreamResponse, Upgrade, plain
from wire.streams.limits import READER_BYTES
from wire.tls import Identity

log = logging.getLogger(__name__)

App = Callable[[HttpRequest], Awaitable[Answer]]

_STATUS_LINES: Final = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n" for one in HTTPStatus}


class HttpProtocol(asyncio.Protocol):
    """One connection. `create_task` owns the tasks that answer requests.

    `made` and `lost` are told of the connection's beginning and end; of neither, if the TLS handshake fails.
    """

    def __init__(
        self,
        app: App,
        create_task: Callable[[Any], asyncio.Task[None]],
        made: Callable[[HttpProtocol], None],
        lost: Callable[[HttpProtocol], None],
        date: Callable[[], str],
    ) -> None:
        self._app = app
        self._create_task = create_task
        self._made = made
        self._lost = lost
        self._date = date
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._parser: Any = None
        self._certificate: Identity | None = None
        self._peer = ""
        self._client = ""
        self._waiting: deque[HttpRequest] = deque()
        self._task: asyncio.Task[None] | None = None
        self._can_write: asyncio.Future[None] | None = None
        self._leftover: bytes | None = None  # what came behind a request that asks for another protocol
        self._draining = False
        self._refused = False
        self.streaming = False
        """The answer under way may never end by itself."""
        self.last_active = self._loop.time()
        self._begin_message()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's over TLS does not say that it is one
        self._parser = httptools.HttpRequestParser(self)
        self._certificate = certificate_identity(transport.get_extra_info("peercert"))
        address = transport.get_extra_info("peername")
        self._peer = str(address[0]) if isinstance(address, tuple) else ""
        self._client = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
        self._made(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._waiting.clear()
        self.resume_writing()
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        self.last_active = self._loop.time()
        if self._refused:
            self._discard(len(data))
            return
        if self._leftover is not None:
            self._leftover += data
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._leftover = data[upgrade.args[0] :]
            self._transport.pause_reading()
        except httptools.HttpParserError:
            self._refuse(400, "Bad Request")
        else:
            if self._in_head and self._head_bytes > HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large")

    def pause_writing(self) -> None:
        if self._can_write is None:
            self._can_write = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._can_write is not None and not self._can_write.done():
            self._can_write.set_result(None)
        self._can_write = None

    # --- httptools

    def _begin_message(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        self._target = ""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._discarded = 0

    def on_message_begin(self) -> None:
        self._begin_message()

    def on_url(self, url: bytes) -> None:
        self._target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._headers.get("expect", "").lower() == "100-continue" and self._task is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        if self._discarded or len(self._body) + len(data) > BODY_BYTES:
            self._discard(len(data))
            return
        self._body += data

    def on_message_complete(self) -> None:
        request = HttpRequest(
            self._parser.get_method().decode(),
            self._target,
            self._headers,
            bytes(self._body),
            certificate=self._certificate,
            peer=self._peer,
            client=self._client,
            keep_alive=self._parser.should_keep_alive(),
            too_large=bool(self._discarded),
            version=self._parser.get_http_version(),
        )
        if self._task is None:
            self._start(request)
        else:
            self._waiting.append(request)
            self._transport.pause_reading()

    # --- answering

    def _start(self, request: HttpRequest) -> None:
        self._task = self._create_task(self._serve(request))

    async def _serve(self, request: HttpRequest) -> None:
        try:
            answer = await self._app(request)
            if isinstance(answer, Upgrade):
                await self._upgrade(answer)
                return
            await self._send(request, answer)
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            self._transport.abort()
        self._next(keep_alive=request.keep_alive)

    def _next(self, *, keep_alive: bool) -> None:
        self._task = None
        self.streaming = False
        self.last_active = self._loop.time()
        if self._transport.is_closing():
            return
        if not keep_alive or self._draining:
            self._transport.close()
            return
        if self._leftover is not None:
            self._resume_as_http()
        if self._waiting and self._task is None:
            self._start(self._waiting.popleft())
        if not self._waiting:
            self._transport.resume_reading()

    def _resume_as_http(self) -> None:
        """The client offered another protocol and we went on with HTTP."""
        leftover, self._leftover = self._leftover, None
        self._parser = httptools.HttpRequestParser(self)
        self._transport.resume_reading()
        if leftover:
            self.data_received(leftover)

    async def _send(self, request: HttpRequest, answer: Response | StreamResponse) -> None:
        keep_alive = request.keep_alive and not self._draining
        if isinstance(answer, StreamResponse):
            if request.version == "1.0":
                request.keep_alive = keep_alive = False
            await self._send_stream(answer, keep_alive, chunked=request.version != "1.0")
            return
        body, headers = answer.body, answer.headers
        if len(body) >= GZIP_BYTES and accepts_gzip(request, headers):
            body = await _gzip(body)
            headers = [*headers, ("Content-Encoding", "gzip")]
        head = self._head(answer.status, answer.content_type, headers, keep_alive, f"Content-Length: {len(body)}\r\n")
        if request.method == "HEAD":
            self._transport.write(head)
        elif len(body) <= WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            view = memoryview(body)
            for start in range(0, len(body), WRITE_BYTES):
                await self._drain()
                self._transport.write(view[start : start + WRITE_BYTES])
        await self._drain()

    async def _send_stream(self, answer: StreamResponse, keep_alive: bool, *, chunked: bool) -> None:
        self.streaming = True
        framing = "Transfer-Encoding: chunked\r\n" if chunked else ""
        self._transport.write(self._head(answer.status, answer.content_type, answer.headers, keep_alive, framing))
        async with aclosing(answer.chunks) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                if chunk:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                    await self._drain()
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    def _head(self, status: int, content_type: str, headers: HeaderList, keep_alive: bool, framing: str) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        typed = f"Content-Type: {content_type}\r\n" if content_type else ""
        close = "" if keep_alive else "Connection: close\r\n"
        line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
        return f"{line}{lines}{typed}Date: {self._date()}\r\n{close}{framing}\r\n".encode("latin-1", "replace")

    async def _drain(self) -> None:
        if self._can_write is not None:
            await self._can_write

    async def _upgrade(self, answer: Upgrade) -> None:
        """Hand the connection over: from here on it is a pair of streams."""
        self.streaming = True
        lines = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        self._transport.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode("latin-1"))
        reader = asyncio.StreamReader(limit=READER_BYTES, loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        writer = asyncio.StreamWriter(self._transport, protocol, reader, self._loop)
        if self._leftover:
            reader.feed_data(self._leftover)
        self._transport.resume_reading()
        try:
            await answer.run(reader, writer)
        except OSError as error:
            log.debug("an upgraded connection broke: %s", error)
        finally:
            writer.close()
            self._lost(self)

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > DISCARD_BYTES:
            self._transport.abort()

    def _refuse(self, status: int, text: str) -> None:
        """Answer what is no HTTP, at once if nothing else is under way, and hang up.

        Not before what is still coming has been read for a while: a socket closed over unread bytes is reset, and the
        answer is lost with it.
        """
        self._refused = True
        if self._task is None and not self._transport.is_closing():
            answer = plain(status, text)
            framing = f"Content-Length: {len(answer.body)}\r\n"
            head = self._head(status, answer.content_type, answer.headers, False, framing)
            self._transport.write(head + answer.body)
            if self._transport.can_write_eof():
                self._transport.write_eof()
        self._loop.call_later(LINGER_SECONDS, self._transport.close)

    # --- the server's side

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The answer under way."""
        return self._task

    def drain(self) -> None:
        """Finish what is under way, then hang up."""
        self._draining = True
        if self._task is None:
            self._transport.close()

    def hang_up(self) -> None:
        """End it now; an answer without an end is cut off."""
        if self._task is not None:
            self._task.cancel()
        self._transport.close()


def accepts_gzip(request: HttpRequest, headers: HeaderList) -> bool:
    return "gzip" in request.header("accept-encoding") and all(name != "Content-Encoding" for name, _ in headers)


async def _gzip(body: bytes) -> bytes:
    if len(body) >= GZIP_THREAD_BYTES:
        return await asyncio.to_thread(gzip_compress, body)
    return gzip_compress(body)


def gzip_compress(body: bytes, level: int = 1) -> bytes:
    """Fast rather than small, as upstream."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def certificate_identity(certificate: dict[str, Any] | None) -> Identity | None:
    """CN and O of what `getpeercert` gives; the TLS layer has verified it against the cluster's CA."""
    if not certificate:
        return None
    user, groups = "", []
    for relative_name in certificate.get("subject", ()):
        for key, value in relative_name:
            if key == "commonName":
                user = value
            elif key == "organizationName":
                groups.append(value)
    return Identity(user, tuple(groups))
