"""What a listing makes of a runtime that changes, or breaks, while it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from apimachinery.clock import FakeClock, settle
from apimachinery.errors import ApiError
from kubelet.limits import RELIST_WITH_EVENTS_SECONDS
from kubelet.runtime import POD_UID, CriRuntime
from kubelet.runtime_cache import RuntimeCache
from proto import cri_pb2 as pb
from tests.unit.kubelet_harness import World, container, quiet

GONE = ApiError("NotFound", "no such container")
DOWN = ApiError("ServiceUnavailable", "connection refused")


class Runtime:
    """Containers a, b, ... of pods of the same names. `refused`: what it says when asked for one; `answers`: when not
    set, it keeps whoever asks for b waiting; `listed` is called when a list has been made and not yet given."""

    def __init__(self, **states: pb.ContainerState) -> None:
        self.states = states
        self.refused: dict[str, ApiError] = {}
        self.answers = asyncio.Event()
        self.answers.set()
        self.listed: Callable[[], None] = lambda: None

    async def list_sandboxes(self) -> list[pb.PodSandbox]:
        return []

    async def list_containers(self) -> list[pb.Container]:
        found = [pb.Container(id=one, state=state, labels={POD_UID: one}) for one, state in self.states.items()]
        self.listed()
        return found

    async def container_status(self, one: str) -> pb.ContainerStatus:
        if one == "b":
            await self.answers.wait()
        if one in self.refused:
            raise self.refused[one]
        return pb.ContainerStatus(id=one, state=self.states[one], labels={POD_UID: one})


class Known:
    """A cache that has listed a runtime in which a and b run; they have ended since. `told`: whose pods changed."""

    def __init__(self) -> None:
        self.runtime = Runtime(a=pb.CONTAINER_RUNNING, b=pb.CONTAINER_RUNNING)
        self.told: list[str] = []
        self.cache = RuntimeCache(cast(CriRuntime, self.runtime), FakeClock(), self.told.append)

    def states(self, uid: str) -> list[str]:
        return [one.state for one in self.cache.get(uid).instances]


@pytest.fixture
async def known() -> Known:
    known = Known()
    await known.cache.relist()
    known.told.clear()
    known.runtime.states = {"a": pb.CONTAINER_EXITED, "b": pb.CONTAINER_EXITED}
    return known


async def test_one_that_is_gone_when_it_is_asked_for_holds_up_no_other(known: Known) -> None:
    known.runtime.refused["a"] = GONE
    await known.cache.relist()
    assert sorted(known.told) == ["a", "b"]
    assert (known.states("a"), known.states("b")) == ([], ["exited"])


async def test_a_listing_that_fails_tells_what_it_has_learnt(known: Known) -> None:
    known.runtime.refused["b"] = DOWN
    with pytest.raises(ApiError):
        await known.cache.relist()
    assert (known.told, known.states("b")) == (["a"], ["running"])
    known.runtime.refused.clear()
    await known.cache.relist()
    assert (known.told, known.states("b")) == (["a", "b"], ["exited"])


async def test_a_listing_that_is_cancelled_leaves_the_telling_to_others(known: Known) -> None:
    """The kubelet may be ending: a worker that is woken then would be an error."""
    known.runtime.answers.clear()
    listing = asyncio.create_task(known.cache.relist())
    await settle()
    listing.cancel()
    await asyncio.gather(listing, return_exceptions=True)
    assert known.told == []
    known.cache.tell()
    assert known.told == ["a"]
    known.runtime.answers.set()
    await known.cache.relist()
    assert known.told == ["a", "b"]


async def test_what_is_listed_after_its_removal_is_back(known: Known) -> None:
    known.cache.forget("a")
    assert known.states("a") == []
    await known.cache.relist()
    assert (sorted(known.told), known.states("a")) == (["a", "b"], ["exited"])


async def test_what_is_removed_after_it_was_listed_stays_gone(known: Known) -> None:
    known.runtime.listed = lambda: known.cache.forget("a")
    await known.cache.relist()
    await known.cache.relist()  # removed once more, after an earlier removal
    assert (known.told, known.states("a")) == (["b"], [])


async def test_a_late_event_brings_nothing_back(known: Known) -> None:
    known.cache.forget("a")
    del known.runtime.states["a"]
    await known.cache.relist()
    status = pb.ContainerStatus(id="a", state=pb.CONTAINER_EXITED, labels={POD_UID: "a"})
    sandbox = pb.PodSandboxStatus(id="s", metadata=pb.PodSandboxMetadata(uid="a"))
    known.cache.take_event(pb.ContainerEventResponse(pod_sandbox_status=sandbox, containers_statuses=[status]))
    assert known.states("a") == []


# --- a whole kubelet


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    async with world.runtime():
        yield world


async def run_two_and_end_them_unseen(world: World) -> list[str]:
    """Gives the containers' ids, in the order in which they are listed."""
    for name in "ab":
        await world.create_pod(name, {"containers": [container()]})
    await quiet()
    store = world.backend.store
    unseen, store._subscribers = store._subscribers, set()
    for one in list(store.containers.values()):
        world.backend._end(one, 1, "Error")
    store._subscribers = unseen
    return list(store.containers)


async def restarts(world: World) -> list[int]:
    return [(await world.status(name))["containerStatuses"][0]["restartCount"] for name in "ab"]


async def test_a_listing_cut_short_swallows_no_exit(world: World) -> None:
    service = world.stub._servicer
    answer, asked = service.ContainerStatus, 0

    async def refuse_the_second(request: pb.ContainerStatusRequest, context: Any) -> pb.ContainerStatusResponse:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise DOWN
        return cast(pb.ContainerStatusResponse, await answer(request, context))

    async with world.running():
        await run_two_and_end_them_unseen(world)
        service.ContainerStatus = refuse_the_second
        await world.clock.advance(RELIST_WITH_EVENTS_SECONDS)
        await quiet()
        assert asked > 1
        service.ContainerStatus = answer
        await world.clock.advance(2 * RELIST_WITH_EVENTS_SECONDS + 100)
        await quiet()
        assert await restarts(world) == [1, 1]


async def test_a_listing_cut_off_with_the_event_stream_swallows_no_exit(world: World) -> None:
    service = world.stub._servicer
    answer, held = service.ContainerStatus, asyncio.Event()

    async with world.running():
        _, second = await run_two_and_end_them_unseen(world)

        async def hold_the_second(request: pb.ContainerStatusRequest, context: Any) -> pb.ContainerStatusResponse:
            if request.container_id == second:
                held.set()
                await asyncio.get_running_loop().create_future()
            return cast(pb.ContainerStatusResponse, await answer(request, context))

        service.ContainerStatus = hold_the_second
        await world.clock.advance(RELIST_WITH_EVENTS_SECONDS)
        await quiet()
        assert held.is_set()
        for reader in list(world.backend.store._subscribers):  # too slow: it has lost its stream
            reader._overflowed = True
            reader._wakeup.set()
        await quiet()
        assert await restarts(world) == [1, 0]
        service.ContainerStatus = answer
        await world.clock.advance(1)
        await quiet()
        assert await restarts(world) == [1, 1]
