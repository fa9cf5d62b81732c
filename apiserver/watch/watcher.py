"""One watch: a bounded queue of events, and who is interested in which."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from apiserver.limits import WATCH_BATCH, WATCHER_QUEUE
from apiserver.watch.events import CacheEvent


class Scope(NamedTuple):
    """Which bucket of a resource's watchers a watch sits in, so that an event visits only those it may concern."""

    by: str = "all"
    """`all`, `namespace`, `key`, or `trigger` (the one field that a resource is indexed by)."""
    value: str = ""


EVERYTHING = Scope()


class Watcher:
    """Filled by the cache (synchronously), emptied by one consumer."""

    __slots__ = ("_pending", "_waiter", "ended", "expired", "scope", "start")

    def __init__(self, scope: Scope, start: int) -> None:
        self.scope = scope
        self.start = start
        """Events up to this revision are no news to it."""
        self.ended = False
        """It fell behind, or its history is gone: no more events will come."""
        self.expired = False
        """Its history is gone: it must be told to list again."""
        self._pending: deque[CacheEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, event: CacheEvent) -> None:
        """Queue an event. A watcher that does not keep up is ended; its client resumes where it was."""
        if event.revision <= self.start or self.ended:
            return
        if len(self._pending) >= WATCHER_QUEUE:
            self.end()
            return
        self._pending.append(event)
        self.poke()

    def end(self, *, expired: bool = False) -> None:
        self.ended, self.expired = True, expired
        self.poke()

    def poke(self) -> None:
        """Make a waiting `take` return, events or not."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> list[CacheEvent]:
        """The next events, at most a batch. Empty after a poke; check `ended` then."""
        if not self._pending and not self.ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if len(self._pending) <= WATCH_BATCH:
            batch = list(self._pending)
            self._pending.clear()
            return batch
        return [self._pending.popleft() for _ in range(WATCH_BATCH)]
