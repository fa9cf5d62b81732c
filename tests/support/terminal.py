"""A command on a terminal of its own, as somebody sits before it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 60.0


class Terminal:
    """`command` runs in it within the body; afterwards the terminal is closed, as a window is."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self._shown = self._before = ""
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=dict(env),
            start_new_session=True, preexec_fn=_sit_down,
        )  # fmt: skip
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def expect(self, text: str) -> str:
        """Wait until it is shown. Gives what was shown before, since the last time."""
        self.first(text)
        return self._before

    def first(self, *texts: str) -> str:
        """Wait until one of them is shown; gives that which comes first."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := [one for one in texts if one in self._shown]):
            ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{texts} are not shown, but:\n{self._shown}"
            self._shown += os.read(self._ours, 65536).decode(errors="replace")
        earliest = min(found, key=self._shown.index)
        self._before, _, self._shown = self._shown.partition(earliest)
        return earliest

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def type(self, line: str) -> None:
        self.press(f"{line}\n")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.press("\x03")

    def close(self) -> None:
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1
        self.process.wait(PATIENCE_SECONDS)


def _sit_down() -> None:
    """The terminal is ours; that it is closed is heard even where we run under nohup."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
