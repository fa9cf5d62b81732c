"""A process that stands still, without any time passing: its monotonic clock jumps, as it does at a breakpoint."""

from __future__ import annotations

import asyncio
import time


class Host:
    """The host's monotonic clock, as the running event loop sees it from now on."""

    def __init__(self) -> None:
        self._ahead = 0.0
        asyncio.get_running_loop().time = self.monotonic  # type: ignore[method-assign]

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def stand_still(self, seconds: float) -> None:
        """Everything else goes on for so long; whoever called wakes up then."""
        self._ahead += seconds
