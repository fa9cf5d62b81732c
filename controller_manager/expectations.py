"""What a controller did and has not yet seen in its cache.

A cache lags behind writes. A controller that counted pods before its own creations arrived would create them again;
so it notes what it is about to do, each event crosses one item off, and until all are crossed off it does nothing.
What never arrives (a lost event, a pod that came and went while nobody listened) is given up after a while.
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
    """By the owner's uid: one that comes again under the same name is another, and nothing was done for it yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: dict[str, _Expected] = {}

    def expect_creations(self, owner: str, count: int) -> None:
        self._expected[owner] = _Expected(self._clock.time(), creations=count)

    def expect_deletions(self, owner: str, uids: Iterable[str]) -> None:
        """By uid: a pod's deletion may be seen as a timestamp, and again as its end, and counts once."""
        self._expected[owner] = _Expected(self._clock.time(), deletions=set(uids))

    def creation_seen(self, owner: str, count: int = 1) -> None:
        """Seen, or failed: either way it will not come any more."""
        expected = self._expected.get(owner)
        if expected is not None:
            expected.creations -= count

    def deletion_seen(self, owner: str, uid: str) -> None:
        expected = self._expected.get(owner)
        if expected is not None:
            expected.deletions.discard(uid)

    def left(self, owner: str) -> float | None:
        """Seconds until what has not come is given up; None if all has come, or was given up."""
        expected = self._expected.get(owner)
        if expected is None or (expected.creations <= 0 and not expected.deletions):
            return None
        left = expected.since + EXPECTATION_SECONDS - self._clock.time()
        return left if left > 0 else None

    def forget(self, owner: str) -> None:
        self._expected.pop(owner, None)
