"""When a cluster is at rest, and how it is stepped: over fakes, without a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from apimachinery.clock import ClockState, FakeClock
from cli.debugging.rest import Due, Reports, moved, next_timers, under_way
from cli.debugging.stepping import Conductor, moment_of
from proto import debug_pb2
from wire.report import come_to_rest, report
from wire.seams import Seams, make_seams


def work(name: str, span: str = "", parent: str = "") -> debug_pb2.Work:
    return debug_pb2.Work(name=name, span_id=span, parent_id=parent, key=f"{name}/{span}")


def reports(*work_: debug_pb2.Work, waiting: tuple[str, ...] = ()) -> Reports:
    return {"a": debug_pb2.DriveReport(work=work_, waiting=waiting)}


def test_work_that_waits_does_not_count_nor_who_waits_for_it() -> None:
    table: list[tuple[str, Reports, list[str]]] = [
        ("nothing", reports(), []),
        ("a span", reports(work("sync", "1")), ["sync"]),
        ("a span that sleeps", reports(work("sync", "1"), waiting=("1",)), []),
        ("its caller", reports(work("sync", "1"), work("serve", "2", "1"), waiting=("2",)), []),
        ("siblings", reports(work("s", "1"), work("x", "2", "1"), work("y", "3", "1"), waiting=("2",)), ["y"]),
        ("a call in it", reports(work("sync", "1"), work("rpc:/m", "", "1"), work("/m", "2", "1"), waiting=("2",)), []),
        ("a call without a span", reports(work("rpc:/m"), work("/m", "2"), waiting=("2",)), []),
        ("another such call", reports(work("rpc:/n"), work("/m", "2"), waiting=("2",)), ["rpc:/n"]),
        ("two calls, one waits", reports(work("rpc:/m"), work("rpc:/m"), work("/m", "2"), waiting=("2",)), ["rpc:/m"]),
    ]  # fmt: skip
    for name, given, expected in table:
        assert [one.name for one in under_way(given)] == expected, name


def test_a_caller_in_another_process_waits_too() -> None:
    both = {
        "kubelet": debug_pb2.DriveReport(work=[work("sync", "1"), work("rpc:/Stop", "", "1")]),
        "runtime": debug_pb2.DriveReport(work=[work("/Stop", "2", "1")], waiting=["2"]),
    }
    assert under_way(both) == []


def test_moved() -> None:
    def at(**progress: int) -> Reports:
        return {name: debug_pb2.DriveReport(progress=number) for name, number in progress.items()}

    assert not moved(at(a=1, b=2), at(a=1, b=2))
    assert moved(at(a=1, b=2), at(a=1, b=3))
    assert moved(at(a=1), at(a=1, b=0))


def test_the_next_timers_of_anyone() -> None:
    def due(*deadlines: float) -> debug_pb2.DriveReport:
        return debug_pb2.DriveReport(timers=[debug_pb2.Timer(deadline=at, why=f"at {at}") for at in deadlines])

    everyone = {"a": due(10.0, 10.2), "b": due(10.05), "c": due()}
    assert next_timers(everyone, 0.0, 0.001) == [Due(10.0, "a", "at 10.0")]
    assert [one.component for one in next_timers(everyone, 0.0, 0.1)] == ["a", "b"]
    assert next_timers(everyone, 10.1, 0.001) == [Due(10.2, "a", "at 10.2")]
    assert next_timers(everyone, 11.0, 0.001) == []


def test_moments_are_finer_on_a_short_way() -> None:
    assert [moment_of(seconds) for seconds in (0.5, 20.0, 300.0)] == [0.001, 0.01, 0.1]


@dataclass
class Orchestra:
    """Some components in this process, driven as the real ones are."""

    components: dict[str, Seams] = field(default_factory=dict)
    now: float = 1000.0
    stood: float = 0.0
    on_wave: Callable[[], None] = lambda: None

    def add(self, name: str) -> Seams:
        self.components[name] = make_seams(name, FakeClock(self.now))
        return self.components[name]

    async def wave(self, to: float | None = None) -> Reports:
        self.on_wave()
        if to is not None:
            assert to >= self.now
            self.now = to
        for seams in self.components.values():
            seams.clock.adopt(ClockState(0.0, self.now, 0.0))
            await come_to_rest(seams)
        return {name: report(seams) for name, seams in self.components.items()}


async def test_a_step_stops_at_each_timer_in_order_across_components() -> None:
    orchestra = Orchestra()
    woken: list[tuple[str, float]] = []

    async def every(name: str, seconds: float) -> None:
        clock = orchestra.components[name].clock
        while True:
            await clock.sleep(seconds, f"every {seconds:g}")
            woken.append((name, clock.time()))

    for name in ("a", "b"):
        orchestra.add(name)
    tasks = [asyncio.create_task(every("a", 4.0)), asyncio.create_task(every("b", 5.0))]
    await asyncio.sleep(0)
    passage = await Conductor(orchestra).to(1000.0, 1010.5)
    assert woken == [("a", 1004), ("b", 1005), ("a", 1008), ("b", 1010)]
    assert orchestra.now == 1010.5
    assert passage.moments == 4
    assert passage.passed == {("a", "every 4"): 2, ("b", "every 5"): 2}
    for task in tasks:
        task.cancel()


async def test_to_next_names_all_that_come_due_together() -> None:
    orchestra = Orchestra()
    tasks = [
        asyncio.create_task(orchestra.add(name).clock.sleep(seconds, name))
        for name, seconds in (("a", 3.0), ("b", 3.0), ("c", 9.0))
    ]
    await asyncio.sleep(0)
    conductor = Conductor(orchestra)
    assert [one.component for one in await conductor.to_next()] == ["a", "b"]
    assert [one.component for one in await conductor.to_next()] == ["c"]
    assert await conductor.to_next() == []
    await asyncio.gather(*tasks)


async def test_the_clock_waits_for_work_in_real_time() -> None:
    """What a timer sets off elsewhere, and takes real time, is finished before the next timer."""
    orchestra = Orchestra()
    a, b = orchestra.add("a"), orchestra.add("b")
    seen: list[float] = []

    async def slow() -> None:
        await a.clock.sleep(1.0)
        with b.tracer.span("real work"):
            await asyncio.sleep(0.03)
            seen.append(b.clock.time())

    tasks = [asyncio.create_task(slow()), asyncio.create_task(a.clock.sleep(1.5))]
    await asyncio.sleep(0)
    await Conductor(orchestra).to(1000.0, 1002.0)
    assert seen == [1001.0]
    await asyncio.gather(*tasks)


async def test_what_never_rests_is_named_and_does_not_hang() -> None:
    orchestra = Orchestra()
    gates = orchestra.add("a").gates
    orchestra.on_wave = lambda: setattr(gates.declare("e"), "passed", gates.declare("e").passed + 1)
    conductor = Conductor(orchestra, rest_seconds=0.02)
    passage = await conductor.to(1000.0, 1001.0)
    assert set(passage.restless) == {"a: never quiet"}
    assert orchestra.now == 1001.0
