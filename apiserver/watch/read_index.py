"""The consistent read: etcd's current revision, asked once for everybody who waits.

A request may only use an answer to a question that was put after the request came. So whoever arrives while a question
is under way shares the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class ReadIndex:
    """`fetch` reads the current revision, linearizably."""

    def __init__(self, fetch: Callable[[], Awaitable[int]]) -> None:
        self._fetch = fetch
        self._waiting: list[asyncio.Future[int]] = []
        self._worker: asyncio.Task[None] | None = None
        self.fetches = 0

    async def get(self) -> int:
        """A revision that holds every write acknowledged before this call. Raises what `fetch` raises."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="read index")
        return await future

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            self.fetches += 1
            try:
                revision = await self._fetch()
            except asyncio.CancelledError:
                for future in batch:
                    future.cancel()
                raise
            except Exception as error:  # noqa: BLE001  whatever it is belongs to those who asked
                _fail(batch, error)
                continue
            for future in batch:
                if not future.done():
                    future.set_result(revision)


def _fail(batch: list[asyncio.Future[int]], error: Exception) -> None:
    for future in batch:
        if not future.done():
            future.set_exception(error)
