"""When has a stranger come to rest? When it has been quiet for a while.

For so long it writes nothing, and neither it nor the control plane wants the processor. Time in which they want it,
and on a busy machine may not get it, counts for little; but it counts, for a program may ask without ever pausing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from cli.compare.arena import Arena, Running
from cli.compare.ear import Ear
from cli.compare.journal import Journal
from cli.compare.limits import AFTERTHOUGHT_SECONDS, BUSY_SHARE, LIFE_SECONDS, POLL_SECONDS, REST_SECONDS
from cli.errors import UserError


class StrangerRests:
    """`quiet` is in real seconds."""

    def __init__(self, process: Running, arena: Arena, journal: Journal, ear: Ear, quiet: float) -> None:
        self._process = process
        self._arena = arena
        self._journal = journal
        self._ear = ear
        self._quiet = quiet

    async def begin(self) -> None:
        """It has asked the apiserver for something, or had time enough to."""
        deadline = time.monotonic() + LIFE_SECONDS
        while not self._ear.heard and time.monotonic() < deadline:
            self._require_alive()
            await asyncio.sleep(POLL_SECONDS)
        await self.come(lambda: False)

    async def come(self, asked: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + REST_SECONDS + self._quiet
        quiet, before, last = 0.0, time.monotonic(), self._journal.last
        while quiet < (self._quiet if asked() else min(self._quiet, AFTERTHOUGHT_SECONDS)):
            await asyncio.sleep(POLL_SECONDS)
            self._require_alive()
            now = time.monotonic()
            if now > deadline:
                return False
            if self._journal.last != last:
                quiet, last = 0.0, self._journal.last
            else:
                busy = any(_wants_processor(one.process.pid) for one in self._arena.processes)
                quiet += (now - before) * (BUSY_SHARE if busy else 1)
            before = now
        return True

    def _require_alive(self) -> None:
        self._arena.require_alive()
        if self._process.over:
            raise UserError(f"{self._arena.side} ended, with {self._process.end}")


def _wants_processor(pid: int) -> bool:
    """Does a thread of the process, or of a child, run, or would it if it could?"""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        for task in tasks:
            if (task / "stat").read_text().rpartition(")")[2].split()[0] in "RD":
                return True
            if any(_wants_processor(int(child)) for child in (task / "children").read_text().split()):
                return True
    except OSError:
        return False  # it ends just now, or the kernel does not tell of children
    return False
