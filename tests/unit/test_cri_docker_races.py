"""Callers who go away, and looks at the engine while calls are under way: the real SDK, an engine of ours."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from cri.docker.containers import Containers
from cri.docker.engine import Engine
from cri.docker.identity import CLUSTER, NODE, sandbox_name
from cri.docker.images import DockerImages
from cri.docker.sandbox_body import NodeSettings
from cri.docker.sandboxes import Sandboxes
from cri.docker.times import EngineTime
from cri.docker.watch import Watch
from cri.records import Event, EventType, Sandbox, State
from cri.store import Store
from proto import cri_pb2 as pb
from wire.seams import make_seams

OWNER = {CLUSTER: "c", NODE: "n"}
SETTINGS = NodeSettings("net", "node-container", "10.240.0.11", "10.96.0.0/12", "pause", OWNER)
POD = pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="web", uid="u1", namespace="default"))
MAIN = pb.ContainerConfig(metadata=pb.ContainerMetadata(name="main"), image=pb.ImageSpec(image="nginx"))
NAME = sandbox_name(POD.metadata)
MARK = Sandbox(id="mark", name="mark", namespace="default", uid="mark")

Answer = tuple[int, Any]
IMAGE = {"Id": "sha256:1", "RepoTags": ["nginx:latest"], "RepoDigests": [], "Size": 1, "Config": {}}
NO_SUCH: Answer = (404, {"message": "No such container"})


class Docker:
    """Carries out what it is asked at once, and answers when it may."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        """What was carried out, answered or not."""
        self.listeners: list[asyncio.StreamWriter] = []
        self._held: dict[str, asyncio.Event] = {}
        self._made = 0
        self._routes: list[tuple[str, Callable[..., Answer]]] = [
            (r"GET /version", lambda **_: (200, {"ApiVersion": "1.41"})),
            (r"GET /_ping", lambda **_: (200, "OK")),
            (r"GET /images/.*/json", lambda **_: (200, IMAGE)),
            (r"GET /containers/json", self._list),
            (r"POST /containers/create", self.create),
            (r"POST /containers/(?P<key>\w+)/start", self.start),
            (r"GET /containers/(?P<key>\w+)/json", self._inspect),
            (r"DELETE /containers/(?P<key>\w+)", self.remove),
        ]

    def hold(self, request: str) -> asyncio.Event:
        """Until it is set, no request like this is answered."""
        return self._held.setdefault(request, asyncio.Event())

    def states(self, name: str) -> list[str]:
        return [one["State"]["Status"] for one in self.containers.values() if one["Name"] == name]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request per connection; events are told to whoever asked until they hang up."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        length = next((int(one.split(":")[1]) for one in head if one.lower().startswith("content-length")), 0)
        body = json.loads(await reader.readexactly(length) or b"null")
        request = f"{method} {urlsplit(target).path.removeprefix('/v1.41')}"
        if request == "GET /events":
            self.listeners.append(writer)
            writer.write(b"HTTP/1.1 200 X\r\n\r\n")
            return
        code, tree = self._carry_out(request, parse_qs(urlsplit(target).query), body)
        await self._may_answer(request)
        content = b"" if tree is None else json.dumps(tree).encode()
        lines = [f"HTTP/1.1 {code} X", "Content-Type: application/json", f"Content-Length: {len(content)}"]
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + content)
        writer.close()

    def _carry_out(self, request: str, query: dict[str, list[str]], body: Any) -> Answer:
        self.asked.append(request)
        for pattern, act in self._routes:
            if found := re.fullmatch(pattern, request):
                return act(query=query, body=body, **found.groupdict())
        raise AssertionError(request)

    async def _may_answer(self, request: str) -> None:
        for held, released in list(self._held.items()):
            if re.fullmatch(held, request):
                await released.wait()

    def create(self, body: dict[str, Any], query: dict[str, list[str]]) -> Answer:
        [name] = query["name"]
        if self._find(name) is not None:
            return 409, {"message": f'The container name "/{name}" is already in use'}
        self._made += 1
        one: dict[str, Any] = {"Id": f"{self._made:064x}", "Name": name, "Config": {"Labels": body["Labels"]}}
        times = {"StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"}
        self.containers[one["Id"]] = one | {"State": {"Status": "created", "Running": False, **times}}
        self._tell("create", one)
        return 201, {"Id": one["Id"]}

    def start(self, key: str, **_: Any) -> Answer:
        one = self._find(key)
        if one is None:
            return NO_SUCH
        one["State"] |= {"Status": "running", "Running": True, "StartedAt": "2026-11-20T10:38:58Z"}
        self._tell("start", one)
        return 204, None

    def _list(self, **_: Any) -> Answer:
        return 200, [{"Id": one["Id"], "Labels": one["Config"]["Labels"]} for one in self.containers.values()]

    def _inspect(self, key: str, **_: Any) -> Answer:
        one = self._find(key)
        return NO_SUCH if one is None else (200, json.loads(json.dumps(one)))

    def remove(self, key: str, **_: Any) -> Answer:
        one = self._find(key)
        if one is None:
            return NO_SUCH
        del self.containers[one["Id"]]
        self._tell("destroy", one)
        return 204, None

    def _find(self, key: str) -> dict[str, Any] | None:
        return next((one for one in self.containers.values() if key in (one["Id"], one["Name"])), None)

    def _tell(self, action: str, one: dict[str, Any]) -> None:
        actor = {"ID": one["Id"], "Attributes": one["Config"]["Labels"]}
        for writer in self.listeners:
            writer.write(json.dumps({"Action": action, "Actor": actor, "timeNano": 1}).encode() + b"\n")


class Node:
    """The runtime's parts that share a store, over an engine."""

    def __init__(self, docker: Docker, engine: Engine, folder: Path) -> None:
        clock = Clock()
        time, starts, seams = EngineTime(clock), asyncio.Semaphore(8), make_seams("runtime", clock)
        self.docker = docker
        self.store = Store(time.now)
        self.told: list[Event] = []
        self.sandboxes = Sandboxes(engine, self.store, SETTINGS, time, folder, starts, lambda: None)
        self.sandboxes.addresses.set_cidr("10.244.1.0/24")
        images = DockerImages(engine)
        self.containers = Containers(engine, self.store, images, SETTINGS, seams, time, folder, starts)
        self.watch = Watch(
            engine, self.store, self.sandboxes, self.containers, time,
            owner=OWNER, ensure_node=nothing, looked=nothing, log_root=folder,
        )  # fmt: skip

    async def run(self) -> str:
        return await self.sandboxes.run(POD, "")

    async def create(self, sandbox: str) -> str:
        return await self.containers.create(self.store.sandboxes[sandbox], MAIN, {})

    async def remove(self, container: str) -> None:
        await self.containers.remove(self.store.containers[container])

    async def asked(self, request: str) -> None:
        await satisfied(lambda: any(re.fullmatch(request, one) for one in self.docker.asked))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.watch.run()), asyncio.create_task(self._listen())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        async for event in self.store.events():
            self.told.append(event)

    @asynccontextmanager
    async def look(self, *, until: str) -> AsyncIterator[None]:
        """A look has come so far that the engine holds back its answer to `until`; it ends with the body."""
        self.docker.asked.clear()
        released = self.docker.hold(until)
        async with self.watching():
            await self.asked(until)
            yield
            released.set()
            await self.looked()

    async def looked(self) -> None:
        """And all is told that it found."""
        await satisfied(lambda: self.watch.condition.ok)
        self.store.put_sandbox(MARK)
        await satisfied(lambda: self.told and self.told[-1].container_id == MARK.id)

    def told_of(self, one: str) -> list[EventType]:
        return [event.type for event in self.told if event.container_id == one]


