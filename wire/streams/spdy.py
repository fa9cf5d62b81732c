"""SPDY/3.1 as Kubernetes speaks it: many streams over one connection, which is a socket or a WebSocket.

A session's `run` is its read loop; give it a task. Streams buffer what nobody has read yet, up to a bound; past that
the whole connection is left unread, as there are no windows in this dialect of SPDY.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from wire.streams import spdy_frames as frames
from wire.streams.limits import CLOSE_SECONDS, READ_BYTES, SPDY_BUFFER_BYTES, SPDY_DATA_BYTES, SPDY_STREAMS
from wire.streams.spdy_frames import Data, Framer, GoAway, Ping, Rst, SpdyError, SynReply, SynStream
from wire.streams.websocket import WebSocket, WebSocketClosed

PROTOCOL = "SPDY/3.1"


class Duplex(Protocol):
    """A connection's bytes. `read` gives b"" at the end; `write` raises OSError once it cannot."""

    async def read(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


class SocketDuplex:
    """Over an upgraded HTTP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        try:
            return await self._reader.read(READ_BYTES)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()


class WebSocketDuplex:
    """Inside binary messages (`SPDY/3.1+portforward.k8s.io`)."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def read(self) -> bytes:
        while (message := await self._websocket.receive()) is not None:
            if message:
                return message
        return b""

    async def write(self, data: bytes) -> None:
        try:
            await self._websocket.send(data)
        except WebSocketClosed as error:
            raise ConnectionResetError(str(error)) from None

    async def close(self) -> None:
        await self._websocket.close()


class StreamReset(Exception):
    """Writing to a stream that the peer has reset, or whose connection is gone."""


class SpdyStream:
    """One stream. `read` until b"", `write`, then `finish`; or `reset`."""

    def __init__(self, session: SpdySession, stream_id: int, headers: dict[str, str]) -> None:
        self.id = stream_id
        self.headers = headers
        self._session = session
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False  # the peer sends no more
        self._finished = False  # we send no more
        self._abandoned = False

    async def read(self) -> bytes:
        """What has arrived, b"" once the peer has finished, or reset, or gone."""
        while not self._chunks:
            if self._ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._room.set()
        return data

    async def write(self, data: bytes) -> None:
        """Send; waits while the peer reads too slowly. Raises StreamReset."""
        for start in range(0, len(data), SPDY_DATA_BYTES):
            if self._finished:
                raise StreamReset(f"stream {self.id} is closed")
            await self._session._write(frames.data_frame(self.id, data[start : start + SPDY_DATA_BYTES]))

    async def finish(self) -> None:
        """No more from us (FIN). Harmless when repeated, or when the peer is gone."""
        if self._finished:
            return
        self._finished = True
        self._session._forget_if_done(self)
        try:
            await self._session._write(frames.data_frame(self.id, b"", fin=True))
        except StreamReset:
            return  # nobody is left who could miss it

    async def reset(self, status: int = frames.CANCEL) -> None:
        if self._finished and self._ended:
            return
        self._end_both()
        self._session._forget_if_done(self)
        try:
            await self._session._write(frames.rst(self.id, status))
        except StreamReset:
            return

    def abandon(self) -> None:
        """Nobody will read this stream any more: what still comes is thrown away."""
        self._abandoned = True
        self._chunks.clear()
        self._size = 0
        self._room.set()

    async def _arrived(self, data: bytes, fin: bool) -> None:
        if data and not self._ended and not self._abandoned:
            while self._size >= SPDY_BUFFER_BYTES and not self._abandoned:
                self._room.clear()
                await self._room.wait()
            self._chunks.append(data)
            self._size += len(data)
        self._ended = self._ended or fin
        self._changed.set()

    def _end_both(self) -> None:
        self._ended = self._finished = True
        self._changed.set()
        self._room.set()


class SpdySession:
    """One connection. The server's streams have even numbers, the client's odd ones."""

    def __init__(self, duplex: Duplex, *, server: bool) -> None:
        self._duplex = duplex
        self._framer = Framer()
        self._streams: dict[int, SpdyStream] = {}
        self._incoming: deque[SpdyStream] = deque()
        self._arrival = asyncio.Event()
        self._next_id = 2 if server else 1
        self._last_seen = 0
        self._going_away = False
        self._gone = False

    async def run(self) -> None:
        """Read until the peer is gone. Returns quietly then, and on a broken protocol after saying GOAWAY."""
        try:
            while data := await self._duplex.read():
                for frame in self._framer.feed(data):
                    await self._take(frame)
        except SpdyError:
            await self._try_write(frames.goaway(self._last_seen, frames.PROTOCOL_ERROR))
        except StreamReset:
            return
        finally:
            self._gone = True
            self._stop_accepting()
            for stream in self._streams.values():
                stream._end_both()
            self._streams.clear()

    async def accept(self) -> SpdyStream | None:
        """The next stream that the peer opens, already replied to; None once there can be no more."""
        while not self._incoming:
            if self._going_away:
                return None
            self._arrival.clear()
            await self._arrival.wait()
        return self._incoming.popleft()

    async def open(self, headers: Mapping[str, str]) -> SpdyStream:
        """Open a stream. Does not wait for the reply: a refusal shows as a reset. Raises StreamReset."""
        stream = SpdyStream(self, self._next_id, {})
        self._next_id += 2
        self._streams[stream.id] = stream
        await self._write(self._framer.syn_stream(stream.id, headers))
        return stream

    async def close(self) -> None:
        """Say GOAWAY, give the peer a moment to take what was sent and hang up, and cut the connection.

        `run` must still be running, or have ended.
        """
        self._stop_accepting()
        await self._try_write(frames.goaway(self._last_seen))
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while not self._gone:
                    for stream in self._streams.values():
                        stream.abandon()
                    self._arrival.clear()
                    await self._arrival.wait()
        except TimeoutError:
            self._gone = True
        finally:
            await self._duplex.close()

    async def _take(self, frame: frames.Frame) -> None:
        match frame:
            case SynStream():
                await self._take_syn_stream(frame)
            case Data(number, data, fin):
                if (stream := self._streams.get(number)) is not None:
                    await stream._arrived(data, fin)
                    self._forget_if_done(stream)
            case SynReply(number, _, fin):
                if fin and (stream := self._streams.get(number)) is not None:
                    await stream._arrived(b"", True)
            case Rst(number, _):
                if (stream := self._streams.pop(number, None)) is not None:
                    stream._end_both()
            case Ping(number):
                if number % 2 != self._next_id % 2:
                    await self._write(frames.ping(number))
            case GoAway():
                self._stop_accepting()

    async def _take_syn_stream(self, frame: SynStream) -> None:
        if frame.stream % 2 == self._next_id % 2 or frame.stream <= self._last_seen:
            await self._write(frames.rst(frame.stream, frames.PROTOCOL_ERROR))
            return
        if self._going_away or len(self._streams) >= SPDY_STREAMS:
            await self._write(frames.rst(frame.stream, frames.REFUSED_STREAM))
            return
        self._last_seen = frame.stream
        stream = SpdyStream(self, frame.stream, frame.headers)
        stream._ended = frame.fin
        self._streams[stream.id] = stream
        await self._write(self._framer.syn_reply(stream.id))
        self._incoming.append(stream)
        self._arrival.set()

    def _stop_accepting(self) -> None:
        self._going_away = True
        self._arrival.set()

    def _forget_if_done(self, stream: SpdyStream) -> None:
        if stream._ended and stream._finished:
            self._streams.pop(stream.id, None)

    async def _write(self, data: bytes) -> None:
        if self._gone:
            raise StreamReset("the connection is gone")
        try:
            await self._duplex.write(data)
        except OSError as error:
            raise StreamReset(str(error)) from None

    async def _try_write(self, data: bytes) -> None:
        try:
            await self._write(data)
        except StreamReset:
            return
