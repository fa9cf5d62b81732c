"""What is under way in a process, and how long such things take.

Spans and calls to other components are begun and ended here. Whoever moves the cluster's clock asks what is open, to
know whether the last move has had all its consequences.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wire.limits import EDGES


@dataclass(slots=True)
class Timing:
    """Real seconds that things of one name took."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


@dataclass(slots=True)
class Work:
    """Begun and not ended. `span_id` is "" for a call, whose `parent_id` is the span that makes it."""

    key: int
    name: str
    span_id: str
    parent_id: str
    started: float


class Activity:
    """Of one process."""

    def __init__(self) -> None:
        self._keys = itertools.count(1)
        self._open: dict[int, Work] = {}
        self.timings: dict[str, Timing] = {}
        self.ended = 0

    def begin(self, name: str, span_id: str = "", parent_id: str = "") -> Work:
        work = Work(next(self._keys), name, span_id, parent_id, time.monotonic())
        self._open[work.key] = work
        return work

    def end(self, work: Work) -> None:
        """Ending it twice counts once."""
        if self._open.pop(work.key, None) is None:
            return
        self.ended += 1
        seconds = time.monotonic() - work.started
        timing = self.timings.get(work.name) or self._new_timing(work.name)
        timing.count += 1
        timing.total += seconds
        timing.longest = max(timing.longest, seconds)

    @contextmanager
    def doing(self, name: str, parent_id: str = "") -> Iterator[None]:
        """A piece of work that is no span."""
        work = self.begin(name, parent_id=parent_id)
        try:
            yield
        finally:
            self.end(work)

    def open(self) -> list[Work]:
        """Oldest first."""
        return list(self._open.values())

    def _new_timing(self, name: str) -> Timing:
        if len(self.timings) >= EDGES:
            name = "other"
        return self.timings.setdefault(name, Timing())
