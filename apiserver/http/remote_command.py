"""exec and attach: a client's WebSocket or SPDY streams on one side, the kubelet's gRPC stream on the other.

The end is always told the same way: a Status on the error channel, then every stream is closed, then the connection,
normally. A client that sees it closed otherwise reports an error, whatever the command did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import grpc
import orjson

from apiserver.http.kubelets import call_error, frames
from apiserver.http.limits import STREAM_ACCEPT_SECONDS, STREAM_CREATION_SECONDS
from apiserver.http.message import WEBSOCKET, Answer, HttpRequest, Upgrade
from apiserver.http.upgrades import spdy_session, websocket
from proto import kubelet_pb2
from wire.streams import channels
from wire.streams.channels import EXEC_PROTOCOLS, V4, BadFrame, Channel, ChannelSocket, Frame
from wire.streams.spdy import SpdySession, SpdyStream, StreamReset
from wire.streams.websocket import WebSocket, WebSocketClosed

SPDY_PROTOCOLS: Final = (V4, "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
_RESIZING: Final = (V4, "v3.channel.k8s.io")
_STREAM_TYPES: Final = {
    "stdin": Channel.STDIN,
    "stdout": Channel.STDOUT,
    "stderr": Channel.STDERR,
    "error": Channel.ERROR,
    "resize": Channel.RESIZE,
}

Send = Callable[[Frame], Awaitable[None]]


class ClientGone(Exception):
    """The client hung up before the command ended."""


class Client(Protocol):
    """The client's side of a remote command."""

    async def pump(self, send: Send) -> None:
        """Pass on what the client says until it has no more to say. Raises ClientGone."""

    async def send(self, channel: int, data: bytes) -> None:
        """Raises ClientGone."""

    async def end(self, channel: int) -> None:
        """Nothing more will come on this channel."""

    async def finish(self, status: bytes) -> None:
        """Tell how it ended and close everything."""


async def serve_remote_command(request: HttpRequest, dial: Callable[[], Any], start: kubelet_pb2.StreamStart) -> Answer:
    """`dial` begins the kubelet's call.

    Raises ApiError for what the kubelet refuses at once; what it refuses later is told in the Status.
    """
    call = dial()
    await begin(call, kubelet_pb2.StreamFrame(start=start))

    async def over_websocket(connection: WebSocket) -> None:
        await run(call, WebSocketClient(ChannelSocket(connection), start))

    async def over_spdy(session: SpdySession, protocol: str) -> None:
        client = SpdyClient(session, protocol, start)
        if await client.collect():
            await run(call, client)
        else:
            call.cancel()

    if request.upgrade == WEBSOCKET:
        answer = websocket(request, EXEC_PROTOCOLS, over_websocket)
    else:
        answer = spdy_session(request, SPDY_PROTOCOLS, over_spdy)
    if not isinstance(answer, Upgrade):
        call.cancel()
    return answer


async def begin(call: Any, start: kubelet_pb2.StreamFrame) -> None:
    """Send the first frame; give the kubelet a moment to refuse while HTTP can still say so. Raises ApiError."""
    accepted = asyncio.ensure_future(call.initial_metadata())
    try:
        await call.write(start)
        await asyncio.wait((accepted,), timeout=STREAM_ACCEPT_SECONDS)
        if call.done() and await call.code() is not grpc.StatusCode.OK:
            await call.read()
    except grpc.aio.AioRpcError as error:
        raise call_error(error) from None
    except BaseException:
        call.cancel()
        raise
    finally:
        accepted.cancel()


async def run(call: Any, client: Client) -> None:
    """Bridge both ways until the kubelet ends the stream, or the client is gone."""
    writing = asyncio.Lock()  # gRPC takes one message at a time, and a client may speak on two streams

    async def send(frame: Frame) -> None:
        async with writing:
            await _write(call, frame)

    try:
        async with asyncio.TaskGroup() as group:
            upward = group.create_task(client.pump(send))
            status = await _downward(call, client)
            upward.cancel()
        await client.finish(status)
    except* ClientGone:
        pass  # the command ends with the call
    finally:
        call.cancel()


async def _write(call: Any, frame: Frame) -> None:
    try:
        await call.write(kubelet_pb2.StreamFrame(channel=frame.channel, data=frame.data, close=frame.close))
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return  # the stream has ended: the reading side learns why


