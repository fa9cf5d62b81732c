"""Growing pauses between attempts: 10 s doubling to 5 min, forgotten after ten quiet minutes."""

from __future__ import annotations

from typing import NamedTuple

from kubelet.limits import BACKOFF_ENTRIES, BACKOFF_INITIAL_SECONDS, BACKOFF_MAX_SECONDS, BACKOFF_RESET_SECONDS

Key = tuple[str, ...]
"""What backs off; the first element is the pod's uid, so that a pod can be forgotten."""


class Entry(NamedTuple):
    delay: float
    updated: float


class Backoff:
    """Pauses by key. Reading never changes it: a decision may look, only an attempt `advance`s."""

    def __init__(
        self,
        initial: float = BACKOFF_INITIAL_SECONDS,
        maximum: float = BACKOFF_MAX_SECONDS,
        reset: float = BACKOFF_RESET_SECONDS,
    ) -> None:
        self._initial, self._maximum, self._reset = initial, maximum, reset
        self._entries: dict[Key, Entry] = {}

    def delay(self, key: Key) -> float:
        """The pause in force, 0 if there is none."""
        entry = self._entries.get(key)
        return entry.delay if entry else 0.0

    def until(self, key: Key, failed_at: float) -> float:
        """When the next attempt may start, after a failure at `failed_at`."""
        entry = self._entries.get(key)
        if entry is None or self._is_stale(entry, failed_at):
            return failed_at
        return failed_at + entry.delay

    def advance(self, key: Key, failed_at: float, now: float) -> None:
        """An attempt starts now because the last one failed: the next pause will be longer."""
        entry = self._entries.get(key)
        if entry is None or self._is_stale(entry, failed_at):
            delay = self._initial
        else:
            delay = min(entry.delay * 2, self._maximum)
        self._entries.pop(key, None)
        self._entries[key] = Entry(delay, now)
        if len(self._entries) > BACKOFF_ENTRIES:
            del self._entries[next(iter(self._entries))]

    def forget(self, uid: str) -> None:
        for key in [key for key in self._entries if key[0] == uid]:
            del self._entries[key]

    def clear(self, key: Key) -> None:
        self._entries.pop(key, None)

    def _is_stale(self, entry: Entry, failed_at: float) -> bool:
        return failed_at - entry.updated > self._reset
