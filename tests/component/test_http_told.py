"""What listeners to the apiserver's traffic are told of watches and streams over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.debug_pb2 import WireMessage, WireRequest
from tests.support.http_client import HttpClient
from tests.support.http_front import Front, front_door, make_certificates
from wire.capture import Listener
from wire.streams.channels import V5, Channel, ChannelSocket, Frame
from wire.streams.websocket import connect_websocket

POD = "/api/v1/namespaces/default/pods/web"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory)


@pytest.fixture
async def front(certificates: Path) -> AsyncIterator[Front]:
    async with front_door(certificates, certificates, tls=False) as front:
        front.pod()
        yield front


async def told(listener: Listener, method: str, count: int) -> list[WireMessage]:
    """The next `count` messages of a method."""
    found: list[WireMessage] = []
    async for message in listener.messages():
        if method in message.method and (message.streamed or "/orrery" in message.method):
            found.append(message)
        if len(found) == count:
            break
    return found


async def exec_in(front: Front, *command: str, stdin: bytes = b"") -> None:
    asked = "&".join(f"command={one}" for one in command)
    url = f"ws://127.0.0.1:{front.port}{POD}/exec?stdin=true&stdout=true&stderr=true&{asked}"
    socket = ChannelSocket(await connect_websocket(url, (V5,)))
    if stdin:
        await socket.send(Channel.STDIN, stdin)
        await socket.half_close(Channel.STDIN)
    frame: Frame | None = Frame(0)
    while frame is not None:
        frame = await socket.receive()


async def test_every_event_of_a_watch_is_told(front: Front) -> None:
    async with HttpClient(front.port) as client:
        lines = client.lines("/api/v1/pods?watch=true")
        with front.seams.capture.listen(WireRequest(bodies=True)) as listener:
            await anext(lines)
            front.pod("two")
            await anext(lines)
            events = await told(listener, "GET /api/v1/pods", 2)
        await lines.aclose()
    assert [(one.detail, one.kind, one.namespace, one.name) for one in events] == [
        ("ADDED", "pods", "default", "web"),
        ("ADDED", "pods", "default", "two"),
    ]
    assert events[1].streamed and events[1].status == "OK" and events[1].response_bytes > 0
    assert json.loads(events[1].response)["metadata"]["name"] == "two"


@pytest.mark.parametrize(("secrets", "shown"), [(False, "***"), (True, "secret words")])
async def test_exec_is_told_frame_by_frame(front: Front, secrets: bool, shown: str) -> None:
    with front.seams.capture.listen(WireRequest(bodies=True, secrets=secrets)) as listener:
        await exec_in(front, "cat", stdin=b"secret words")
        frames = await told(listener, "/Exec", 5)
    up, down = ([one for one in frames if one.streamed is streamed] for streamed in (False, True))
    assert [one.detail for one in up] == ["START cat", "STDIN", "STDIN END"]
    assert [one.detail for one in down] == ["STDOUT", "STATUS"]
    assert {(one.caller, one.callee, one.kind, one.name) for one in frames} == {
        ("apiserver", "kubelet-n1", "Pod", "web")
    }
    assert json.loads(up[1].request) == shown and json.loads(down[0].response) == shown
    assert (up[1].request_bytes, down[0].response_bytes) == (12, 12)
    assert down[1].status == "exit 0" and not down[1].failed


async def test_a_command_that_fails_is_told_as_a_failure(front: Front) -> None:
    with front.seams.capture.listen(WireRequest(errors=True)) as listener:
        await exec_in(front, "exit", "3")
        [last] = await told(listener, "/Exec", 1)
    assert (last.detail, last.status, last.failed) == ("STATUS", "exit 3", True)


async def test_a_forwarded_connection_is_told_both_ways(front: Front) -> None:
    url = f"ws://127.0.0.1:{front.port}{POD}/portforward?ports=80"
    with front.seams.capture.listen(WireRequest(bodies=True, secrets=True)) as listener:
        socket = ChannelSocket(await connect_websocket(url, ("v4.channel.k8s.io",)))
        await socket.send(0, b"hello")
        start, up, down = await told(listener, "/PortForward", 3)
        await socket.close()
    assert json.loads(start.request)["port"] == 80
    assert (up.detail, up.streamed, json.loads(up.request)) == ("DATA", False, "hello")
    assert (down.detail, down.streamed, json.loads(down.response)) == ("DATA", True, "HELLO")
