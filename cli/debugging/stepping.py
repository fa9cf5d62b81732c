"""Moving a paused cluster's clock from timer to timer, waiting each time until everyone has come to rest.

So nothing is skipped: whoever would have renewed a lease on the way renews it, in the order in which the timers are
due, however far the step goes. The wait is bounded in real time; what had not ended by then is named.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from cli.debugging.rest import Due, Reports, moved, next_timers, under_way

REST_SECONDS = 5.0  # real time that one moment may take to come to rest
BACKGROUND_SECONDS = 5.0  # what was under way for so long before the first step is not waited for
QUIET_LOOKS = 2  # in a row, after something stirred
FINEST_SECONDS = 0.001  # timers due within so much cluster time of one another are due in one moment
COARSEST_SECONDS = 0.1  # the same on a long way; less than what a timer may be late by in real life
POLL_SECONDS = 0.002  # real time between looks while something is under way


class Driven(Protocol):
    """All components of a cluster, under one clock that stands still."""

    stood: float
    """Real seconds for which one of them stood at a breakpoint, and `wave` waited for it."""

    async def wave(self, to: float | None = None) -> Reports:
        """Move everyone to cluster time `to`, if given, and have everyone report."""


def moment_of(seconds: float) -> float:
    """How near to one another timers must be to be passed together on a way of so many seconds."""
    return min(COARSEST_SECONDS, max(FINEST_SECONDS, seconds / 2000))


@dataclass
class Passage:
    """What a step went past."""

    moments: int = 0
    passed: Counter[tuple[str, str]] = field(default_factory=Counter)  # (component, why), how often
    restless: Counter[str] = field(default_factory=Counter)  # what had not ended in time, how often


@dataclass
class Conductor:
    """Steps. `rest_seconds` bounds each wait."""

    driven: Driven
    rest_seconds: float = REST_SECONDS
    passage: Passage = field(default_factory=Passage)
    _background: set[str] = field(default_factory=set)
    _began: bool = False
    _at: float = -math.inf  # where the last move led

    async def to_next(self) -> list[Due]:
        """To the next timer of any component. Gives those that came due, none if nobody waits for anything."""
        due = next_timers(await self.settle(), self._at, FINEST_SECONDS)
        if due:
            await self.settle(await self._go(due[-1].deadline, due))
        return due

    async def to(self, start: float, target: float, tell: Callable[[list[Due]], None] = lambda _: None) -> Passage:
        """Through every timer from cluster time `start` until `target`, in order. `tell` hears of each moment."""
        reports = await self.settle()
        moment = moment_of(target - start)
        while True:
            due = next_timers(reports, self._at, moment)
            if not due or due[0].deadline > target:
                break
            after_move = await self._go(min(due[-1].deadline, target), due)
            tell(due)
            reports = await self.settle(after_move)
        await self.settle(await self.driven.wave(target))
        return self.passage

    async def settle(self, before: Reports | None = None) -> Reports:
        """Wait until reports in a row show nothing happening and nothing under way, or time is up.

        Two in a row (`before` is the first) if nothing stirs at all; else one more, for a message that was on its way
        between two components, counted by neither, while they were asked.
        """
        deadline = time.monotonic() - self.driven.stood + self.rest_seconds
        before = before or await self.driven.wave()
        self._note_background(before)
        missing = 1  # quiet looks still wanted
        while True:
            after = await self.driven.wave()
            stirring = moved(before, after)
            busy = [one for one in under_way(after) if one.key not in self._background]
            missing = QUIET_LOOKS if stirring or busy else missing - 1
            if not missing:
                return after
            if time.monotonic() - self.driven.stood > deadline:
                self._give_up(before, after)
                return after
            if not stirring:
                await asyncio.sleep(POLL_SECONDS)
            before = after

    async def _go(self, to: float, due: list[Due]) -> Reports:
        reports = await self.driven.wave(to)
        self._at = to
        self.passage.moments += 1
        self.passage.passed.update((one.component, one.why) for one in due)
        return reports

    def _note_background(self, reports: Reports) -> None:
        if not self._began:
            self._background |= {one.key for one in under_way(reports) if one.seconds > BACKGROUND_SECONDS}
        self._began = True

    def _give_up(self, before: Reports, after: Reports) -> None:
        """Once is enough: what did not end in time is not waited for again."""
        busy = [one for one in under_way(after) if one.key not in self._background]
        self._background |= {one.key for one in busy}
        self.passage.restless.update(f"{one.key.partition('/')[0]}: {one.name}" for one in busy)
        if not busy:
            stirring = [name for name in after if name not in before or after[name].progress != before[name].progress]
            self.passage.restless.update(f"{name}: never quiet" for name in stirring)
