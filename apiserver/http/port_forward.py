"""port-forward: connections to a pod's ports over SPDY (bare or within a WebSocket), or over WebSocket channels.

Over SPDY a client opens a pair of streams per connection, an error stream and a data stream, told by `requestid` to
belong together. Over WebSocket channels there is one connection per port named in the URL, for the socket's life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

from apimachinery.errors import bad_request
from apiserver.http.kubelets import call_error, frames
from apiserver.http.limits import PORT_FORWARD_STREAMS
from apiserver.http.message import WEBSOCKET, Answer, HttpRequest
from apiserver.http.upgrades import listed, run_session, spdy_session, websocket
from proto import kubelet_pb2
from wire import trace
from wire.streams import channels
from wire.streams.channels import PORT_FORWARD_PROTOCOLS, BadFrame, Channel, ChannelSocket
from wire.streams.spdy import SpdySession, SpdyStream, StreamReset, WebSocketDuplex
from wire.streams.websocket import WebSocket, WebSocketClosed

PROTOCOL: Final = "portforward.k8s.io"
TUNNEL: Final = f"SPDY/3.1+{PROTOCOL}"

Open = Callable[[int], Any]
"""Starts a kubelet's PortForward call for a port."""
Write = Callable[[bytes], Awaitable[None]]


async def serve_port_forward(request: HttpRequest, dial: Callable[[], Any], pod: kubelet_pb2.PodRef) -> Answer:
    """`dial` begins a kubelet's call. Raises ApiError 400 for ports that are none."""
    traceparent = trace.sending()

    def open_port(port: int) -> Any:
        token = trace.attach(traceparent)
        try:
            return Connection(dial(), pod, port)
        finally:
            trace.detach(token)

    async def over_session(session: SpdySession) -> None:
        await SpdyForwarder(session, open_port).run()

    async def over_spdy(session: SpdySession, _protocol: str) -> None:
        await over_session(session)

    async def tunnelled(connection: WebSocket) -> None:
        await run_session(SpdySession(WebSocketDuplex(connection), server=True), over_session)

    if request.upgrade != WEBSOCKET:
        return spdy_session(request, (PROTOCOL,), over_spdy)
    if TUNNEL in listed(request, "sec-websocket-protocol"):
        return websocket(request, (TUNNEL,), tunnelled)
    ports = ports_of(request)

    async def over_channels(connection: WebSocket) -> None:
        await ChannelForwarder(ChannelSocket(connection), ports, open_port).run()

    return websocket(request, PORT_FORWARD_PROTOCOLS, over_channels)


def ports_of(request: HttpRequest) -> list[int]:
    """The `ports` of the query, repeated or joined by commas. Raises ApiError 400."""
    texts = [text for value in request.query.get("ports", ()) for text in value.split(",") if text]
    ports = [parse_port(text) for text in texts]
    if not ports:
        raise bad_request('query parameter "ports" is required')
    return ports


def parse_port(text: str) -> int:
    """Raises ApiError 400."""
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise bad_request(f"unable to parse {text!r} as a port")
    return int(text)


class Connection:
    """One connection to a port: the kubelet's call, with both directions of its data."""

    def __init__(self, call: Any, pod: kubelet_pb2.PodRef, port: int) -> None:
        self._call = call
        self._start = kubelet_pb2.StreamFrame(start=kubelet_pb2.StreamStart(pod=pod, port=port))
        self.port = port

    async def start(self) -> None:
        await self._send(self._start)

    async def write(self, data: bytes) -> None:
        await self._send(kubelet_pb2.StreamFrame(channel=Channel.STDIN, data=data))

    async def finish(self) -> None:
        """The client sends no more."""
        await self._send(kubelet_pb2.StreamFrame(channel=Channel.STDIN, close=True))

    async def _send(self, frame: kubelet_pb2.StreamFrame) -> None:
        try:
            await self._call.write(frame)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # it has ended: whoever reads learns why

    async def pump(self, data: Write, error: Write) -> None:
        """Hand on what comes from the pod, and in the end what went wrong, if anything did."""
        try:
            async for frame in frames(self._call):
                if frame.data:
                    await (error if frame.channel == Channel.ERROR else data)(frame.data)
                if frame.close and frame.channel != Channel.ERROR:
                    return
        except grpc.aio.AioRpcError as failure:
            await error(call_error(failure).message.encode())

    def cancel(self) -> None:
        self._call.cancel()


