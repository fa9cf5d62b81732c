"""An apiserver's core in the test's own event loop: pipeline, cache and a real etcd, without front doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apimachinery.clock import Clock
from apimachinery.resources import GVR
from apiserver.assembly import ApiServer, MakeChain
from apiserver.config import Config
from apiserver.registry.request import (
    FieldValidation,
    ListOptions,
    ListResult,
    PatchType,
    Request,
    StoredObject,
    User,
    WatchEvent,
    WriteOutcome,
)
from apiserver.storage.etcd import connect_etcd
from wire.seams import make_seams
from wire.tls import TlsFiles

JSON = dict[str, Any]
ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))
CACHE = Path(__file__).resolve().parents[2] / ".cache"

CONFIG_MAPS = GVR("", "v1", "configmaps")
PODS = GVR("", "v1", "pods")
NAMESPACES = GVR("", "v1", "namespaces")
SERVICES = GVR("", "v1", "services")
DEPLOYMENTS = GVR("apps", "v1", "deployments")


@dataclass
class Core:
    """Short ways to say what the front doors say at length."""

    server: ApiServer
    user: User = ADMIN

    def request(self, verb: str, gvr: GVR, namespace: str = "", name: str = "", **more: Any) -> Request:
        return Request(verb, gvr, more.pop("user", self.user), namespace=namespace, name=name, **more)

    async def create(self, gvr: GVR, obj: JSON, namespace: str = "", **more: Any) -> WriteOutcome:
        return await self.server.pipeline.create(self.request("create", gvr, namespace, body=obj, **more))

    async def get(self, gvr: GVR, name: str, namespace: str = "", **more: Any) -> StoredObject:
        return await self.server.pipeline.get(self.request("get", gvr, namespace, name, **more))

    async def list(self, gvr: GVR, namespace: str = "", **options: Any) -> ListResult:
        return await self.server.pipeline.list(self.request("list", gvr, namespace, query=ListOptions(**options)))

    async def update(self, gvr: GVR, obj: JSON, **more: Any) -> WriteOutcome:
        metadata = obj["metadata"]
        request = self.request("update", gvr, metadata.get("namespace", ""), metadata["name"], body=obj, **more)
        return await self.server.pipeline.update(request)

    async def patch(
        self, gvr: GVR, name: str, patch: Any, namespace: str = "", kind: PatchType = PatchType.MERGE, **more: Any
    ) -> WriteOutcome:
        request = self.request("patch", gvr, namespace, name, body=patch, patch_type=kind, **more)
        return await self.server.pipeline.patch(request)

    async def delete(self, gvr: GVR, name: str, namespace: str = "", **options: Any) -> WriteOutcome:
        return await self.server.pipeline.delete(self.request("delete", gvr, namespace, name, body=options or None))

    def watch(self, gvr: GVR, namespace: str = "", **options: Any) -> Watching:
        request = self.request("watch", gvr, namespace, query=ListOptions(**options))
        return Watching(self.server.pipeline.watch(request))


class Watching:
    """One event at a time."""

    def __init__(self, batches: AsyncIterator[list[WatchEvent]]) -> None:
        self._batches = batches
        self._events: list[WatchEvent] = []

    async def next(self) -> WatchEvent:
        async with asyncio.timeout(10):
            while not self._events:
                self._events = list(await anext(self._batches))
        return self._events.pop(0)

    async def named(self) -> tuple[str, str]:
        event = await self.next()
        return event.type, event.object.name if event.object else ""

    async def close(self) -> None:
        await self._batches.aclose()  # type: ignore[attr-defined]


@asynccontextmanager
async def running_core(
    etcd: str, pki: Path, clock: Clock | None = None, chain: MakeChain = lambda _: ()
) -> AsyncIterator[Core]:
    seams = make_seams("apiserver", clock or Clock())
    config = Config("127.0.0.1:0", "127.0.0.1:0", etcd, pki, CACHE)
    tls = TlsFiles.in_directory(pki, "apiserver-etcd-client")
    async with connect_etcd(etcd, seams, tls) as connection, asyncio.TaskGroup() as group:
        server = ApiServer(config, connection, seams, chain)
        tasks = [group.create_task(server.cacher.run()), group.create_task(server.alarms.run())]
        await server.cacher.ready.wait()
        yield Core(server)
        for task in tasks:
            task.cancel()


def config_map(name: str, /, labels: dict[str, str] | None = None, **data: str) -> JSON:
    metadata: JSON = {"name": name}
    if labels:
        metadata["labels"] = labels
    return {"metadata": metadata, "data": data}


def pod(name: str, node: str = "") -> JSON:
    spec: JSON = {"containers": [{"name": "main", "image": "busybox"}]}
    if node:
        spec["nodeName"] = node
    return {"metadata": {"name": name}, "spec": spec}


__all__ = ["FieldValidation", "ListOptions", "PatchType"]
