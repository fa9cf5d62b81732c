"""What a controller did and has not yet seen in its cache.

A cache lags behind writes. A controller that counted pods before its own creations arrived would create them again;
so it notes what it is about to do, each event crosses one item off, and until all are crossed off it does nothing.
What never arrives (a lost event) is given up after a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from apimachinery.clock import Clock
from controller_manager.limits import EXPECTATION_SECONDS


@dataclass
class _Expected:
    since: float
    creations: int = 0
    deletions: set[str] = field(default_factory=set)


class Expectations:
    """By work queue key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: dict[str, _Expected] = {}

    def expect_creations(self, key: str, count: int) -> None:
        self._expected[key] = _Expected(self._clock.time(), creations=count)

    def expect_deletions(self, key: str, uids: Iterable[str]) -> None:
        """By uid: a pod's deletion may be seen as a timestamp, and again as its end, and counts once."""
        self._expected[key] = _Expected(self._clock.time(), deletions=set(uids))

    def creation_seen(self, key: str, count: int = 1) -> None:
        """Seen, or failed: either way it will not come any more."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.creations -= count

    def deletion_seen(self, key: str, uid: str) -> None:
        expected = self._expected.get(key)
        if expected is not None:
            expected.deletions.discard(uid)

    def satisfied(self, key: str) -> bool:
        expected = self._expected.get(key)
        if expected is None or (expected.creations <= 0 and not expected.deletions):
            return True
        return self._clock.time() - expected.since > EXPECTATION_SECONDS

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)
