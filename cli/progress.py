"""What is being waited for, and for how long: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


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
            print(f"\r\033[K … {shown}  {self.elapsed:.1f} s", end="", file=sys.stderr, flush=True)


class Progress:
    """Prints to standard error, so that standard output stays for results."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._started = time.monotonic()

    def done(self, text: str) -> None:
        print(f" ✓ {text}", file=sys.stderr)

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        step = Step(text, self._live)
        if self._live:
            step.update(text)
        else:
            print(f" … {text}", file=sys.stderr, flush=True)
        try:
            yield step
        except BaseException:
            self._clear()
            print(f" ✗ {text} ({step.elapsed:.1f} s)", file=sys.stderr)
            raise
        self._clear()
        self.done(f"{text.split(':')[0]} ({step.elapsed:.1f} s)")

    def _clear(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr)