async def nothing() -> None:
    """There is nothing to ensure."""


async def satisfied(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def go_away(node: Node, call: Awaitable[str], *, during: str) -> None:
    """The caller of `call` goes away while the engine is carrying out a request."""
    released = node.docker.hold(during)
    caller = asyncio.ensure_future(call)
    await node.asked(during)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    released.set()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    docker, path = Docker(), tmp_path / "docker.sock"
    server = await asyncio.start_unix_server(docker.serve, str(path))
    engine = Engine(f"unix://{path}", make_seams("runtime"))
    try:
        yield Node(docker, engine, tmp_path)
    finally:
        engine.close()
        server.close()
        for writer in docker.listeners:
            writer.close()


# --- callers who go away


async def test_sandbox_made_for_a_caller_who_went_away_is_replaced(node: Node) -> None:
    await go_away(node, node.run(), during="POST /containers/create")
    assert node.docker.states(NAME) == ["created"] and not node.store.sandboxes
    sandbox = await node.run()
    assert node.docker.states(NAME) == ["running"]
    assert node.store.sandboxes[sandbox].ready


async def test_sandbox_whose_caller_went_away_as_it_started_is_told_of(node: Node) -> None:
    async with node.watching():
        await node.looked()
        await go_away(node, node.run(), during=r"POST /containers/\w+/start")
        await satisfied(lambda: len(node.store.sandboxes) == 2)
    assert all(one.ready for one in node.store.sandboxes.values())
    with pytest.raises(ApiError, match="already in use"):
        await node.run()
    assert node.docker.states(NAME) == ["running"]


@pytest.mark.parametrize(
    ("labels", "start"),
    [({**OWNER, "orrery.kind": "sandbox"}, True), ({**OWNER, NODE: "other", "orrery.kind": "sandbox"}, False)],
    ids=["what runs", "what is another node's"],
)
async def test_only_what_is_ours_and_never_started_is_replaced(node: Node, labels: Any, start: bool) -> None:
    _, made = node.docker.create({"Labels": labels}, {"name": [NAME]})
    if start:
        node.docker.start(made["Id"])
    with pytest.raises(ApiError, match="already in use"):
        await node.run()
    assert list(node.docker.containers) == [made["Id"]]


async def test_sandbox_in_the_making_is_not_replaced(node: Node) -> None:
    released = node.docker.hold("POST /containers/create")
    first = asyncio.create_task(node.run())
    await node.asked("POST /containers/create")
    with pytest.raises(ApiError, match="being made"):
        await node.run()
    released.set()
    assert list(node.docker.containers) == [await first]


async def test_known_sandbox_is_not_replaced(node: Node) -> None:
    sandbox = await node.run()
    node.docker.containers[sandbox]["State"]["Status"] = "created"
    with pytest.raises(ApiError, match="already in use"):
        await node.run()
    assert list(node.docker.containers) == [sandbox]


async def test_sandbox_that_goes_leaves_its_files_to_its_successor(node: Node) -> None:
    before = await node.run()
    node.docker.asked.clear()
    async with node.watching():
        await node.looked()
        released = node.docker.hold("POST /containers/create")
        running = asyncio.create_task(node.run())
        await node.asked("POST /containers/create")
        node.docker.remove(before)
        await satisfied(lambda: before not in node.store.sandboxes)
        released.set()
        after = await running
    assert node.sandboxes.mounts(node.store.sandboxes[after])


async def test_container_created_for_a_caller_who_went_away_is_told_of(node: Node) -> None:
    sandbox = await node.run()
    node.docker.asked.clear()
    async with node.watching():
        await node.looked()
        await go_away(node, node.create(sandbox), during="POST /containers/create")
        await satisfied(lambda: node.store.containers)
    assert [one.state for one in node.store.containers.values()] == [State.CREATED]


# --- looks while calls are under way


async def test_what_is_made_while_a_look_is_under_way_stays(node: Node) -> None:
    sandbox = await node.run()
    async with node.look(until=f"GET /containers/{sandbox}/json"):
        container = await node.create(sandbox)
        other = await node.sandboxes.run(pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="b", uid="u2")), "")
    assert container in node.store.containers and node.store.sandboxes[other].ready
    assert EventType.DELETED not in {event.type for event in node.told}


