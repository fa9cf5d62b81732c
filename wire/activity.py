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
from typing import Protocol

from wire.limits import EDGES

_monotonic = time.monotonic


@dataclass(slots=True)
class Timing:
    """Real seconds that things of one name took."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


class Work(Protocol):
    """Begun and not ended. `span_id` is "" for a call, whose `parent_id` is the span that makes it."""

    @property
    def key(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_id(self) -> str: ...
    @property
    def started(self) -> float: ...


@dataclass(slots=True)
class Call:
    """Work that is no span."""

    key: int
    name: str
    parent_id: str
    started: float
    span_id: str = ""


class Activity:
    """Of one process."""

    def __init__(self) -> None:
        self.next_key = itertools.count(1).__next__
        self.under_way: dict[int, Work] = {}
        """By key. Work that keeps its own record enters itself; `end` takes it out."""
        self.timings: dict[str, Timing] = {}
        self.ended = 0

    def begin(self, name: str, parent_id: str = "") -> Call:
        key = self.next_key()
        self.under_way[key] = work = Call(key, name, parent_id, _monotonic())
        return work

    def end(self, work: Work) -> float:
        """Gives how long it took. Ending it twice counts once."""
        seconds = _monotonic() - work.started
        if self.under_way.pop(work.key, None) is None:
            return seconds
        self.ended += 1
        self.took(work.name, seconds)
        return seconds

    def took(self, name: str, seconds: float) -> None:
        """Something of that name did not need to be known while it was under way, and took so long."""
        timing = self.timings.get(name) or self._new_timing(name)
        timing.count += 1
        timing.total += seconds
        if seconds > timing.longest:
            timing.longest = seconds

    @contextmanager
    def doing(self, name: str, parent_id: str = "") -> Iterator[None]:
        """A piece of work that is no span."""
        work = self.begin(name, parent_id)
        try:
            yield
        finally:
            self.end(work)

    def open(self) -> list[Work]:
        """Oldest first."""
        return list(self.under_way.values())

    def _new_timing(self, name: str) -> Timing:
        if len(self.timings) >= EDGES:
            name = "other"
        return self.timings.setdefault(name, Timing())
