"""How long to wait for what lives in real time: an engine, a program, another process.

Cluster time will not do: at 600 times real time an engine would have a fifth of a second to start a container. Nor will
bare real time: at a breakpoint it runs on, and what has answered long since would be given up on waking.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from apimachinery.clock import Clock

TICK_SECONDS = 0.5  # between looks at what does not count
LATE_SECONDS = 0.25  # a look that is later than this tells of a process that stood still
AHEAD_SECONDS = 0.005  # by which the last look comes before the end


@asynccontextmanager
async def patience(seconds: float, clock: Clock | None = None) -> AsyncIterator[None]:
    """Raise TimeoutError in the body after `seconds` of real time, but for the time in which this process stood still,
    and, given the cluster's clock, that in which the clock did: somebody looks at another component then."""
    async with asyncio.timeout(seconds) as limit:
        looks = _Looks(limit, clock)
        try:
            yield
        finally:
            looks.end()


class _Looks:
    """Puts off the end of `limit` by what does not count."""

    def __init__(self, limit: asyncio.Timeout, clock: Clock | None) -> None:
        self._limit = limit
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._next(self._loop.time())

    def _next(self, now: float) -> None:
        self._since = now
        self._due = min(now + TICK_SECONDS, self._end - AHEAD_SECONDS)
        self._handle = self._loop.call_at(self._due, self._look)

    @property
    def _end(self) -> float:
        when = self._limit.when()
        assert when is not None
        return when

    def _look(self) -> None:
        now = self._loop.time()
        late = now - self._due
        stands = self._clock is not None and self._clock.state.rate == 0
        uncounted = now - self._since if stands else late if late > LATE_SECONDS else 0.0
        if uncounted:
            self._limit.reschedule(self._end + uncounted)
        if now < self._end - AHEAD_SECONDS:
            self._next(now)

    def end(self) -> None:
        self._handle.cancel()
