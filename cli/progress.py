"""What is being waited for, and for how long: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Step:
    """One thing that is waited for."""

    def __init__(self, text: str, live: bool) -> None:
        self.text = text
        self.started = time.monotonic()
        self._live = live

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def update(self, text: str) -> None:
        """Show what it waits for now."""
        if self._live:
            shown = text.replace("\n", " ")[:100]
            _tell(f"\r\033[K … {shown}  {self.elapsed:.1f} s")


class Progress:
    """Prints to standard error, so that standard output stays for results."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def done(self, text: str) -> None:
        _tell(f" ✓ {text}\n")

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        step = Step(text, self._live)
        if self._live:
            step.update(text)
        else:
            _tell(f" … {text}\n")
        try:
            yield step
        except BaseException:
            self._clear()
            _tell(f" ✗ {text} ({step.elapsed:.1f} s)\n")
            raise
        self._clear()
        self.done(f"{text.split(':')[0]} ({step.elapsed:.1f} s)")

    def _clear(self) -> None:
        if self._live:
            _tell("\r\033[K")


def _tell(text: str) -> None:
    """A reader that has left, as in `orrery up 2>&1 | head`, does not end what is being done."""
    with suppress(BrokenPipeError):
        print(text, end="", file=sys.stderr, flush=True)
