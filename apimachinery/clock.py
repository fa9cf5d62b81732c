"""The cluster's time. Everything that waits for cluster behaviour waits here, never on `time` or `asyncio.sleep`.

A `Clock` is a line over the host's monotonic clock: cluster time = `cluster_time` at real `monotonic`, advancing at
`rate`. Rate 0 is a pause. All processes of a host given the same `ClockState` agree without talking, because the
monotonic clock is the host's. A fake clock for tests is the same class, paused, on a source that stands still.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_GIVEN_UP = 256  # timers that nobody waits for any more, kept before they are swept out


class ClockState(NamedTuple):
    """The line: cluster time in Unix seconds, anchored at a monotonic second, with its slope."""

    monotonic: float
    cluster_time: float
    rate: float


@dataclass(order=True)
class Timer:
    """One who waits: until when (cluster time, Unix seconds) and what for.

    `context` names the piece of work that cannot go on before; "" for none, as for the watchdog of a `timeout`.
    """

    deadline: float
    order: int
    why: str = field(compare=False)
    future: asyncio.Future[None] = field(compare=False)
    context: str = field(compare=False, default="")


class Clock:
    """The injected clock. `source` gives real monotonic seconds."""

    def __init__(self, state: ClockState | None = None, *, source: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._state = state or ClockState(source(), time.time(), 1.0)
        self._timers: list[Timer] = []
        self._order = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None
        self._given_up = 0  # timers in the heap that nobody waits for any more
        self.fired = 0
        """How many timers have come due so far."""
        self.context: Callable[[], str] = str
        """Names the piece of work that begins to wait; see `Timer.context`."""

    @property
    def state(self) -> ClockState:
        return self._state

    def time(self) -> float:
        """Cluster time in Unix seconds. It never runs backwards unless someone sets it so."""
        return self._state.cluster_time + (self._source() - self._state.monotonic) * self._state.rate

    def set(self, *, cluster_time: float | None = None, rate: float | None = None) -> ClockState:
        """Jump to a time, change the rate, or both, from now on."""
        now = self.time() if cluster_time is None else cluster_time
        return self.adopt(ClockState(self._source(), now, self._state.rate if rate is None else rate))

    def adopt(self, state: ClockState) -> ClockState:
        """Take a state agreed elsewhere, so that several processes share one line."""
        self._state = state
        self._fire()
        return state

    def timers(self) -> list[Timer]:
        """Who waits, soonest first."""
        return sorted(timer for timer in self._timers if not timer.future.done())

    async def sleep(self, seconds: float, why: str = "") -> None:
        """Return `seconds` of cluster time from now. Zero or less only yields."""
        await self.sleep_until(self.time() + seconds, why)

    async def sleep_until(self, deadline: float, why: str = "") -> None:
        await self._wait(deadline, why, self.context())

    async def _wait(self, deadline: float, why: str, context: str) -> None:
        if deadline <= self.time():
            await asyncio.sleep(0)
            return
        timer = Timer(deadline, next(self._order), why, asyncio.get_running_loop().create_future(), context)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._arm()
        try:
            await timer.future
        finally:
            if not timer.future.done() or timer.future.cancelled():
                timer.future.cancel()
                self._forget_one()

    def _forget_one(self) -> None:
        """A timer given up stays in the heap until it is due: never, on a clock that stands. So sweep now and then."""
        self._given_up += 1
        if self._given_up > MAX_GIVEN_UP and self._given_up * 2 > len(self._timers):
            self._timers = [timer for timer in self._timers if not timer.future.done()]
            heapq.heapify(self._timers)
            self._given_up = 0

    @asynccontextmanager
    async def timeout(self, seconds: float, why: str = "") -> AsyncIterator[None]:
        """Raise TimeoutError in the body after `seconds` of cluster time."""
        task = asyncio.current_task()
        assert task is not None
        expired = False

        async def expire() -> None:
            nonlocal expired
            await self._wait(self.time() + seconds, why, "")  # a watchdog
            expired = True
            task.cancel()

        watchdog = asyncio.create_task(expire())
        try:
            yield
        except asyncio.CancelledError:
            if expired and task.uncancel() <= 0:
                raise TimeoutError(why) from None
            raise
        finally:
            watchdog.cancel()

    def _arm(self) -> None:
        """Have the loop wake us when the soonest timer is due in real time; never, while paused."""
        now = self.time()  # first: a clock that follows a file may find itself paused by looking
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        while self._timers and self._timers[0].future.done():
            heapq.heappop(self._timers)
        if self._timers and self._state.rate > 0:
            real_delay = max(0.0, (self._timers[0].deadline - now) / self._state.rate)
            self._wakeup = asyncio.get_running_loop().call_later(real_delay, self._fire)

    def _fire(self) -> None:
        now = self.time()
        while self._timers and (self._timers[0].deadline <= now + 1e-9 or self._timers[0].future.done()):
            timer = heapq.heappop(self._timers)
            if not timer.future.done():
                timer.future.set_result(None)
                self.fired += 1
        if self._timers:
            self._arm()


class FakeClock(Clock):
    """A clock that moves only when told: `await clock.advance(5)`."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        super().__init__(ClockState(0.0, start, 0.0), source=lambda: 0.0)

    async def advance(self, seconds: float) -> None:
        """Move on, stopping at each timer on the way so that what it wakes can set the next."""
        end = self.time() + seconds
        while True:
            await settle()
            due = [timer.deadline for timer in self.timers() if timer.deadline <= end]
            self.set(cluster_time=min(due, default=end))
            if not due:
                break
        await settle()


async def settle(rounds: int = 20) -> None:
    """Let every task that can run, run."""
    for _ in range(rounds):
        await asyncio.sleep(0)
