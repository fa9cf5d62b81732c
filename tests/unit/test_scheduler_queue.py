"""Each promise of the queue's docstring, on a clock that moves when told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apimachinery.clock import FakeClock, settle
from scheduler.framework import Action, ClusterEvent, Plugin
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from scheduler.plugins.priority_sort import PrioritySort
from scheduler.plugins.scheduling_gates import SchedulingGates
from scheduler.plugins.taint_toleration import TaintToleration
from scheduler.profile import make_profile
from scheduler.queue import SchedulingQueue, Waiting
from tests.support.scheduling import make_pod

NODE_ADDED = ClusterEvent("Node", Action.ADD)
LABELS_CHANGED = ClusterEvent("Node", Action.UPDATE_LABEL)
POD_DELETED = ClusterEvent("AssignedPod", Action.DELETE)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> SchedulingQueue:
    plugins: list[Plugin] = [PrioritySort(), SchedulingGates(), NodeResourcesFit(), TaintToleration()]
    return SchedulingQueue(clock, make_profile("default-scheduler", plugins, {}))


def put(queue: SchedulingQueue, name: str, **spec: Any) -> None:
    queue.add(make_pod(name, **spec), "")


async def pop_now(queue: SchedulingQueue) -> Waiting | None:
    """What there is without waiting."""
    popping = asyncio.ensure_future(queue.pop())
    await settle()
    if popping.done():
        return popping.result()
    popping.cancel()
    await settle()
    return None


async def names_now(queue: SchedulingQueue) -> list[str]:
    found = []
    while (waiting := await pop_now(queue)) is not None:
        found.append(waiting.info.pod.name)
    return found


async def failed(queue: SchedulingQueue, name: str, *refused_by: str) -> Waiting:
    put(queue, name)
    waiting = await pop_now(queue)
    assert waiting is not None
    queue.fail(waiting, refused_by)
    return waiting


async def test_higher_priority_first_then_first_come(queue: SchedulingQueue, clock: FakeClock) -> None:
    put(queue, "first")
    await clock.advance(1)
    put(queue, "second")
    put(queue, "urgent", priority=100)
    assert await names_now(queue) == ["urgent", "first", "second"]


async def test_a_pod_whose_priority_changes_is_sorted_anew(queue: SchedulingQueue) -> None:
    put(queue, "a", priority=10)
    put(queue, "b", priority=5)
    queue.update(make_pod("b", priority=50), "")
    assert await names_now(queue) == ["b", "a"]
    assert queue.counts()["active"] == 0


async def test_deleted_pods_are_not_popped(queue: SchedulingQueue) -> None:
    put(queue, "a")
    put(queue, "b")
    queue.delete("uid-a")
    assert await names_now(queue) == ["b"]


async def test_pop_waits_for_a_pod(queue: SchedulingQueue) -> None:
    popping = asyncio.ensure_future(queue.pop())
    await settle()
    assert not popping.done()
    put(queue, "a")
    assert (await popping).info.pod.name == "a"


async def test_only_events_that_a_refusing_plugin_registered_move_a_pod(
    queue: SchedulingQueue, clock: FakeClock
) -> None:
    await failed(queue, "a", "NodeResourcesFit")
    await clock.advance(20)
    assert queue.move_on(LABELS_CHANGED) == 0
    assert await pop_now(queue) is None
    assert queue.move_on(POD_DELETED) == 1
    assert await names_now(queue) == ["a"]


async def test_backoff_doubles_up_to_ten_seconds(queue: SchedulingQueue, clock: FakeClock) -> None:
    waiting = await failed(queue, "a", "NodeResourcesFit")
    for expected in (1, 2, 4, 8, 10, 10):
        assert waiting.ready_at - clock.time() == expected
        queue.move_on(NODE_ADDED)
        popping = asyncio.ensure_future(queue.pop())
        await clock.advance(expected - 0.5)
        assert not popping.done()
        await clock.advance(0.5)
        assert popping.result() is waiting
        queue.fail(waiting, ["NodeResourcesFit"])


async def test_errors_are_retried_after_their_backoff(queue: SchedulingQueue, clock: FakeClock) -> None:
    await failed(queue, "a")
    assert queue.counts()["backoff"] == 1
    await clock.advance(1)
    assert await names_now(queue) == ["a"]


async def test_an_event_during_the_attempt_is_not_lost(queue: SchedulingQueue, clock: FakeClock) -> None:
    put(queue, "a")
    waiting = await pop_now(queue)
    assert waiting is not None
    queue.move_on(NODE_ADDED)
    queue.fail(waiting, ["NodeResourcesFit"])
    assert queue.counts()["backoff"] == 1


async def test_leftovers_are_retried_after_five_minutes(queue: SchedulingQueue, clock: FakeClock) -> None:
    await failed(queue, "a", "NodeResourcesFit")
    await clock.advance(299)
    assert queue.flush_leftovers() == 0
    await clock.advance(1)
    assert queue.flush_leftovers() == 1
    assert await names_now(queue) == ["a"]


async def test_gated_pods_wait_for_their_gates_alone(queue: SchedulingQueue, clock: FakeClock) -> None:
    gates = [{"name": "hold"}]
    put(queue, "a", scheduling_gates=gates)
    queue.move_on(NODE_ADDED)
    await clock.advance(1000)
    assert queue.flush_leftovers() == 0
    assert await pop_now(queue) is None
    assert queue.counts()["gated"] == 1
    queue.update(make_pod("a"), "")
    assert await names_now(queue) == ["a"]


async def test_its_own_status_does_not_wake_a_pod(queue: SchedulingQueue) -> None:
    await failed(queue, "a", "TaintToleration")
    queue.update(make_pod("a"), "")
    assert queue.counts()["unschedulable"] == 1
    queue.update(make_pod("a", tolerations=[{"operator": "Exists"}]), "")
    assert queue.counts()["backoff"] == 1


async def test_an_attempt_cut_short_does_not_count(queue: SchedulingQueue) -> None:
    put(queue, "a")
    waiting = await pop_now(queue)
    assert waiting is not None
    queue.put_back(waiting)
    assert await pop_now(queue) is waiting
    assert waiting.attempts == 1


async def test_done_ends_it(queue: SchedulingQueue) -> None:
    put(queue, "a")
    waiting = await pop_now(queue)
    assert waiting is not None
    queue.done(waiting.uid)
    assert len(queue) == 0
    queue.fail(waiting, [])
    assert len(queue) == 0
