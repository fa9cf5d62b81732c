"""Load for `bench.seams`: one process per cluster, a component like any other, told on stdin what to do.

Its gRPC work runs in spans, as a controller's does. Its REST is that of an outside client: plain HTTP, no seams.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import uvloop

from api.core import ConfigMap
from apimachinery.resources import GVR
from bench.rest import Rest
from client.api import ApiClient, connect_api
from wire.seams import Seams, load_clock, make_seams
from wire.tls import TlsFiles

CONFIG_MAPS: Final = GVR("", "v1", "configmaps")
PODS: Final = GVR("", "v1", "pods")
DEPLOYMENTS: Final = GVR("apps", "v1", "deployments")
PATH: Final = "/api/v1/namespaces/default/configmaps"
MANY: Final = "?labelSelector=bench"
AT_ONCE: Final = 8  # REST connections, and gRPC reads under way
WRITES_AT_ONCE: Final = 64  # on the one stream of writes
WATCHERS: Final = 8
IMAGE: Final = "orrery/busybox:1"


class Load:
    """What can be done to a cluster, by name. Each gives the seconds that its measured part took."""

    def __init__(self, api: ApiClient, rest: Rest, seams: Seams) -> None:
        self._api = api
        self._rest = rest
        self._seams = seams
        self._round = 0

    async def run(self, work: str, count: int) -> float:
        self._round += 1
        return await getattr(self, work)(count)  # type: ignore[no-any-return]

    # --- REST

    async def rest_create(self, count: int) -> float:
        seconds = await self._create_by_rest(count)
        await self._remove_all()
        return seconds

    async def rest_get(self, count: int) -> float:
        await self._create_by_rest(AT_ONCE)
        paths = [f"{PATH}/{self._name(number % AT_ONCE)}" for number in range(count)]
        seconds = await self._rest.many(("GET", path, b"") for path in paths)
        await self._remove_all()
        return seconds

    async def _create_by_rest(self, count: int) -> float:
        bodies = (json.dumps(self._config_map(number)).encode() for number in range(count))
        return await self._rest.many(("POST", PATH, body) for body in bodies)

    async def _remove_all(self) -> None:
        await self._rest.many([("DELETE", PATH + MANY, b"")])

    # --- gRPC

    async def grpc_write(self, count: int) -> float:
        seconds = await _timed(_side_by_side(WRITES_AT_ONCE, count, self._write))
        await self._remove_all()
        return seconds

    async def grpc_get(self, count: int) -> float:
        await self._create_by_rest(AT_ONCE)
        seconds = await _timed(_side_by_side(AT_ONCE, count, self._get))
        await self._remove_all()
        return seconds

    async def grpc_watch(self, count: int) -> float:
        """Writes, and every one delivered to each of the watchers."""
        names = {self._name(number) for number in range(count)}
        ready = [asyncio.Event() for _ in range(WATCHERS)]
        async with asyncio.TaskGroup() as group:
            for one in ready:
                group.create_task(self._watch(set(names), one))
            await asyncio.gather(*(one.wait() for one in ready))
            began = time.perf_counter()
            await _side_by_side(WRITES_AT_ONCE, count, self._write)
        seconds = time.perf_counter() - began
        await self._remove_all()
        return seconds

    async def _write(self, number: int) -> None:
        with self._seams.tracer.span("bench write", parent=""):
            await self._api.create(ConfigMap, self._config_map(number))

    async def _get(self, number: int) -> None:
        with self._seams.tracer.span("bench get", parent=""):
            await self._api.get_object(CONFIG_MAPS, self._name(number % AT_ONCE), "default")

    async def _watch(self, names: set[str], ready: asyncio.Event) -> None:
        async for event in self._api.watch(CONFIG_MAPS, namespace="default", send_initial_events=True):
            if event.initial_events_end:
                ready.set()
            names.discard(event.object.name)
            if not names:
                return

    def _name(self, number: int) -> str:
        return f"bench-{self._round}-{number}"

    def _config_map(self, number: int) -> dict[str, Any]:
        metadata = {"name": self._name(number), "namespace": "default", "labels": {"bench": "seams"}}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {f"key-{key}": "some text of a usual length, as in many a file of settings" for key in range(8)},
        }

    # --- pods

    async def pods(self, count: int) -> float:
        """A Deployment, until its status says that all replicas are ready."""
        name = self._name(0)
        seconds = await _timed(self._deploy(name, count))
        await self._api.delete_raw(DEPLOYMENTS, name, namespace="default")
        while (await self._api.list_objects(PODS, namespace="default"))[0]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return seconds

    async def _deploy(self, name: str, count: int) -> None:
        await self._api.create_raw(DEPLOYMENTS, _deployment(name, count))
        async for event in self._api.watch(DEPLOYMENTS, namespace="default", send_initial_events=True):
            if event.object.raw and json.loads(event.object.raw).get("status", {}).get("readyReplicas") == count:
                return


def _deployment(name: str, replicas: int) -> dict[str, Any]:
    container = {"name": "main", "image": IMAGE, "command": ["sleep", "1000000"]}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }


async def _side_by_side(at_once: int, count: int, act: Callable[[int], Awaitable[None]]) -> None:
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await act(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def serve(root: Path) -> None:
    """Do what each line of stdin says (`{"work": ..., "count": ...}`); answer with the seconds, one line each."""
    ports = json.loads((root / "cluster.json").read_text())["ports"]
    seams = make_seams("bench-load", load_clock(root / "clock.json"))
    tls = TlsFiles.in_directory(root / "pki", "admin")
    async with connect_api(f"127.0.0.1:{ports['apiserver-rpc']}", tls, seams) as api:
        load = Load(api, Rest(ports["apiserver"], tls, AT_ONCE), seams)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            print(json.dumps(await load.run(order["work"], order["count"])), flush=True)


def main() -> None:
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(Path(sys.argv[1])))