class SpdyForwarder:
    """Pairs the streams of a session and forwards each pair."""

    def __init__(self, session: SpdySession, open_port: Open) -> None:
        self._session = session
        self._open = open_port
        self._errors: dict[str, SpdyStream] = {}
        self._under_way = 0

    async def run(self) -> None:
        """Until the client goes."""
        async with asyncio.TaskGroup() as group:
            tasks = set()
            while (stream := await self._session.accept()) is not None:
                kind = stream.headers.get("streamtype")
                if kind == "error" and len(self._errors) < PORT_FORWARD_STREAMS:
                    self._errors[_request_id(stream)] = stream
                elif kind == "data" and self._under_way < PORT_FORWARD_STREAMS:
                    task = group.create_task(self._forward(stream, self._errors.pop(_request_id(stream), None)))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                else:
                    await stream.reset()
            for task in tasks:
                task.cancel()

    async def _forward(self, data: SpdyStream, error: SpdyStream | None) -> None:
        port = data.headers.get("port", "")
        if error is None or not port.isdigit() or not 0 < int(port) < 65536:
            await data.reset()
            return
        self._under_way += 1
        connection = self._open(int(port))
        try:
            await self._bridge(connection, data, error)
        except* StreamReset:
            pass  # the client has dropped this connection
        finally:
            self._under_way -= 1
            connection.cancel()
            data.abandon()
            await data.finish()
            await error.finish()

    @staticmethod
    async def _bridge(connection: Connection, data: SpdyStream, error: SpdyStream) -> None:
        async def upward() -> None:
            while received := await data.read():
                await connection.write(received)
            await connection.finish()

        await connection.start()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(upward())
            await connection.pump(data.write, error.write)
            sending.cancel()


def _request_id(stream: SpdyStream) -> str:
    """Clients too old to send one open the data stream right after its error stream."""
    given = stream.headers.get("requestid", "")
    if given:
        return given
    return f"#{stream.id - 2 if stream.headers.get('streamtype') == 'data' else stream.id}"


class ChannelForwarder:
    """One connection per port, two channels each."""

    def __init__(self, socket: ChannelSocket, ports: list[int], open_port: Open) -> None:
        self._socket = socket
        self._connections: list[Connection] = [open_port(port) for port in ports]

    async def run(self) -> None:
        """Until the client goes, or every port's connection has ended."""
        try:
            for connection in self._connections:
                await connection.start()
            async with asyncio.TaskGroup() as group:
                receiving = group.create_task(self._receive())
                async with asyncio.TaskGroup() as pumping:
                    for index, connection in enumerate(self._connections):
                        pumping.create_task(self._pump(index, connection))
                receiving.cancel()
            await self._socket.close()
        except* WebSocketClosed:
            pass  # the client has gone
        finally:
            for connection in self._connections:
                connection.cancel()

    async def _pump(self, index: int, connection: Connection) -> None:
        for channel in (2 * index, 2 * index + 1):
            await self._socket.send(channel, channels.port_message(connection.port))
        await connection.pump(
            lambda data: self._socket.send(2 * index, data), lambda text: self._socket.send(2 * index + 1, text)
        )

    async def _receive(self) -> None:
        try:
            while (frame := await self._socket.receive()) is not None:
                index, is_error = divmod(frame.channel, 2)
                if index < len(self._connections) and not is_error and frame.data:
                    await self._connections[index].write(frame.data)
        except BadFrame as error:
            await self._socket.close(1002, str(error))
        raise WebSocketClosed(self._socket.websocket.close_code or 1006)
