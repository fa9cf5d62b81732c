"""Growing, jittered pauses on the cluster's clock, for loops that wait for a dependency to come back."""

from __future__ import annotations

import random

from apimachinery.clock import Clock
from client.limits import BACKOFF_BASE_SECONDS, BACKOFF_JITTER, BACKOFF_MAX_SECONDS


class Backoff:
    """One loop's pauses: each twice the last, up to a maximum, less a random share."""

    def __init__(
        self,
        clock: Clock,
        why: str,
        *,
        base_seconds: float = BACKOFF_BASE_SECONDS,
        max_seconds: float = BACKOFF_MAX_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._why = why
        self._base = base_seconds
        self._max = max_seconds
        self._random = rng or random.Random()
        self._next = base_seconds

    def reset(self) -> None:
        """The dependency answered: begin small again."""
        self._next = self._base

    async def wait(self) -> None:
        seconds = self._next * (1 - BACKOFF_JITTER * self._random.random())
        self._next = min(self._next * 2, self._max)
        await self._clock.sleep(seconds, self._why)
