"""What listeners are told of the engine's traffic, with the real SDK against an engine of ours on a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apimachinery.errors import ApiError
from cri.docker.engine import Engine
from proto.debug_pb2 import WireMessage, WireRequest
from wire.capture import Listener
from wire.masking import MASK
from wire.rules import Subject
from wire.seams import Seams, make_seams
from wire.span_file import INTERRUPTED, SpanFile, read_spans

ID = "ab" * 32
NAME = "k8s_c_web-1_shop_uid_0"
ANSWERS = {
    "/version": (200, {"ApiVersion": "1.41", "Version": "20.10"}),
    "/containers/create": (201, {"Id": ID, "Warnings": []}),
    f"/containers/{ID}/json": (200, {"Id": ID, "Config": {"Env": ["PASSWORD=x"]}}),
    "/containers/none/json": (404, {"message": "No such container: none"}),
    "/events": (200, {"Action": "start"}),
}


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request per connection, answered out of the table."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    path = head[0].split(" ")[1].partition("?")[0].removeprefix("/v1.41")
    length = next((int(one.split(":")[1]) for one in head if one.lower().startswith("content-length")), 0)
    await reader.readexactly(length)
    code, tree = ANSWERS[path]
    body = json.dumps(tree).encode() + b"\n"
    lines = [f"HTTP/1.1 {code} X", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def engine(folder: Path) -> AsyncIterator[tuple[Engine, Seams]]:
    path, seams = folder / "docker.sock", make_seams("runtime-a")
    server = await asyncio.start_unix_server(_serve, str(path))
    made = Engine(f"unix://{path}", seams)
    made.teller.owner = lambda found: Subject("Pod", "shop", "web-1") if found == ID else None
    try:
        yield made, seams
    finally:
        made.close()
        server.close()


async def told(listener: Listener, count: int) -> list[WireMessage]:
    messages = listener.messages()
    async with asyncio.timeout(20):
        return [await anext(messages) for _ in range(count)]


async def test_what_is_asked_is_on_record_before_it_is_done(tmp_path: Path) -> None:
    path = tmp_path / "runtime-a.ring"
    async with engine(tmp_path) as (docker, seams):
        seams.tracer.file = SpanFile(path)
        (found,) = await docker.call("start", lambda _: read_spans(path))
    assert found.name == "docker:start" and found.attributes[INTERRUPTED]


async def create(engine: Engine) -> None:
    body = {"Image": "x", "Env": ["PASSWORD=x"]}
    await engine.call("create_container", lambda api: api.create_container_from_config(body, NAME))


async def test_a_request_is_told_as_it_went_over_the_socket(tmp_path: Path) -> None:
    async with engine(tmp_path) as (docker, seams):
        await docker.version()
        with seams.capture.listen(WireRequest(bodies=True)) as listener:
            await create(docker)
            [message] = await told(listener, 1)
    assert (message.caller, message.callee) == ("runtime-a", "Docker")
    assert message.method == "POST /v1.41/containers/create"
    assert (message.kind, message.namespace, message.name) == ("Pod", "shop", "web-1")
    assert (message.status, message.failed) == ("201", False)
    assert message.seconds > 0 and message.traceparent
    assert json.loads(message.request) == {"Image": "x", "Env": [f"PASSWORD={MASK}"]}
    assert json.loads(message.response)["Id"] == ID


@pytest.mark.parametrize(("secrets", "shown"), [(False, f"PASSWORD={MASK}"), (True, "PASSWORD=x")])
async def test_whose_a_container_is(tmp_path: Path, secrets: bool, shown: str) -> None:
    async with engine(tmp_path) as (docker, seams):
        await docker.version()
        with seams.capture.listen(WireRequest(bodies=True, secrets=secrets)) as listener:
            await docker.call("inspect_container", lambda api: api.inspect_container(ID))
            [message] = await told(listener, 1)
    assert (message.kind, message.name) == ("Pod", "web-1")
    assert json.loads(message.response)["Config"]["Env"] == [shown]


async def test_refusals_and_silence_are_failures(tmp_path: Path) -> None:
    async with engine(tmp_path) as (docker, seams):
        await docker.version()
        with seams.capture.listen(WireRequest(errors=True)) as listener:
            with pytest.raises(ApiError):
                await docker.call("inspect_container", lambda api: api.inspect_container("none"))
            (tmp_path / "docker.sock").unlink()
            with pytest.raises(ApiError):
                await docker.call("inspect_container", lambda api: api.inspect_container(ID))
            with pytest.raises(ApiError):
                async with docker.stream("GET", "/events"):
                    pass
            refused, silent, closed = await told(listener, 3)
    assert (refused.method, refused.status) == ("GET /v1.41/containers/none/json", "404")
    assert (silent.method, silent.status) == ("docker/inspect_container", "ServiceUnavailable")
    assert (closed.method, closed.status) == ("GET /events", "503")


async def test_events_name_the_pod(tmp_path: Path) -> None:
    labels = {"io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.name": "web-1"}
    event = {"Action": "die", "Actor": {"ID": ID, "Attributes": {**labels, "exitCode": "1"}}}
    async with engine(tmp_path) as (docker, seams):
        with seams.capture.listen(WireRequest()) as listener:
            async with docker.stream("GET", "/events") as stream:
                _ = [line async for line in stream.lines()]
            docker.teller.event(event, json.dumps(event).encode())
            opened, died = await told(listener, 2)
    assert (opened.method, opened.status, opened.streamed) == ("GET /events", "200", False)
    assert (died.method, died.detail, died.name, died.streamed) == ("GET /events", "die", "web-1", True)


async def test_with_nobody_listening_nothing_is_told(tmp_path: Path) -> None:
    async with engine(tmp_path) as (docker, seams):
        await create(docker)
        with seams.capture.listen(WireRequest(recent=True)) as listener:
            await create(docker)
            await told(listener, 1)
