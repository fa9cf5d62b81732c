"""Logs, exec, attach and port-forward through the front door to a fake kubelet, over WebSocket and SPDY."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.http_client import HttpClient
from tests.support.http_front import Front, front_door, make_certificates
from wire.streams import channels
from wire.streams.channels import V4, V5, ChannelSocket, Frame, Size
from wire.streams.spdy import SocketDuplex, SpdySession, SpdyStream, WebSocketDuplex
from wire.streams.websocket import HandshakeFailed, connect_websocket

POD = "/api/v1/namespaces/default/pods/web"
TUNNEL = "SPDY/3.1+portforward.k8s.io"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory)


@pytest.fixture
async def front(certificates: Path) -> AsyncIterator[Front]:
    async with front_door(certificates, certificates, tls=False) as front:
        front.pod()
        yield front


async def connect(front: Front, path: str, *protocols: str) -> ChannelSocket:
    return ChannelSocket(await connect_websocket(f"ws://127.0.0.1:{front.port}{POD}/{path}", protocols))


async def until_closed(socket: ChannelSocket) -> list[Frame]:
    found = []
    async with asyncio.timeout(10):
        while (frame := await socket.receive()) is not None:
            found.append(frame)
    return found


# --- logs


async def test_logs(front: Front) -> None:
    async with HttpClient(front.port) as client:
        answer = await client.get(f"{POD}/log?tailLines=5&timestamps=true&sinceSeconds=7")
        assert answer.body == b"line 0\nline 1\nline 2\n"
        assert answer.headers["content-type"] == "text/plain"
        [asked] = front.kubelet.logs
        assert (asked.container, asked.tail_lines, asked.timestamps, asked.since_seconds) == ("main", 5, True, 7)
        assert not asked.HasField("limit_bytes")


async def test_followed_logs_are_flushed(front: Front) -> None:
    async with HttpClient(front.port) as client:
        lines = client.lines(f"{POD}/log?follow=true")
        async with asyncio.timeout(5):
            assert [await anext(lines) for _ in range(3)] == [b"line 0", b"line 1", b"line 2"]
        await lines.aclose()


async def test_log_refusals(front: Front) -> None:
    front.pod("two", ("a", "b"))
    async with HttpClient(front.port) as client:
        previous = (await client.get(f"{POD}/log?previous=true")).json()
        assert previous["message"] == 'previous terminated container "main" in pod "web" not found'
        many = (await client.get(f"{POD.replace('web', 'two')}/log")).json()
        assert many["message"] == "a container name must be specified for pod two, choose one of: [a b]"
        wrong = (await client.get(f"{POD}/log?container=x")).json()
        assert (wrong["code"], wrong["message"]) == (400, "container x is not valid for pod web")
        invalid = (await client.get(f"{POD}/log?tailLines=-1")).json()
        assert invalid["code"] == 422


async def test_unreachable_kubelet(front: Front) -> None:
    annotations = {"orrery.dev/kubelet-address": "127.0.0.1:1"}
    front.pipeline.put(
        "nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "annotations": annotations}}
    )
    async with HttpClient(front.port) as client:
        status = (await client.get(f"{POD}/log")).json()
    assert status["code"] == 500
    assert status["message"].startswith("Internal error occurred: error dialing backend: dial tcp 127.0.0.1:1:")


# --- exec over WebSocket


@pytest.mark.parametrize("protocol", [V5, V4, channels.V4_BASE64, channels.V1])
async def test_exec_tells_output_and_exit_code(front: Front, protocol: str) -> None:
    socket = await connect(front, "exec?command=exit&command=3&stdout=true&stderr=true", protocol)
    first, *frames = await until_closed(socket)
    assert first == Frame(1)
    assert frames[:2] == [Frame(1, b"out\n"), Frame(2, b"err\n")]
    assert frames[2].channel == 3 and channels.exit_code(frames[2].data) == 3
    assert socket.websocket.close_code == 1000
    [start] = front.kubelet.starts
    assert (list(start.command), start.container, start.stdin) == (["exit", "3"], "main", False)


async def test_exec_stdin_until_half_close(front: Front) -> None:
    socket = await connect(front, "exec?command=cat&stdin=true&stdout=true", V4, V5)
    assert socket.protocol == V5
    await socket.send(0, b"hello")
    await socket.websocket.send_text("\x00 text")
    await socket.half_close(0)
    frames = await until_closed(socket)
    assert b"".join(frame.data for frame in frames if frame.channel == 1) == b"hello text"
    assert channels.exit_code(frames[-1].data) == 0


async def test_resize(front: Front) -> None:
    socket = await connect(front, "exec?command=size&stdin=true&stdout=true&tty=true", V5)
    await socket.send(4, channels.encode_resize(Size(80, 24)))
    frames = await until_closed(socket)
    assert frames[1].data == b'{"Width":80,"Height":24}\n'


async def test_attach(front: Front) -> None:
    socket = await connect(front, "attach?stdout=true", V5)
    frames = await until_closed(socket)
    assert frames[1] == Frame(1, b"attached\n")


async def test_client_that_leaves_ends_the_command(front: Front) -> None:
    socket = await connect(front, "exec?command=cat&stdin=true&stdout=true", V5)
    await socket.send(0, b"x")
    assert (await socket.receive(), await socket.receive()) == (Frame(1), Frame(1, b"x"))
    await socket.close()


async def test_a_slow_client_gets_everything(front: Front) -> None:
    socket = await connect(front, "exec?command=flood&command=300&stdout=true", V5)
    await asyncio.sleep(0)
    frames = await until_closed(socket)
    assert sum(len(frame.data) for frame in frames if frame.channel == 1) == 300 * 30_000


async def test_refused_upgrades(front: Front) -> None:
    with pytest.raises(HandshakeFailed) as wrong_protocol:
        await connect(front, "exec?command=cat&stdout=true", "v9.channel.k8s.io")
    assert wrong_protocol.value.status == 403
    with pytest.raises(HandshakeFailed) as no_such_command:
        await connect(front, "exec?command=nope&stdout=true", V5)
    assert no_such_command.value.status == 400
    with pytest.raises(HandshakeFailed) as no_pod:
        await connect(front, "exec?stdout=true", V5)
    assert no_pod.value.status == 400
    async with HttpClient(front.port) as client:
        plain = await client.get(f"{POD}/exec?command=cat&stdout=true")
    assert (plain.status, plain.json()["message"]) == (400, "Upgrade request required")


# --- SPDY


@asynccontextmanager
async def spdy(front: Front, path: str, *protocols: str) -> AsyncIterator[SpdySession]:
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    versions = "".join(f"X-Stream-Protocol-Version: {protocol}\r\n" for protocol in protocols)
    head = f"POST {POD}/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    writer.write(f"{head}{versions}\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    assert f"X-Stream-Protocol-Version: {protocols[0]}".encode() in answer
    session = SpdySession(SocketDuplex(reader, writer), server=False)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(session.run())
        async with asyncio.timeout(10):
            yield session
        reading.cancel()
        writer.close()


async def read_all(stream: SpdyStream) -> bytes:
    found = b""
    while data := await stream.read():
        found += data
    return found


@pytest.mark.parametrize(
    ("protocol", "status"),
    [
        (V4, {"reason": "NonZeroExitCode"}),
        ("v3.channel.k8s.io", b"command terminated with non-zero exit code: exit status 3"),
    ],
)
async def test_exec_over_spdy(front: Front, protocol: str, status: object) -> None:
    async with spdy(front, "exec?command=exit&command=3&stdout=true&stderr=true", protocol) as session:
        error, out, err = [await session.open({"streamtype": kind}) for kind in ("error", "stdout", "stderr")]
        assert (await read_all(out), await read_all(err)) == (b"out\n", b"err\n")
        told = await read_all(error)
        assert told == status if isinstance(status, bytes) else json.loads(told)["reason"] == "NonZeroExitCode"


async def test_stdin_over_spdy(front: Front) -> None:
    async with spdy(front, "exec?command=cat&stdin=true&stdout=true", V4) as session:
        stdin = await session.open({"streamtype": "stdin"})
        await stdin.write(b"early")
        error = await session.open({"streamtype": "error"})
        out = await session.open({"streamtype": "stdout"})
        await stdin.finish()
        assert await read_all(out) == b"early"
        assert channels.exit_code(await read_all(error)) == 0


async def shout(session: SpdySession, port: int, request_id: str, text: bytes) -> tuple[bytes, bytes]:
    """One forwarded connection; gives what came on its data and error streams."""
    headers = {"port": str(port), **({"requestid": request_id} if request_id else {})}
    error = await session.open({"streamtype": "error", **headers})
    data = await session.open({"streamtype": "data", **headers})
    await error.finish()
    await data.write(text)
    await data.finish()
    return await read_all(data), await read_all(error)


async def test_port_forward_over_spdy(front: Front) -> None:
    async with spdy(front, "portforward", "portforward.k8s.io") as session:
        assert await shout(session, 80, "0", b"hello") == (b"HELLO", b"")
        answers = await asyncio.gather(*(shout(session, 80, str(n), b"x%d" % n) for n in range(1, 20)))
        assert [answer for answer, _ in answers] == [b"X%d" % n for n in range(1, 20)]
        assert await shout(session, 9, "20", b"") == (b"", b"nothing listens on port 9")
        assert await shout(session, 80, "", b"old client") == (b"OLD CLIENT", b"")


async def test_port_forward_in_a_websocket_tunnel(front: Front) -> None:
    url = f"ws://127.0.0.1:{front.port}{POD}/portforward"
    websocket = await connect_websocket(url, [TUNNEL])
    session = SpdySession(WebSocketDuplex(websocket), server=False)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(session.run())
        assert await shout(session, 80, "0", b"tunnel" * 100_000) == (b"TUNNEL" * 100_000, b"")
        await websocket.close()
        await reading


@pytest.mark.parametrize("protocols", [(V5, V4), ()])
async def test_port_forward_over_channels(front: Front, protocols: tuple[str, ...]) -> None:
    socket = await connect(front, "portforward?ports=80,9", *protocols)
    assert socket.protocol in (V4, "")
    await socket.send(0, b"hi")
    frames: list[Frame] = []
    async with asyncio.timeout(5):
        while len(frames) < 6:
            frame = await socket.receive()
            assert frame is not None
            frames.append(frame)
    by_channel = {channel: [frame.data for frame in frames if frame.channel == channel] for channel in range(4)}
    assert by_channel == {
        0: [channels.port_message(80), b"HI"],
        1: [channels.port_message(80)],
        2: [channels.port_message(9)],
        3: [channels.port_message(9), b"nothing listens on port 9"],
    }
    await socket.close()


# --- logs and watches as messages


async def test_logs_over_websocket(front: Front) -> None:
    socket = await connect_websocket(f"ws://127.0.0.1:{front.port}{POD}/log", ["binary.k8s.io"])
    assert b"".join([message async for message in socket]) == b"line 0\nline 1\nline 2\n"
    assert socket.close_code == 1000


async def test_watch_over_websocket_with_a_token_in_a_subprotocol(front: Front) -> None:
    token = "base64url.bearer.authorization.k8s.io.Ym9i"
    url = f"ws://127.0.0.1:{front.port}/api/v1/pods?watch=true"
    socket = await connect_websocket(url, [token, "base64.binary.k8s.io"])
    message = await socket.receive()
    assert message is not None
    assert json.loads(base64.b64decode(message))["type"] == "ADDED"
    assert front.pipeline.requests[-1].user.name == "bob"
    await socket.close()
    plain = await connect_websocket(url)
    front.pod("later")
    assert [json.loads(await plain.receive() or b"")["type"] for _ in range(2)] == ["ADDED", "ADDED"]
    await plain.close()
