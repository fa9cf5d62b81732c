"""The student's program as a process of a trial: started, killed, and asked for its last words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from cli.config import child_environment
from cli.supervisor import ROOT

LAST_WORDS: Final = 300  # characters that are told of what it printed last


class Stopped(Exception):
    """A trial cannot go on; says why, to the student."""


class Program:
    """A Python file in the student's folder, run there. What it prints goes to `trial.log` beside it."""

    def __init__(self, folder: Path, file: str, namespace: str) -> None:
        self._folder = folder
        self._file = file
        self._namespace = namespace
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "trial.log"
        self._log.write_bytes(b"")

    def start(self) -> None:
        """Raises Stopped if there is no such file."""
        if not (self._folder / self._file).exists():
            raise Stopped(f"there is no {self._file} in {self._folder}")
        environment = {**child_environment(ROOT), "ORRERY_NAMESPACE": self._namespace}
        del environment["PYTHONPATH"]  # a student's program does not find our packages
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, self._file], cwd=self._folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """At once, as a crash ends it, with all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it had ended by itself
        process.wait()

    def check(self) -> None:
        """Raises Stopped if it was started and has ended."""
        code = self._process.poll() if self._process else None
        if code is not None:
            said = self._log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise Stopped(f"{self._file} ended with code {code} ({self._log.name} has it all): {said[0][:LAST_WORDS]}")