async def _downward(call: Any, client: Client) -> bytes:
    """Gives the Status with which it ended."""
    status = bytearray()
    try:
        async for frame in frames(call):
            if frame.channel == Channel.ERROR:
                status += frame.data
                continue
            if frame.data:
                await client.send(frame.channel, frame.data)
            if frame.close:
                await client.end(frame.channel)
    except grpc.aio.AioRpcError as error:
        refused = call_error(error)
        return channels.failure_status(refused.message, reason=refused.reason, code=refused.code)
    return bytes(status) or channels.failure_status("the kubelet ended the stream without saying how it went")


class WebSocketClient:
    """All channels on one connection."""

    def __init__(self, socket: ChannelSocket, start: kubelet_pb2.StreamStart) -> None:
        self._socket = socket
        wanted = ((start.stdout, Channel.STDOUT), (start.stderr, Channel.STDERR))
        self._lowest = next((channel for asked, channel in wanted if asked), Channel.ERROR)

    async def pump(self, send: Send) -> None:
        await self.send(self._lowest, b"")
        try:
            while (frame := await self._socket.receive()) is not None:
                if frame.channel in (Channel.STDIN, Channel.RESIZE):
                    await send(frame)
        except BadFrame as error:
            await self._socket.close(1002, str(error))
        raise ClientGone

    async def send(self, channel: int, data: bytes) -> None:
        try:
            await self._socket.send(channel, data)
        except WebSocketClosed:
            raise ClientGone from None

    async def end(self, channel: int) -> None:
        try:
            await self._socket.half_close(channel)
        except WebSocketClosed:
            raise ClientGone from None

    async def finish(self, status: bytes) -> None:
        await self.send(Channel.ERROR, status)
        await self._socket.close()


class SpdyClient:
    """A stream per channel, which the client opens."""

    def __init__(self, session: SpdySession, protocol: str, start: kubelet_pb2.StreamStart) -> None:
        self._session = session
        self._protocol = protocol
        self._streams: dict[int, SpdyStream] = {}
        wanted = {Channel.STDIN: start.stdin, Channel.STDOUT: start.stdout, Channel.STDERR: start.stderr}
        self._expected = {channel for channel, asked in wanted.items() if asked} | {Channel.ERROR}
        if start.tty and protocol in _RESIZING:
            self._expected.add(Channel.RESIZE)

    async def collect(self) -> bool:
        """Wait until the client has opened every stream it announced. False if it does not."""
        try:
            async with asyncio.timeout(STREAM_CREATION_SECONDS):
                while self._expected - set(self._streams):
                    stream = await self._session.accept()
                    if stream is None:
                        return False
                    channel = _STREAM_TYPES.get(stream.headers.get("streamtype", ""))
                    if channel is None or channel in self._streams:
                        await stream.reset()
                    else:
                        self._streams[channel] = stream
        except (TimeoutError, StreamReset):
            return False
        return True

    async def pump(self, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_connection())
            for channel in (Channel.STDIN, Channel.RESIZE):
                if channel in self._streams:
                    group.create_task(self._pump_stream(channel, send))

    async def _pump_stream(self, channel: Channel, send: Send) -> None:
        while data := await self._streams[channel].read():
            await send(Frame(channel, data))
        if channel is Channel.STDIN:
            await send(Frame(channel, close=True))

    async def _watch_connection(self) -> None:
        """No more streams can come once the client has gone; until then, nothing else is expected of it."""
        while (stream := await self._session.accept()) is not None:
            await stream.reset()
        raise ClientGone

    async def send(self, channel: int, data: bytes) -> None:
        stream = self._streams.get(channel)
        if stream is None:
            return
        try:
            await stream.write(data)
        except StreamReset:
            raise ClientGone from None

    async def end(self, channel: int) -> None:
        if channel in self._streams:
            await self._streams[channel].finish()

    async def finish(self, status: bytes) -> None:
        text = status if self._protocol == V4 else _as_text(status)
        if text:
            await self.send(Channel.ERROR, text)
        for stream in self._streams.values():
            await stream.finish()


def _as_text(status: bytes) -> bytes:
    """What protocols before v4 say: nothing of a success, a failure's message."""
    body = orjson.loads(status)
    return b"" if body.get("status") == "Success" else str(body.get("message", "")).encode()
