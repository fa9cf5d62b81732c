"""The streams that a server is sending. One that stops ends them: they would go on for as long as it lets them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Streams:
    """Of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.over = False
        """Have they been ended?"""

    @contextmanager
    def entered(self, reader: asyncio.Task[None] | None = None) -> Iterator[None]:
        """The body sends one stream, in the task that is its call. `reader`: what is to be cancelled in its place."""
        task = reader or asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def end(self) -> None:
        """Cancel all that are entered."""
        self.over = True
        for task in self._tasks:
            task.cancel()
