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


class Call:
    """Work that is no span."""

    __slots__ = ("_activity", "key", "name", "parent_id", "span_id", "started")

    def __init__(self, activity: Activity, name: str, parent_id: str) -> None:
        self._activity = activity
        self.name = name
        self.parent_id = parent_id
        self.span_id = ""
        self.started = _monotonic()
        self.key = key = activity.next_key()
        activity.under_way[key] = self

    def over(self, _ended: object = None) -> None:
        """What it is a record of has ended, which may call this back with itself: `Activity.end`, and quicker."""
        activity = self._activity
        if activity.under_way.pop(self.key, None) is not None:
            activity.ended += 1
            activity.took(self.name, _monotonic() - self.started)


class Activity:
    """Of one process."""

    def __init__(self) -> None:
        self.next_key = itertools.count(1).__next__
        self.under_way: dict[int, Work] = {}
        """By key. Work that keeps its own record enters itself; `end` takes it out."""
        self.timings: dict[str, Timing] = {}
        self.ended = 0

    def begin(self, name: str, parent_id: str = "") -> Call:
        return Call(self, name, parent_id)

    def end(self, work: Work) -> float:
        """Gives how long it took. Ending it twice counts once."""
        seconds = _monotonic() - work.started
        if self.under_way.pop(work.key, None) is not None:
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
