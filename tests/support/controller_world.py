"""Controllers over the in-memory apiserver on a fake clock, and a kubelet of one line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from api.core import Event, Namespace
from api.pod import Pod
from apimachinery.clock import FakeClock, settle
from apimachinery.timestamps import format_time
from client.controller import NOTHING, run_controller
from client.fake import FakeApi
from client.informer import InformerFactory
from controller_manager.config import Config
from controller_manager.context import Context, Managed
from wire.seams import make_seams
from wire.span import span_id

JSON = dict[str, Any]


class World:
    """What a controller test needs at hand."""

    def __init__(self, clock: FakeClock, api: FakeApi, context: Context) -> None:
        self.clock = clock
        self.api = api
        self.context = context
        self._events_seen = 0

    async def settle(self, seconds: float = 0.0) -> None:
        """Let everything that can happen, happen; then let time pass."""
        for _ in range(12):
            await settle()
        if seconds:
            await self.clock.advance(seconds)
            await settle()

    def events(self, *, new_only: bool = True) -> list[str]:
        """`REASON message`, in the order in which they were first written."""
        found = sorted(
            self.api.server.store.trees(Event.RESOURCE), key=lambda one: int(one["metadata"]["uid"][-12:], 16)
        )
        fresh = found[self._events_seen :] if new_only else found
        self._events_seen = len(found)
        return [f"{one['reason']} {one['message']}" for one in fresh]

    def pods(self, namespace: str = "default") -> list[JSON]:
        return [one for one in self.api.server.store.trees(Pod.RESOURCE) if one["metadata"]["namespace"] == namespace]

    async def set_ready(self, pods: Iterable[JSON] | None = None, *, ready: bool = True) -> int:
        """Play the kubelet: pods that are not Running become so, and ready. Gives how many."""
        count = 0
        for pod in self.pods() if pods is None else pods:
            status = pod.get("status", {})
            state = "True" if ready else "False"
            conditions = [one for one in status.get("conditions", ()) if one["type"] != "Ready"]
            before = next((one["status"] for one in status.get("conditions", ()) if one["type"] == "Ready"), "False")
            if pod["metadata"].get("deletionTimestamp") or (before == state and status.get("phase") == "Running"):
                continue
            condition = {"type": "Ready", "status": state, "lastTransitionTime": format_time(self.clock.time())}
            patch = {"status": {"phase": "Running", "conditions": [*conditions, condition]}}
            meta = pod["metadata"]
            await self.api.patch(Pod, meta["name"], patch, namespace=meta["namespace"], subresource="status")
            count += 1
        return count


@asynccontextmanager
async def controllers(*builders: Callable[[Context], Managed], **config: Any) -> AsyncIterator[World]:
    """These controllers at work in a cluster with the namespace `default`."""
    clock = FakeClock()
    api, seams = FakeApi(clock, writer="system:kube-controller-manager"), make_seams("controller-manager", clock)
    await api.create(Namespace, {"metadata": {"name": "default"}})
    informers = InformerFactory(api, seams)
    settings = Config(debug_address="", pki_dir=Path("."), apiserver="", **config)
    context = Context(api, seams, settings, informers)
    managed = [build(context) for build in builders]
    world = World(clock, api, context)
    tasks = [asyncio.create_task(informers.run())]
    try:
        await informers.wait_synced()
        for one in managed:
            tasks += [asyncio.create_task(_background(loop)) for loop in one.background]
            if one.ready is not None:
                await one.ready()
        tasks += [asyncio.create_task(run_controller(one.controller, one.queue, seams)) for one in managed]
        tasks += [asyncio.create_task(recorder.run()) for recorder in context.recorders.values()]
        await world.settle()
        yield world
        silent = unexplained(world)
        assert not silent, silent
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def unexplained(world: World) -> list[str]:
    """Writes by reconciles that do not tell what they decided. (Whoever failed may have had no time to decide.)"""
    tracer = world.context.seams.tracer
    silent = {
        span.span_id: span.name
        for span in tracer.spans()
        if span.name.startswith("reconcile:")
        and "error" not in span.attributes
        and span.attributes.get("decided", NOTHING) == NOTHING
    }
    changes = [one for one in world.api.server.store.since(0) if one.resource != ("", "events")]
    causes = [(silent.get(span_id(one.traceparent), ""), one) for one in changes]
    return [f"{name} wrote {one.resource}" for name, one in causes if name]


async def _background(loop: Callable[[], Any]) -> None:
    await loop()
