"""While a component under debug stands still, the cluster's clock stands still for all others.

Each such component is asked who it is, often; its event loop answers, unless it stands at a breakpoint, in `pdb`, or
was stopped by a signal. Who runs this is the supervisor, as long as anything is under debug. Real time, of course.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from apimachinery.clock import ClockState
from cli.debugging.fleet import Fleet, open_fleet
from cli.debugging.timeline import bend, write_line
from cli.running import is_alive
from proto import debug_pb2
from wire.seams import read_clock

PERIOD_SECONDS = 0.05  # between answers and the next question
DEADLINE_SECONDS = 0.15  # who has not answered by then stands still
TELL_SECONDS = 0.5  # for all others to hear of it; who did not finds it in the file

Debugged = dict[str, tuple[int, bool]]
"""By component: its process (0: none now), and whether it stands still from its start on."""


@dataclass
class Judge:
    """Decides from answers who stands still."""

    known: dict[str, int] = field(default_factory=dict)  # the process that answered last
    standing: set[str] = field(default_factory=set)

    def hear(self, component: str, pid: int, alive: bool, waits: bool, answer: str) -> None:
        """`answer` is "" for one, `late` or `refused`: it is being started, ends, or has lost its connections."""
        stands = False
        if not answer:
            self.known[component] = pid
        elif alive and self.known.get(component) == pid:
            stands = answer == "late" or component in self.standing
        elif alive:
            stands = waits
        (self.standing.add if stands else self.standing.discard)(component)

    def forget_others(self, components: set[str]) -> None:
        self.standing &= components


class Watchdog:
    """`debugged` says what to watch; `tell` is told who stands still whenever that changes."""

    def __init__(self, cluster: str, debugged: Callable[[], Debugged], tell: Callable[[frozenset[str]], None]) -> None:
        self._cluster = cluster
        self._debugged = debugged
        self._tell = tell
        self._judge = Judge()
        self._stopped: ClockState | None = None  # the line that we set
        self._rate = 1.0  # as it was before

    async def run(self) -> None:
        """Until nothing is under debug."""
        async with open_fleet(self._cluster) as fleet:
            try:
                while debugged := self._debugged():
                    await self._look(fleet, debugged)
                    await asyncio.sleep(PERIOD_SECONDS)
            finally:
                await self._go_on(fleet)
                self._tell(frozenset())

    async def _look(self, fleet: Fleet, debugged: Debugged) -> None:
        was = frozenset(self._judge.standing)
        answers = await asyncio.gather(*(_ask(fleet, name) for name in debugged))
        for (name, (pid, waits)), answer in zip(debugged.items(), answers, strict=True):
            self._judge.hear(name, pid, bool(pid) and is_alive(pid), waits, answer)
        self._judge.forget_others(set(debugged))
        await self._act(fleet, frozenset(self._judge.standing), was)

    async def _act(self, fleet: Fleet, standing: frozenset[str], was: frozenset[str]) -> None:
        if standing == was:
            return
        if standing and self._stopped is None:
            await self._stop(fleet, standing)
        elif not standing and self._stopped is not None:
            await self._go_on(fleet)
        self._tell(standing)

    async def _stop(self, fleet: Fleet, standing: frozenset[str]) -> None:
        line = read_clock(fleet.paths.clock) or ClockState(time.monotonic(), time.time(), 1.0)
        self._rate = line.rate
        self._stopped = bend(line, time.monotonic(), 0.0)
        await _set(fleet, self._stopped, standing)

    async def _go_on(self, fleet: Fleet) -> None:
        """At the rate of before, unless somebody has set another one meanwhile."""
        ours, self._stopped = self._stopped, None
        if ours is not None and self._rate and read_clock(fleet.paths.clock) == ours:
            await _set(fleet, bend(ours, time.monotonic(), self._rate), frozenset())


async def _set(fleet: Fleet, line: ClockState, standing: frozenset[str]) -> None:
    write_line(fleet.paths.clock, line)
    state = debug_pb2.ClockState(**line._asdict())
    others = [one.component for one in fleet.targets if one.component not in standing]
    try:
        async with asyncio.timeout(TELL_SECONDS):
            await fleet.ask_each(lambda _, stub: stub.SetClock(state), others)
    except TimeoutError:
        return  # they look at the file within a second


async def _ask(fleet: Fleet, component: str) -> str:
    try:
        await fleet.stub(component).Info(debug_pb2.InfoRequest(), timeout=DEADLINE_SECONDS)
    except grpc.aio.AioRpcError as error:
        return "late" if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else "refused"
    return ""
