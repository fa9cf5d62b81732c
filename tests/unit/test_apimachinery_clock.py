"""The injected clock: who waits is woken in cluster time, whatever real time does."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from apimachinery.clock import Clock, ClockState, FakeClock, settle


class Source:
    """Real monotonic seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_is_a_line_over_the_source() -> None:
    source = Source()
    clock = Clock(ClockState(100.0, 5000.0, 2.0), source=source)
    source.now = 103.0
    assert clock.time() == 5006.0
    clock.set(rate=0)
    source.now = 200.0
    assert clock.time() == 5006.0
    clock.set(cluster_time=7000.0, rate=1)
    source.now = 201.0
    assert clock.time() == 7001.0


def test_two_clocks_with_one_state_agree() -> None:
    source = Source()
    first = Clock(source=source)
    state = first.set(rate=60.0)
    second = Clock(state, source=source)
    source.now += 7.5
    assert first.time() == second.time()


async def test_advance_wakes_sleepers_in_order_and_stops_on_the_way() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []
    start = clock.time()

    async def chain() -> None:
        for name in ("a", "b", "c"):
            await clock.sleep(10, name)
            woken.append((name, clock.time() - start))

    task = asyncio.create_task(chain())
    await clock.advance(25)
    assert woken == [("a", 10), ("b", 20)]
    await clock.advance(5)
    assert woken[2:] == [("c", 30)]
    await task


async def test_timers_say_who_waits_and_forget_the_cancelled() -> None:
    clock = FakeClock()
    tasks = [asyncio.create_task(clock.sleep(seconds, f"for {seconds}")) for seconds in (30, 10, 20)]
    await settle()
    assert [timer.why for timer in clock.timers()] == ["for 10", "for 20", "for 30"]
    tasks[1].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[1]
    assert [timer.why for timer in clock.timers()] == ["for 20", "for 30"]
    await clock.advance(30)
    await asyncio.gather(tasks[0], tasks[2])


async def test_timeout_counts_cluster_time() -> None:
    clock = FakeClock()

    async def too_long() -> None:
        async with clock.timeout(5, "patience"):
            await clock.sleep(60)

    task = asyncio.create_task(too_long())
    await clock.advance(4)
    assert not task.done()
    await clock.advance(2)
    with pytest.raises(TimeoutError):
        await task


async def test_timeout_leaves_a_quick_body_alone() -> None:
    clock = FakeClock()
    async with clock.timeout(5):
        await clock.sleep(0)
    assert clock.timers() == []


async def test_real_clock_resumed_from_a_pause_wakes_who_waited() -> None:
    clock = Clock(ClockState(0.0, 1000.0, 0.0), source=lambda: 0.0)
    task = asyncio.create_task(clock.sleep(1_000_000))
    await settle()
    assert not task.done()
    clock.set(cluster_time=2_000_000.0)
    await task
