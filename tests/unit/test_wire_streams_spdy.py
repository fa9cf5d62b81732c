"""SPDY/3.1: frames as bytes, and two sessions talking over a pair of queues and over a WebSocket."""

import asyncio
import zlib

import pytest

from apimachinery.clock import settle
from wire.streams import spdy_frames as frames
from wire.streams.limits import SPDY_BUFFER_BYTES
from wire.streams.spdy import SpdySession, StreamReset, WebSocketDuplex
from wire.streams.spdy_frames import Data, Framer, GoAway, Ping, Rst, SpdyError, SynReply, SynStream
from wire.streams.websocket import Handshake, connect_websocket, serve_websockets


def test_dictionary_is_the_specified_one() -> None:
    assert len(frames.DICTIONARY) == 1423
    assert zlib.adler32(frames.DICTIONARY) == 0xE3C6A7C2


def test_frames_round_trip_through_one_header_state() -> None:
    sender, receiver = Framer(), Framer()
    sent = [
        sender.syn_stream(1, {"StreamType": "error", "port": "80", "requestID": "0"}),
        sender.syn_stream(3, {"streamtype": "data", "port": "80", "requestid": "0"}, fin=True),
        sender.syn_reply(2),
        frames.rst(3, frames.CANCEL),
        frames.ping(7),
        frames.goaway(3),
        frames.data_frame(1, b"hello"),
        frames.data_frame(1, b"", fin=True),
    ]
    assert list(receiver.feed(b"".join(sent))) == [
        SynStream(1, {"streamtype": "error", "port": "80", "requestid": "0"}),
        SynStream(3, {"streamtype": "data", "port": "80", "requestid": "0"}, True),
        SynReply(2, {}),
        Rst(3, frames.CANCEL),
        Ping(7),
        GoAway(3, 0),
        Data(1, b"hello"),
        Data(1, b"", True),
    ]


def test_byte_by_byte() -> None:
    sender, receiver = Framer(), Framer()
    stream = sender.syn_stream(1, {"a": "b"}) + frames.data_frame(1, b"xyz", fin=True) + frames.ping(1)
    got = [frame for byte in stream for frame in receiver.feed(bytes((byte,)))]
    assert got == [SynStream(1, {"a": "b"}), Data(1, b"x"), Data(1, b"y"), Data(1, b"z", True), Ping(1)]


@pytest.mark.parametrize(
    "bad",
    [
        b"\x80\x02\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01",
        b"\x80\x03\x00\x01\x00\x00\x00\x0e" + bytes(10) + b"junk",
        b"\x80\x03\x00\x03\x00\x00\x00\x02\x00\x00",
        b"\x80\x03\x00\x01\x00\xff\xff\xff",
    ],
    ids=["version", "zlib", "truncated", "huge"],
)
def test_broken_frames(bad: bytes) -> None:
    with pytest.raises(SpdyError):
        list(Framer().feed(bad))


class QueueDuplex:
    def __init__(self, inbox: asyncio.Queue[bytes], outbox: asyncio.Queue[bytes]) -> None:
        self.inbox, self.outbox = inbox, outbox

    async def read(self) -> bytes:
        return await self.inbox.get()

    async def write(self, data: bytes) -> None:
        await self.outbox.put(data)

    async def close(self) -> None:
        await self.outbox.put(b"")


def pair() -> tuple[SpdySession, SpdySession]:
    one: asyncio.Queue[bytes] = asyncio.Queue(64)
    two: asyncio.Queue[bytes] = asyncio.Queue(64)
    return SpdySession(QueueDuplex(one, two), server=False), SpdySession(QueueDuplex(two, one), server=True)


async def read_all(stream: object) -> bytes:
    read, taken = stream.read, b""  # type: ignore[attr-defined]
    while data := await read():
        taken += data
    return taken


async def test_streams_both_ways() -> None:
    client, server = pair()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.run()), group.create_task(server.run())]
        error = await client.open({"streamtype": "error"})
        data = await client.open({"streamtype": "data"})
        await error.finish()
        await data.write(b"x" * 100_000)
        await data.finish()
        first, second = await server.accept(), await server.accept()
        assert first is not None and second is not None
        assert (first.headers, second.headers) == ({"streamtype": "error"}, {"streamtype": "data"})
        assert await first.read() == b""
        assert await read_all(second) == b"x" * 100_000
        await second.write(b"answer")
        await second.finish()
        assert await read_all(data) == b"answer"
        await first.finish()
        await settle()
        assert not client._streams and not server._streams
        for task in tasks:
            task.cancel()


async def test_reset_and_the_end_of_a_connection() -> None:
    client, server = pair()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(client.run())
        group.create_task(server.run())
        stream = await client.open({})
        other = await client.open({})
        theirs = await server.accept()
        assert theirs is not None
        await theirs.reset()
        assert await stream.read() == b""
        with pytest.raises(StreamReset):
            await stream.write(b"x")
        await client._duplex.close()
        assert await server.accept() is not None
        assert await server.accept() is None
        await server._duplex.close()
        await running
        assert await other.read() == b""
        with pytest.raises(StreamReset):
            await other.write(b"x")


async def test_an_unread_stream_stops_the_connection_until_read() -> None:
    client, server = pair()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.run()), group.create_task(server.run())]
        stream = await client.open({})
        writing = group.create_task(stream.write(bytes(4 * SPDY_BUFFER_BYTES)))
        theirs = await server.accept()
        assert theirs is not None
        await settle(500)
        assert not writing.done()
        assert theirs._size < SPDY_BUFFER_BYTES + 64 * 1024
        taken = 0
        while taken < 4 * SPDY_BUFFER_BYTES:
            taken += len(await theirs.read())
        await writing
        for task in tasks:
            task.cancel()


async def test_over_a_websocket() -> None:
    async def serve(request: Handshake) -> None:
        session = SpdySession(WebSocketDuplex(await request.accept()), server=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(session.run())
            stream = await session.accept()
            assert stream is not None
            await stream.write(await stream.read())
            await stream.finish()
            await session.close()

    async with serve_websockets("127.0.0.1", 0, serve) as port:
        websocket = await connect_websocket(f"ws://127.0.0.1:{port}/")
        session = SpdySession(WebSocketDuplex(websocket), server=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(session.run())
            stream = await session.open({"streamtype": "data"})
            await stream.write(b"ping")
            assert await stream.read() == b"ping"
            assert await stream.read() == b""
            await websocket.close()
