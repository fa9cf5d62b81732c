"""One clock for several real Debug servers: pause, rate, and steps that let everyone act on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.debugging import clock
from tests.support.debug_fleet import FakeCluster, fake_cluster
from wire.gates import Action, Rule
from wire.seams import FileClock, load_clock

COMPONENTS = ("apiserver", "scheduler", "kubelet-worker-1")


@pytest.fixture
async def cluster(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCluster]:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    async with fake_cluster(tmp_path, certificates, COMPONENTS) as made:
        yield made


def times(cluster: FakeCluster) -> set[float]:
    return {one.clock.time() for one in cluster.seams.values()}


async def test_a_pause_is_the_same_instant_for_everyone_and_for_who_starts_later(cluster: FakeCluster) -> None:
    said = await clock.change(cluster.name, 0.0)
    assert "paused" in said
    (stopped,) = times(cluster)
    late = load_clock(cluster.paths.clock)
    assert isinstance(late, FileClock)
    assert late.time() == stopped
    await clock.change(cluster.name, 1.0)
    assert all(one.clock.state.rate == 1 for one in cluster.seams.values())
    assert len({one.clock.state for one in cluster.seams.values()}) == 1


async def test_time_never_runs_backwards_when_the_rate_changes(cluster: FakeCluster) -> None:
    scheduler = cluster.seams["scheduler"].clock
    for rate in (60.0, 1.0, 0.0, 5.0, 0.0, 1.0):
        before = scheduler.time()
        await clock.change(cluster.name, rate)
        assert scheduler.time() >= before, rate


async def test_a_step_goes_to_the_next_timer_of_anyone_and_says_whose(cluster: FakeCluster) -> None:
    await clock.change(cluster.name, 0.0)
    (start,) = times(cluster)
    waiting = [
        asyncio.create_task(cluster.seams["scheduler"].clock.sleep(30, "back-off of default/web")),
        asyncio.create_task(cluster.seams["kubelet-worker-1"].clock.sleep(10, "renew the lease")),
    ]
    await asyncio.sleep(0)
    said = await clock.step_next(cluster.name)
    assert "kubelet-worker-1: renew the lease" in said
    assert "scheduler" not in said
    assert times(cluster) == {start + 10}
    assert (waiting[0].done(), waiting[1].done()) == (False, True)
    assert "scheduler: back-off of default/web" in await clock.step_next(cluster.name)
    assert times(cluster) == {start + 30}
    assert "nobody waits" in await clock.step_next(cluster.name)


async def test_a_long_step_loses_no_lease(cluster: FakeCluster) -> None:
    """A holder renews every 10 s by a message to a watcher in another component, who gives up after 15 s."""
    holder, watcher = cluster.seams["kubelet-worker-1"], cluster.seams["apiserver"]
    renewed = asyncio.Event()
    lost: list[float] = []
    order: list[str] = []

    async def hold() -> None:
        while True:
            await holder.clock.sleep(10, "renew the lease")
            with holder.tracer.activity.doing("rpc:renew"):
                await asyncio.sleep(0.005)  # what a real request takes
                renewed.set()
                order.append("renewed")

    async def watch() -> None:
        while True:
            renewed.clear()
            seen = asyncio.create_task(renewed.wait())
            patience = asyncio.create_task(watcher.clock.sleep(15, "the lease expires"))
            await asyncio.wait((seen, patience), return_when=asyncio.FIRST_COMPLETED)
            if not seen.done():
                lost.append(watcher.clock.time())
            seen.cancel()
            patience.cancel()

    await clock.change(cluster.name, 0.0)
    (start,) = times(cluster)
    tasks = [asyncio.create_task(hold()), asyncio.create_task(watch())]
    await asyncio.sleep(0)
    said = await clock.step_by(cluster.name, 300.0)
    assert lost == []
    assert order == ["renewed"] * 30
    assert times(cluster) == {start + 300}
    assert "30 x  kubelet-worker-1  renew the lease" in said
    for task in tasks:
        task.cancel()


async def test_a_running_clock_runs_on_after_a_step(cluster: FakeCluster) -> None:
    before = cluster.seams["scheduler"].clock.time()
    said = await clock.step_by(cluster.name, 60.0)
    assert "running as before" in said
    (rate,) = {one.clock.state.rate for one in cluster.seams.values()}
    assert rate == 1.0
    assert cluster.seams["scheduler"].clock.time() >= before + 60


async def test_work_that_does_not_end_is_named_and_waited_for_once(cluster: FakeCluster) -> None:
    kubelet = cluster.seams["kubelet-worker-1"]
    await clock.change(cluster.name, 0.0)

    async def stuck() -> None:
        await kubelet.clock.sleep(1, "begin")
        with kubelet.tracer.span("docker:pull"):
            await asyncio.Event().wait()

    task = asyncio.create_task(stuck())
    await asyncio.sleep(0)
    said = await clock.step_by(cluster.name, 10.0, rest_seconds=0.05)
    assert "not at rest within the time allowed" in said
    assert "kubelet-worker-1: docker:pull" in said
    task.cancel()


async def test_work_that_is_held_or_sleeps_is_not_waited_for(cluster: FakeCluster) -> None:
    """The caller's span is open because the callee sleeps on the clock: nothing to wait for in real time."""
    caller, callee = cluster.seams["kubelet-worker-1"], cluster.seams["apiserver"]
    callee.gates.add(Rule("etcd:txn", Action.HOLD))
    await clock.change(cluster.name, 0.0)

    async def call() -> None:
        with caller.tracer.span("sync pod") as span, callee.tracer.span("/Serve", parent=span.traceparent):
            await callee.clock.sleep(5, "start delay")

    async def held() -> None:
        with callee.tracer.span("PATCH pods"):
            await callee.gates.pass_through("etcd:txn")

    tasks = [asyncio.create_task(call()), asyncio.create_task(held())]
    await asyncio.sleep(0)
    said = await clock.step_by(cluster.name, 4.0)
    assert "not at rest" not in said
    assert not tasks[0].done()
    assert "not at rest" not in await clock.step_by(cluster.name, 4.0)
    assert tasks[0].done()
    tasks[1].cancel()


async def test_who_is_out_of_reach_is_named_and_finds_the_clock_in_the_file(
    cluster: FakeCluster, certificates: Path
) -> None:
    spec = json.loads(cluster.paths.spec.read_text())
    spec["ports"]["scheduler"] = 1
    cluster.paths.spec.write_text(json.dumps(spec))
    said = await clock.change(cluster.name, 0.0)
    assert "not reached: scheduler" in said
    late = cluster.seams["scheduler"].clock
    async with asyncio.timeout(10):
        while late.state.rate:
            await asyncio.sleep(0.02)
    assert late.time() == cluster.seams["apiserver"].clock.time()


async def test_show_tells_time_pace_and_the_next_timers(cluster: FakeCluster) -> None:
    await clock.change(cluster.name, 0.0)
    task = asyncio.create_task(cluster.seams["scheduler"].clock.sleep(30, "flush the queue"))
    await asyncio.sleep(0)
    said = await clock.show(cluster.name)
    assert "paused" in said
    assert "+30 s  scheduler  flush the queue" in said
    task.cancel()
