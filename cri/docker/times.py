"""The engine's times, which are the host's, as times of the cluster's clock."""

from __future__ import annotations

import time

from apimachinery.clock import Clock

_SAME_SECONDS = 1.0
"""Clocks this close together are the same clock; the engine's times are then given as they are."""


class EngineTime:
    """Converts by today's difference of the two clocks: when time was stretched in between, that is lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> int:
        return int(self._clock.time() * 1e9)

    def cluster(self, engine_nanoseconds: int) -> int:
        """0, meaning never, stays 0."""
        difference = self._clock.time() - time.time()  # the engine lives in real time
        if not engine_nanoseconds or abs(difference) < _SAME_SECONDS:
            return engine_nanoseconds
        return engine_nanoseconds + int(difference * 1e9)
