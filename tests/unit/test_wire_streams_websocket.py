"""WebSocket client against WebSocket server, over a loopback socket."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from wire.limits import WEBSOCKET_MESSAGE_BYTES
from wire.streams import channels
from wire.streams.channels import ChannelSocket, Frame
from wire.streams.websocket import Handshake, HandshakeFailed, WebSocketClosed, connect_websocket, serve_websockets

Handler = Callable[[Handshake], Awaitable[None]]


async def echo(request: Handshake) -> None:
    websocket = await request.accept(request.subprotocols[0] if request.subprotocols else "")
    async for message in websocket:
        await websocket.send(message)
    await websocket.close()


async def test_echo_and_close() -> None:
    async with serve_websockets("127.0.0.1", 0, echo) as port:
        websocket = await connect_websocket(f"http://127.0.0.1:{port}/exec/abc?x=1", ["v5.channel.k8s.io"])
        assert websocket.subprotocol == "v5.channel.k8s.io"
        for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
            await websocket.send(bytes(size))
            assert await websocket.receive() == bytes(size)
        await websocket.send_text("grüße")
        assert await websocket.receive() == "grüße".encode()
        await websocket.ping()
        await websocket.send(b"after the ping")
        assert await websocket.receive() == b"after the ping"
        await websocket.close(1000, "done")
        assert websocket.close_code == 1000
        with pytest.raises(WebSocketClosed):
            await websocket.send(b"late")
        assert await websocket.receive() is None


async def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    async with serve_websockets(f"unix:{path}", 0, echo):
        websocket = await connect_websocket(f"http+unix://{str(path).replace('/', '%2F')}/attach/1")
        await websocket.send(b"hi")
        assert await websocket.receive() == b"hi"
        await websocket.close()


async def test_server_sees_target_and_can_refuse() -> None:
    seen: list[str] = []

    async def refuse(request: Handshake) -> None:
        seen.append(request.target)
        await request.reject(404, "no such token")

    async with serve_websockets("127.0.0.1", 0, refuse) as port:
        with pytest.raises(HandshakeFailed) as caught:
            await connect_websocket(f"ws://127.0.0.1:{port}/exec/abc?tty=1")
    assert caught.value.status == 404
    assert seen == ["/exec/abc?tty=1"]


async def test_messages_sent_with_the_handshake_are_not_lost() -> None:
    async def eager(request: Handshake) -> None:
        websocket = await request.accept()
        for number in range(5):
            await websocket.send(bytes((number,)))
        await websocket.close(1000)

    async with serve_websockets("127.0.0.1", 0, eager) as port:
        websocket = await connect_websocket(f"ws://127.0.0.1:{port}/")
        assert [message async for message in websocket] == [b"\x00", b"\x01", b"\x02", b"\x03", b"\x04"]
        assert websocket.close_code == 1000
        await websocket.close()


async def test_message_too_big() -> None:
    ended = asyncio.get_running_loop().create_future()

    async def sink(request: Handshake) -> None:
        websocket = await request.accept()
        ended.set_result([await websocket.receive(), websocket.close_code])

    async with serve_websockets("127.0.0.1", 0, sink) as port:
        websocket = await connect_websocket(f"ws://127.0.0.1:{port}/")
        with pytest.raises(WebSocketClosed):
            for _ in range(100):
                await websocket.send(bytes(WEBSOCKET_MESSAGE_BYTES + 1))
        assert await ended == [None, 1009]


async def test_peer_that_vanishes_is_abnormal_closure() -> None:
    async def vanish(request: Handshake) -> None:
        await request.accept()

    async with serve_websockets("127.0.0.1", 0, vanish) as port:
        websocket = await connect_websocket(f"ws://127.0.0.1:{port}/")
        assert await websocket.receive() is None
        assert websocket.close_code == 1006


async def test_a_slow_reader_slows_its_sender() -> None:
    async def stall(request: Handshake) -> None:
        await request.accept()
        await asyncio.Event().wait()

    async with serve_websockets("127.0.0.1", 0, stall) as port:
        websocket = await connect_websocket(f"ws://127.0.0.1:{port}/")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                for _ in range(1000):
                    await websocket.send(bytes(1_000_000))


async def test_channel_socket_half_close() -> None:
    async def run(request: Handshake) -> None:
        protocol = channels.choose(request.subprotocols, channels.EXEC_PROTOCOLS)
        socket = ChannelSocket(await request.accept(protocol or ""))
        taken = bytearray()
        while (frame := await socket.receive()) is not None and not frame.close:
            taken += frame.data
        await socket.send(1, bytes(taken))
        await socket.send(3, channels.exit_status(3))
        await socket.close()

    async with serve_websockets("127.0.0.1", 0, run) as port:
        socket = ChannelSocket(await connect_websocket(f"ws://127.0.0.1:{port}/", [channels.V4, channels.V5]))
        assert socket.protocol == channels.V5
        await socket.send(0, b"ab")
        await socket.send(0, b"cd")
        await socket.half_close(0)
        assert await socket.receive() == Frame(1, b"abcd")
        error = await socket.receive()
        assert error is not None
        assert channels.exit_code(error.data) == 3
        assert await socket.receive() is None
