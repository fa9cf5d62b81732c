"""Where a watch begins, over an etcd that answers when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from apimachinery.clock import FakeClock, settle
from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apiserver.registry.objects import ObjectStore
from apiserver.registry.request import ListOptions, Request, User, WatchEvent
from apiserver.registry.resource import Resource
from apiserver.registry.strategy import Strategy
from apiserver.registry.watching import watch_objects
from apiserver.storage.etcd import Entry, Etcd, Page
from apiserver.watch.alarms import Alarms
from apiserver.watch.cacher import Cacher
from wire.seams import make_seams

GVR_OF_IT = GVR("", "v1", "configmaps")
CONFIG_MAPS = Resource(GVR_OF_IT, "ConfigMap", True, "configmaps", Strategy(), has_status=False, builtin=True)
WRITTEN = Entry(
    b"/registry/configmaps/default/written",
    b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"written","namespace":"default"}}',
    15,
    15,
)


class LateEtcd:
    """Once `up`, it is at revision 20, holds one object, written at 15, and then nothing happens any more."""

    address = "late"
    cluster_id = 1

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.watch_stub = self

    async def revision(self) -> int:
        await self.up.wait()
        return 20

    async def page(self, *_: Any, **__: Any) -> Page:
        return Page([WRITTEN], 20, False, 1)

    def Watch(self) -> LateEtcd:
        return self

    async def write(self, request: Any) -> None:
        return

    async def read(self) -> Any:
        await asyncio.get_running_loop().create_future()

    def cancel(self) -> None:
        return


class World:
    def __init__(self) -> None:
        self.etcd = LateEtcd()
        self._seams = make_seams("apiserver", FakeClock())
        etcd = cast(Etcd, self.etcd)
        self.cacher = Cacher(etcd, self._seams)
        self._store = ObjectStore(etcd, self.cacher)

    async def first(self, **options: Any) -> WatchEvent:
        """The first event of a watch with these options. Raises ApiError."""
        request = Request("watch", GVR_OF_IT, User("me"), query=ListOptions(**options))
        watch = watch_objects(self._store, Alarms(self._seams.clock), self._seams, CONFIG_MAPS, request)
        try:
            return (await anext(watch))[0]
        finally:
            await cast(Any, watch).aclose()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    found = World()
    running = asyncio.create_task(found.cacher.run())
    await settle()
    yield found
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    "options",
    [
        {"resource_version": "10"},
        {"resource_version": "30"},
        {"resource_version": "0"},
        {"resource_version": "10", "send_initial_events": True, "resource_version_match": "NotOlderThan"},
        {"resource_version": "0", "send_initial_events": False, "resource_version_match": "NotOlderThan"},
    ],
)
async def test_before_the_cache_is_filled_no_watch_begins(world: World, options: dict[str, Any]) -> None:
    asked = asyncio.create_task(world.first(**options))
    await settle()
    assert asked.done()
    with pytest.raises(ApiError, match="not filled yet") as refusal:
        await asked
    assert refusal.value.code == 503
    assert world.cacher.watching == 0


async def test_afterwards_nobody_misses_what_was_loaded(world: World) -> None:
    world.etcd.up.set()
    await settle()
    late = await world.first(resource_version="10")
    assert late.type == "ERROR" and late.error is not None and late.error.code == 410
    for version in ("", "0"):
        found = await world.first(resource_version=version)
        assert (found.type, found.revision) == ("ADDED", 15)


@pytest.mark.parametrize("version", ["20", "30"])
async def test_a_watch_may_begin_now_or_in_the_future(world: World, version: str) -> None:
    world.etcd.up.set()
    await settle()
    watching = asyncio.create_task(world.first(resource_version=version))
    await settle()
    assert world.cacher.watching == 1 and not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert world.cacher.watching == 0
