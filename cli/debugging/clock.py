"""`orrery clock`: show, pause, resume, rate, step."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

from apimachinery.clock import ClockState
from cli.debugging.driving import DrivenFleet, driven
from cli.debugging.durations import show_duration
from cli.debugging.fleet import Answers, Fleet, open_fleet
from cli.debugging.rest import Due
from cli.debugging.stepping import REST_SECONDS, Conductor, Passage
from cli.debugging.telling import read_line, set_rate
from cli.debugging.timeline import (
    disagreeing,
    now_on,
    pace,
    read_written,
    show_time,
    warning_of,
)
from cli.locks import only_one
from cli.status import table
from proto import debug_pb2
from wire.seams import BrokenFile, read_clock

LOCK_FILE = "clock.command.lock"  # beside the clock's file
TIMERS_SHOWN = 10
PASSED_SHOWN = 15


async def show(name: str) -> str:
    async with open_fleet(name) as fleet:
        line = await read_line(fleet)
        states = await fleet.ask(lambda stub: stub.GetClock(debug_pb2.GetClockRequest()))
        timers = await fleet.ask(lambda stub: stub.ListTimers(debug_pb2.ListTimersRequest()))
        monotonic = time.monotonic()
        now = now_on(line, monotonic)
        lines = [_headline(line, now), *_waits(fleet.paths.clock)]
        lines += [f"  {text}" for text in _quarrels(disagreeing(line, lines_of(states.got), monotonic))]
        lines += _list_timers(now, timers.got)
    return _finish(lines, fleet, states)


async def change(name: str, rate: float) -> str:
    """Pause (0), resume (1), or any other rate."""
    async with open_fleet(name) as fleet:
        with _alone(fleet):
            _drop_broken(fleet.paths.clock)
            line, answers = await set_rate(fleet, rate)
        lines = [_headline(line, now_on(line, max(time.monotonic(), line.monotonic)))]
        if warning_of(rate):
            lines.append(f"careful: {warning_of(rate)}")
        return _finish(lines, fleet, answers)


async def step_next(name: str) -> str:
    """To the next timer of any component; the clock stands afterwards."""
    async with _stepping(name, stand=True) as (fleet, orchestra):
        before = orchestra.line.cluster_time
        conductor = Conductor(orchestra)
        due = await conductor.to_next()
        if not due:
            return "\n".join(["nobody waits for anything: there is no next timer", *_afterthoughts(fleet, orchestra)])
        now = orchestra.line.cluster_time
        lines = [f"{show_time(now)}, {show_duration(now - before)} on; the clock stands. Now came due:"]
        lines += [f"  {one.component}: {one.why or 'a timer that does not say what for'}" for one in due]
        return "\n".join([*lines, *_restless(conductor.passage), *_afterthoughts(fleet, orchestra)])


async def step_by(name: str, seconds: float, *, rest_seconds: float = REST_SECONDS) -> str:
    """Through every timer on the way; the clock then goes on as it did before."""
    began = time.monotonic()
    async with _stepping(name) as (fleet, orchestra):
        before = orchestra.line.cluster_time
        conductor = Conductor(orchestra, rest_seconds)
        teller = _Teller(before, seconds)
        try:
            passage = await conductor.to(before, before + seconds, teller.tell)
        finally:
            teller.clear()
    now, took = orchestra.line.cluster_time, time.monotonic() - began
    lines = [f"{show_time(now)}, {show_duration(seconds)} on in {took:.1f} s; {orchestra.afterwards}."]
    return "\n".join([*lines, *_passed(passage), *_restless(passage), *_afterthoughts(fleet, orchestra)])


@asynccontextmanager
async def _stepping(name: str, *, stand: bool = False) -> AsyncIterator[tuple[Fleet, DrivenFleet]]:
    async with open_fleet(name) as fleet:
        with _alone(fleet):
            async with driven(fleet, stand=stand) as orchestra:
                yield fleet, orchestra


def _alone(fleet: Fleet) -> AbstractContextManager[None]:
    """A step may take minutes; nobody else sets the clock meanwhile but the watchdog. Raises UserError."""
    return only_one(fleet.paths.clock.with_name(LOCK_FILE), "another command steps or sets the clock; end it first")


def _drop_broken(path: Path) -> None:
    """A torn file is set again, at the time that the components still have."""
    try:
        read_clock(path)
    except BrokenFile:
        path.unlink(missing_ok=True)


class _Teller:
    """One live line on a terminal."""

    def __init__(self, start: float, seconds: float) -> None:
        self._start = start
        self._of = show_duration(seconds)
        self._live = sys.stderr.isatty()

    def tell(self, due: list[Due]) -> None:
        if self._live:
            far = show_duration(due[0].deadline - self._start)
            text = f" … {far} of {self._of}: {due[0].component}: {due[0].why}"[:110]
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def lines_of(states: dict[str, debug_pb2.ClockState]) -> dict[str, ClockState]:
    return {name: ClockState(one.monotonic, one.cluster_time, one.rate) for name, one in states.items()}


def _headline(line: ClockState, now: float) -> str:
    off = now - time.time()
    beside = "" if abs(off) < 0.5 else f", {show_duration(abs(off))} {'ahead of' if off > 0 else 'behind'} real time"
    return f"cluster time {show_time(now)}, {pace(line.rate)}{beside}"


def _waits(path: Path) -> list[str]:
    written = read_written(path)
    return [f"  {written.waiting}"] if written is not None and written.waits_for else []


def _quarrels(ahead: dict[str, float]) -> list[str]:
    return [
        f"{name} is {show_duration(abs(by))} {'ahead' if by > 0 else 'behind'}; it follows within a second"
        for name, by in sorted(ahead.items())
    ]


def _list_timers(now: float, answers: dict[str, debug_pb2.ListTimersResponse]) -> list[str]:
    every = sorted((one.deadline, name, one.why) for name, answer in answers.items() for one in answer.timers)
    if not every:
        return ["nobody waits for anything"]
    rows = [[f"+{show_duration(max(0.0, at - now))}", name, why or "-"] for at, name, why in every[:TIMERS_SHOWN]]
    more = len(every) - len(rows)
    shown = table([["DUE", "COMPONENT", "FOR"], *rows])
    return [f"next timers:\n{shown}" + (f"\n({more} more)" if more > 0 else "")]


def _passed(passage: Passage) -> list[str]:
    if not passage.passed:
        return ["No timer came due on the way."]
    total = sum(passage.passed.values())
    rows = [[f"{many} x", name, why or "-"] for (name, why), many in passage.passed.most_common(PASSED_SHOWN)]
    rest = total - sum(many for _, many in passage.passed.most_common(PASSED_SHOWN))
    lines = [f"Passed {total} timers in {passage.moments} moments:", _indented(table(rows))]
    return [*lines, f"  and {rest} others"] if rest else lines


def _restless(passage: Passage) -> list[str]:
    """Said plainly: here the order of events is not certain."""
    return [_unrest(passage.restless)] if passage.restless else []


def _unrest(restless: Counter[str]) -> str:
    worst = ", ".join(f"{what}" for what, _ in restless.most_common(5))
    return f"not at rest within the time allowed, and not waited for any longer: {worst}"


def _afterthoughts(fleet: Fleet, orchestra: DrivenFleet) -> list[str]:
    missed = Answers[None](missing=orchestra.missed)
    return [*([missed.complaint] if missed.missing else []), *_real_containers(fleet)]


def _real_containers(fleet: Fleet) -> list[str]:
    if fleet.cluster.runtime != "docker":
        return []
    return ["(real containers run in real time whatever the cluster's clock does)"]


def _finish(lines: list[str], fleet: Fleet, answers: Answers[debug_pb2.ClockState]) -> str:
    return "\n".join([*lines, *([answers.complaint] if answers.missing else []), *_real_containers(fleet)])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