async def test_what_is_removed_while_a_look_is_under_way_stays_away(node: Node) -> None:
    sandbox = await node.run()
    container = await node.create(sandbox)
    async with node.look(until=f"GET /containers/{container}/json"):
        await node.remove(container)
    assert container not in node.store.containers
    assert node.told_of(container) == [EventType.DELETED]


async def test_what_is_made_and_removed_while_a_look_is_under_way_stays_away(node: Node) -> None:
    sandbox = await node.run()
    created = node.docker.hold("POST /containers/create")
    creating = asyncio.create_task(node.create(sandbox))
    await satisfied(lambda: len(node.docker.containers) == 2)
    container = list(node.docker.containers)[1]
    async with node.look(until=f"GET /containers/{container}/json"):
        created.set()
        assert await creating == container
        await node.remove(container)
    assert container not in node.store.containers
    assert node.told_of(container) == [EventType.CREATED, EventType.DELETED]


async def test_what_vanished_unseen_is_forgotten(node: Node) -> None:
    sandbox = await node.run()
    container = await node.create(sandbox)
    del node.docker.containers[container]
    async with node.look(until="GET /containers/json"):
        pass
    assert container not in node.store.containers and sandbox in node.store.sandboxes
    assert node.told_of(container) == [EventType.DELETED]


async def test_sandbox_in_the_making_is_not_found_dead(node: Node) -> None:
    created = node.docker.hold("POST /containers/create")
    running = asyncio.create_task(node.run())
    await node.asked("POST /containers/create")
    async with node.look(until="GET /containers/json"):
        pass
    assert set(node.store.sandboxes) == {MARK.id}
    created.set()
    assert node.store.sandboxes[await running].ready


async def test_sandbox_started_since_a_look_saw_it_is_not_found_dead(node: Node) -> None:
    created = node.docker.hold("POST /containers/create")
    running = asyncio.create_task(node.run())
    await node.asked("POST /containers/create")
    async with node.look(until=r"GET /containers/\w{64}/json"):
        created.set()
        sandbox = await running
    assert node.store.sandboxes[sandbox].ready


async def test_container_started_since_a_look_saw_it_runs(node: Node) -> None:
    sandbox = await node.run()
    container = await node.create(sandbox)
    async with node.look(until=f"GET /containers/{container}/json"):
        await node.containers.start(node.store.containers[container])
    assert node.store.containers[container].state is State.RUNNING
    assert node.told_of(container) == [EventType.STARTED]
