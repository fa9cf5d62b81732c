"""What a controller wrote last, by work queue key: a cache that has not seen it is not judged by.

The events that tell of a write wake its key. But a cache that begins anew, after a 410, has no revision until it is
complete, and its last step wakes nobody: so whoever finds it behind looks again soon. And after a restore of etcd
revisions begin again below those that were written: so nobody waits for what the past has lost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from api.meta import KubeObject
from apimachinery.clock import Clock
from client.informer import Informer
from controller_manager.limits import EXPECTATION_SECONDS, UNSETTLED_SECONDS


class _Write(NamedTuple):
    revision: int
    seen: int
    """The cache's own revision when the write was answered."""
    at: float


class OwnWrites:
    """Of objects that `cache` holds. Keeps a key only while it is waited for."""

    def __init__(self, clock: Clock, cache: Informer[Any]) -> None:
        self._clock = clock
        self._cache = cache
        self._writes: dict[str, _Write] = {}

    def note(self, key: str, written: KubeObject) -> None:
        revision, seen = int(written.metadata.resource_version), self._cache.revision
        known = self._writes.get(key)
        if known is None or known.revision < revision:
            self._writes[key] = _Write(revision, seen, self._clock.time())

    def pause(self, key: str) -> float | None:
        """Seconds after which to look again, as long as the cache lacks a write for `key`; None if it lacks none."""
        write, seen = self._writes.get(key), self._cache.revision
        if write is None:
            return None
        undone = 0 < seen < write.seen  # the cache knew more once: that past was replaced, and the write with it
        given_up = self._clock.time() - write.at > EXPECTATION_SECONDS
        if seen >= write.revision or undone or given_up:
            self.forget(key)
            return None
        return UNSETTLED_SECONDS

    def forget(self, key: str) -> None:
        self._writes.pop(key, None)
