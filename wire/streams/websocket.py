"""WebSocket (RFC 6455) over asyncio streams: a client, a server, and the connection that both use.

Framing is wsproto's. Reading is by demand: nothing is taken from the socket before `receive` asks, so a slow reader
slows its peer down and no queue is needed; pings are answered while someone waits in `receive`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

import wsproto
from wsproto import events
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.utilities import RemoteProtocolError

from wire.limits import WEBSOCKET_MESSAGE_BYTES
from wire.streams.limits import (
    CLOSE_SECONDS,
    HANDSHAKE_BYTES,
    HANDSHAKE_SECONDS,
    READ_BYTES,
    READER_BYTES,
    WEBSOCKET_CONNECTIONS,
)

log = logging.getLogger(__name__)

NORMAL = 1000
GOING_AWAY = 1001
ABNORMAL = 1006
TOO_BIG = 1009
INTERNAL_ERROR = 1011

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketClosed(Exception):
    """Sending on a connection that is closed. `code` is the close code, 1006 if there was none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"WebSocket is closed ({code})")
        self.code = code


class HandshakeFailed(Exception):
    """The server refused the upgrade. `status` is its HTTP status, 0 if it did not answer as HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"WebSocket handshake failed: {status} {reason}".rstrip())
        self.status = status


class WebSocket:
    """One open connection. One task may receive while others send."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        framing: Connection,
        subprotocol: str = "",
        *,
        max_message: int = WEBSOCKET_MESSAGE_BYTES,
    ) -> None:
        self.subprotocol = subprotocol
        self.close_code: int | None = None
        self._reader = reader
        self._writer = writer
        self._framing = framing
        self._max_message = max_message
        self._partial = bytearray()
        self._messages: deque[bytes] = deque()
        self._reading = asyncio.Lock()
        self._take_events()

    @property
    def is_open(self) -> bool:
        return self._framing.state is ConnectionState.OPEN

    async def receive(self) -> bytes | None:
        """The next message, TEXT as UTF-8; None once the connection is closed (`close_code` says how)."""
        while not self._messages:
            if self.close_code is not None:
                return None
            await self._read_more()
        return self._messages.popleft()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self.receive()) is not None:
            yield message

    async def send(self, data: bytes) -> None:
        """Send one binary message; waits while the peer reads too slowly. Raises WebSocketClosed."""
        await self._send(events.BytesMessage(data=data))

    async def send_text(self, text: str) -> None:
        await self._send(events.TextMessage(data=text))

    async def ping(self) -> None:
        await self._send(events.Ping(payload=b""))

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye, wait a little for the answer so that nothing sent is lost, and cut the connection."""
        try:
            if self._framing.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
                closing = events.CloseConnection(code=code, reason=reason[:120])
                self._writer.write(self._framing.send(closing))
            async with asyncio.timeout(CLOSE_SECONDS):
                while self.close_code is None:
                    self._messages.clear()
                    await self._read_more()
        except (TimeoutError, OSError):
            self.close_code = self.close_code or ABNORMAL
        finally:
            self._writer.close()

    async def _send(self, event: events.Event) -> None:
        if self._framing.state is not ConnectionState.OPEN:
            raise WebSocketClosed(self.close_code or NORMAL)
        try:
            self._writer.write(self._framing.send(event))
            await self._writer.drain()
        except OSError:
            self.close_code = self.close_code or ABNORMAL
            raise WebSocketClosed(ABNORMAL) from None

    async def _read_more(self) -> None:
        async with self._reading:
            if self._messages or self.close_code is not None:
                return
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError:
                data = b""
            if self._framing.state is ConnectionState.CLOSED:
                self.close_code = self.close_code or ABNORMAL
                return
            self._framing.receive_data(data or None)
            self._take_events()

    def _take_events(self) -> None:
        for event in self._framing.events():
            if isinstance(event, events.TextMessage | events.BytesMessage):
                self._take_message(event)
            elif isinstance(event, events.Ping):
                self._reply(event.response())
            elif isinstance(event, events.CloseConnection):
                self._take_close(event)

    def _take_message(self, event: events.TextMessage | events.BytesMessage) -> None:
        data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
        if len(self._partial) + len(data) > self._max_message:
            self._partial.clear()
            self._reply(events.CloseConnection(code=TOO_BIG, reason="message too big"))
            self.close_code = TOO_BIG
            return
        if event.message_finished and not self._partial:
            self._messages.append(data)
            return
        self._partial += data
        if event.message_finished:
            self._messages.append(bytes(self._partial))
            self._partial.clear()

    def _take_close(self, event: events.CloseConnection) -> None:
        if self.close_code is None:
            self.close_code = event.code
        if self._framing.state is ConnectionState.REMOTE_CLOSING:
            self._reply(event.response())

    def _reply(self, event: events.Event) -> None:
        if self._framing.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            self._writer.write(self._framing.send(event))


def accept_token(key: bytes) -> bytes:
    """`Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def upgraded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subprotocol: str) -> WebSocket:
    """The server's side of a connection whose HTTP handshake someone else has done."""
    return WebSocket(reader, writer, Connection(ConnectionType.SERVER), subprotocol)


class Handshake:
    """An upgrade request that waits for an answer: exactly one of `accept` and `reject`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        framing: wsproto.WSConnection,
        request: events.Request,
    ) -> None:
        self.target = request.target
        self.subprotocols = tuple(request.subprotocols)
        self._reader, self._writer, self._framing = reader, writer, framing

    async def accept(self, subprotocol: str = "") -> WebSocket:
        """Finish the handshake with one of `subprotocols`, or none."""
        self._writer.write(self._framing.send(events.AcceptConnection(subprotocol=subprotocol or None)))
        await self._writer.drain()
        assert self._framing.connection is not None
        return WebSocket(self._reader, self._writer, self._framing.connection, subprotocol)

    async def reject(self, status: int, text: str) -> None:
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        refusal = events.RejectConnection(status_code=status, headers=headers, has_body=True)
        self._writer.write(self._framing.send(refusal))
        self._writer.write(self._framing.send(events.RejectData(data=text.encode())))
        await self._writer.drain()


Handler = Callable[[Handshake], Awaitable[None]]


@asynccontextmanager
async def serve_websockets(host: str, port: int, handler: Handler) -> AsyncIterator[int]:
    """Serve plain WebSockets while the body runs; gives the port. `host` may be `unix:/path`, then port is 0.

    `handler` runs once per connection and owns it; when it returns the connection is cut. Handlers still running when
    the body ends are cancelled.
    """
    async with asyncio.TaskGroup() as group:
        connections: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(connections) >= WEBSOCKET_CONNECTIONS:
                writer.transport.abort()
                return
            task = group.create_task(_serve_one(reader, writer, handler))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await _listen(host, port, connected)
        try:
            yield 0 if host.startswith("unix:") else int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in connections:
                task.cancel()


async def _listen(
    host: str, port: int, connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
) -> asyncio.Server:
    if host.startswith("unix:"):
        return await asyncio.start_unix_server(connected, host.removeprefix("unix:"), limit=READER_BYTES)
    return await asyncio.start_server(connected, host, port, limit=READER_BYTES)


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    try:
        framing = wsproto.WSConnection(ConnectionType.SERVER)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            request = await _read_request(reader, writer, framing)
        if request is not None:
            await handler(Handshake(reader, writer, framing, request))
    except (OSError, TimeoutError, WebSocketClosed):
        return  # the client went away: its handler has nobody left to tell
    except Exception:
        log.exception("a WebSocket handler failed")
    finally:
        writer.close()


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: wsproto.WSConnection
) -> events.Request | None:
    taken = 0
    while taken < HANDSHAKE_BYTES:
        data = await reader.read(READ_BYTES)
        if not data:
            return None
        taken += len(data)
        try:
            framing.receive_data(data)
        except RemoteProtocolError as error:
            if error.event_hint is not None:
                writer.write(framing.send(error.event_hint))
                await writer.drain()
            return None
        for event in framing.events():
            if isinstance(event, events.Request):
                return event
    return None


async def connect_websocket(
    url: str,
    subprotocols: Sequence[str] = (),
    *,
    headers: Sequence[tuple[str, str]] = (),
    tls: ssl.SSLContext | None = None,
) -> WebSocket:
    """Connect to `http(s)://`, `ws(s)://` or `http+unix://%2Fpath%2Fsocket/target`.

    Raises HandshakeFailed if the server says no, OSError or TimeoutError if it cannot be reached.
    """
    async with asyncio.timeout(HANDSHAKE_SECONDS):
        reader, writer, host, target = await _dial(url, tls)
        try:
            framing = wsproto.WSConnection(ConnectionType.CLIENT)
            extra = [(name.encode(), value.encode()) for name, value in headers]
            request = events.Request(host=host, target=target, subprotocols=list(subprotocols), extra_headers=extra)
            writer.write(framing.send(request))
            subprotocol = await _read_response(reader, framing)
        except BaseException:
            writer.close()
            raise
    assert framing.connection is not None
    return WebSocket(reader, writer, framing.connection, subprotocol)


async def _dial(url: str, tls: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str, str]:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "http+unix":
        reader, writer = await asyncio.open_unix_connection(unquote(parts.netloc), limit=READER_BYTES)
        return reader, writer, "localhost", target
    secure = parts.scheme in ("https", "wss")
    context = (tls or ssl.create_default_context()) if secure else None
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context, limit=READER_BYTES)
    return reader, writer, parts.netloc, target


async def _read_response(reader: asyncio.StreamReader, framing: wsproto.WSConnection) -> str:
    """The accepted subprotocol. What the server sent right behind its answer stays in the framing."""
    while True:
        data = await reader.read(READ_BYTES)
        try:
            framing.receive_data(data or None)
        except RemoteProtocolError as error:
            raise HandshakeFailed(0, str(error)) from None
        for event in framing.handshake.events():
            if isinstance(event, events.AcceptConnection):
                return event.subprotocol or ""
            if isinstance(event, events.RejectConnection):
                raise HandshakeFailed(event.status_code, "")
        if not data:
            raise HandshakeFailed(0, "the server closed the connection")
