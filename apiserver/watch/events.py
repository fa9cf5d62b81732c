"""One change to one resource, shared by all who watch it."""

from __future__ import annotations

from collections.abc import Callable

from apiserver.registry.request import StoredObject, WatchEvent
from apiserver.storage.envelope import with_revision

Matches = Callable[[StoredObject], bool]


class CacheEvent:
    """`object` is the new state, None for a removal; `previous` the state before, None for a creation."""

    __slots__ = ("_gone", "cause", "object", "previous", "revision")

    def __init__(
        self, revision: int, object: StoredObject | None, previous: StoredObject | None, cause: str = ""
    ) -> None:
        self.revision = revision
        self.cause = cause or (object.traceparent if object is not None else "")
        """The trace context of the write that did it, "" if nobody knows."""
        self.object = object
        self.previous = previous
        self._gone: StoredObject | None = None

    @property
    def gone(self) -> StoredObject:
        """The previous state under this event's revision: what a DELETED shows. Made once for all watchers."""
        if self._gone is None:
            assert self.previous is not None
            self._gone = with_revision(self.previous, self.revision, self.cause)
        return self._gone

    @property
    def subject(self) -> StoredObject:
        """Whichever state there is, the newest first."""
        found = self.object or self.previous
        assert found is not None
        return found


def translate(event: CacheEvent, matches: Matches | None) -> WatchEvent | None:
    """What a watcher who selects by `matches` is told: an object that stops matching is DELETED to it."""
    old, new = event.previous, event.object
    before = old is not None and (matches is None or matches(old))
    after = new is not None and (matches is None or matches(new))
    if after:
        if before:
            return WatchEvent("MODIFIED", new, event.revision, previous=old)
        return WatchEvent("ADDED", new, event.revision)
    if before:
        return WatchEvent("DELETED", event.gone, event.revision)
    return None
