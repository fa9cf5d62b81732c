"""Each property of the work queue's contract."""

from __future__ import annotations

import asyncio

import pytest

from apimachinery.clock import FakeClock, settle
from client.workqueue import ShutDown, WorkQueue
from wire import trace

CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def take(queue: WorkQueue) -> str:
    key, _ = await queue.get()
    return key


async def test_fair_keys_come_out_in_order() -> None:
    queue = WorkQueue(FakeClock())
    for key in "cab":
        queue.add(key)
    assert [await take(queue) for _ in range(3)] == ["c", "a", "b"]


async def test_stingy_a_key_added_often_comes_out_once() -> None:
    queue = WorkQueue(FakeClock())
    for _ in range(5):
        queue.add("a")
    assert len(queue) == 1
    await take(queue)
    queue.done("a")
    assert len(queue) == 0


async def test_a_key_added_while_worked_on_comes_out_after_done() -> None:
    queue = WorkQueue(FakeClock())
    queue.add("a")
    await take(queue)
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await take(queue) == "a"


async def test_many_producers_and_consumers_lose_and_double_nothing() -> None:
    queue = WorkQueue(FakeClock())
    taken: list[str] = []
    held: set[str] = set()

    async def produce(first: int) -> None:
        for number in range(first, first + 50):
            queue.add(f"key-{number}")
            await asyncio.sleep(0)

    async def consume() -> None:
        while True:
            try:
                key = await take(queue)
            except ShutDown:
                return
            assert key not in held
            held.add(key)
            await asyncio.sleep(0)
            held.discard(key)
            taken.append(key)
            queue.done(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(consume())
        async with asyncio.TaskGroup() as producers:
            for first in (0, 50, 100):
                producers.create_task(produce(first))
        await settle()
        queue.shut_down()
    assert sorted(taken) == sorted(f"key-{number}" for number in range(150))


async def test_shut_down_drains_then_raises() -> None:
    queue = WorkQueue(FakeClock())
    queue.add("a")
    queue.add_after("late", 5)
    queue.shut_down()
    queue.add("b")
    assert await take(queue) == "a"
    with pytest.raises(ShutDown):
        await queue.get()


async def test_shut_down_wakes_waiting_consumers() -> None:
    queue = WorkQueue(FakeClock())
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await settle()
    queue.shut_down()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [ShutDown] * 3


async def test_a_cancelled_consumer_does_not_swallow_a_wakeup() -> None:
    queue = WorkQueue(FakeClock())
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await settle()
    queue.add("a")
    first.cancel()
    assert (await second)[0] == "a"


async def test_delayed_keys_come_when_due_and_the_soonest_counts() -> None:
    clock = FakeClock()
    queue = WorkQueue(clock)
    queue.add_after("a", 10)
    queue.add_after("b", 3)
    queue.add_after("a", 5)
    queue.add_after("a", 8)
    await clock.advance(2.9)
    assert len(queue) == 0
    await clock.advance(0.2)
    assert await take(queue) == "b"
    await clock.advance(2)
    assert await take(queue) == "a"
    queue.done("a")
    await clock.advance(10)
    assert len(queue) == 0
    queue.shut_down()


async def test_rate_limited_pauses_double_until_forgotten() -> None:
    clock = FakeClock()
    queue = WorkQueue(clock, base_seconds=1, max_seconds=4)
    pauses = []
    for _ in range(4):
        start = clock.time()
        queue.add_rate_limited("a")
        while not len(queue):
            await clock.advance(0.5)
        pauses.append(clock.time() - start)
        queue.done(await take(queue))
    assert pauses == [1, 2, 4, 4]
    assert queue.failures("a") == 4
    queue.forget("a")
    queue.add_rate_limited("a")
    await clock.advance(1)
    assert len(queue) == 1
    queue.shut_down()


async def test_delayed_keys_remember_their_traces_too() -> None:
    clock = FakeClock()
    queue = WorkQueue(clock)
    token = trace.attach(CONTEXT)
    queue.add_after("a", 5)
    trace.detach(token)
    await clock.advance(6)
    assert await queue.get() == ("a", (CONTEXT,))
    queue.shut_down()


async def test_keys_remember_the_traces_that_asked_for_them() -> None:
    queue = WorkQueue(FakeClock())
    token = trace.attach(CONTEXT)
    queue.add("a")
    queue.add("a")
    trace.detach(token)
    queue.add("a")
    assert await queue.get() == ("a", (CONTEXT,))
    queue.done("a")
    queue.add("a")
    assert await queue.get() == ("a", ())


async def test_a_look_answers_what_was_asked_for_later_before_it() -> None:
    clock = FakeClock()
    queue = WorkQueue(clock, "q")
    queue.add_after("a", 300)
    queue.add_after("b", 200)
    queue.add("a")
    await take(queue)
    queue.went_well("a", None)
    queue.done("a")
    await settle()
    assert queue.place("a") == "" and [one.deadline - clock.time() for one in clock.timers()] == [200]
    queue.add("b")
    await take(queue)
    queue.went_well("b", 50)
    queue.done("b")
    await settle()
    assert [one.deadline - clock.time() for one in clock.timers()] == [50]
    await clock.advance(50)
    assert await take(queue) == "b"
    queue.went_well("b", None)
    queue.done("b")
    await clock.advance(500)
    assert len(queue) == 0 and clock.timers() == []


async def test_what_is_not_asked_for_any_more_takes_no_room() -> None:
    clock = FakeClock()
    queue = WorkQueue(clock)
    for _ in range(1000):
        for key in "ab":
            queue.add(key)
            await take(queue)
            queue.went_well(key, 300)
            queue.done(key)
        await clock.advance(0.1)
    assert len(queue._heap) < 100
    assert await _left(queue, clock, 299.8) == 0 and await _left(queue, clock, 0.2) == 2


async def _left(queue: WorkQueue, clock: FakeClock, seconds: float) -> int:
    """How many keys there are so much later."""
    await clock.advance(seconds)
    return len(queue)


async def test_shut_down_during_a_look_it_waits_for_nothing() -> None:
    clock = FakeClock()
    queue = WorkQueue(clock)
    queue.add_after("a", 5)
    queue.add_after("b", 10)
    queue.add("a")
    await take(queue)
    queue.shut_down()
    queue.went_well("a", 20)
    queue.done("a")
    await settle()
    assert clock.timers() == []


async def test_who_asked_for_what_was_answered_is_no_cause_of_the_next_look() -> None:
    queue = WorkQueue(FakeClock())
    queue.add("a")
    token = trace.attach(CONTEXT)
    queue.add_after("a", 5)
    trace.detach(token)
    await take(queue)
    queue.went_well("a", None)
    queue.done("a")
    queue.add("a")
    assert await queue.get() == ("a", ())


@pytest.mark.parametrize("well", [True, False])
async def test_what_was_asked_for_comes_due_during_a_look(well: bool) -> None:
    clock = FakeClock()
    queue = WorkQueue(clock)
    queue.add_after("a", 5)
    queue.add("a")
    await take(queue)
    await settle()
    await clock.advance(10)
    if well:
        queue.went_well("a", None)
    queue.done("a")
    await settle()
    assert len(queue) == (0 if well else 1) and clock.timers() == []


async def test_what_is_asked_for_during_a_look_or_before_one_that_failed_stays_asked_for() -> None:
    clock = FakeClock()
    queue = WorkQueue(clock)
    queue.add("during")
    await take(queue)
    queue.add_after("during", 10)
    queue.went_well("during", None)
    queue.done("during")
    queue.add_after("both", 5)
    queue.add("both")
    await take(queue)
    queue.add_after("both", 15)
    queue.went_well("both", None)
    queue.done("both")
    queue.add_after("failed", 20)
    queue.add("failed")
    await take(queue)
    queue.done("failed")
    await settle()
    await clock.advance(20)
    assert len(queue) == 3
    assert [await take(queue) for _ in range(3)] == ["during", "both", "failed"]
