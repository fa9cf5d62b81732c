"""Wakes watchers at cluster times, for bookmarks and timeouts: one timer for thousands of watches."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Literal

from apimachinery.clock import Clock
from apiserver.watch.watcher import Watcher


class Alarms:
    """`run` is the one task; `set` may be called at any time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Watcher]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def set(self, at: float, watcher: Watcher) -> None:
        """Poke `watcher` at cluster time `at`. Alarms of watchers that are gone do no harm."""
        heapq.heappush(self._heap, (at, next(self._order), watcher))
        if self._heap[0][2] is watcher:
            self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            self._ring()
            changed = asyncio.create_task(self._changed.wait())
            try:
                await self._wait(changed)
            finally:
                changed.cancel()

    async def _wait(self, changed: asyncio.Task[Literal[True]]) -> None:
        if not self._heap:
            await changed
            return
        due = asyncio.create_task(self._clock.sleep_until(self._heap[0][0], "bookmarks and watch timeouts"))
        try:
            await asyncio.wait((due, changed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            due.cancel()

    def _ring(self) -> None:
        now = self._clock.time()
        while self._heap and self._heap[0][0] <= now + 1e-6:
            heapq.heappop(self._heap)[2].poke()
