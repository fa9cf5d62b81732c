"""Termination messages: what a container wrote to its message file, or the end of its log if it may."""

from __future__ import annotations

import os
from pathlib import Path

from kubelet.limits import TERMINATION_LOG_BYTES, TERMINATION_LOG_LINES, TERMINATION_MESSAGE_BYTES
from kubelet.logs import parse_line
from kubelet.pod_state import Instance, PodState
from kubelet.runtime import MESSAGE_FILE, MESSAGE_POLICY


class Messages:
    """Read once per ended run, and kept while the run is known."""

    def __init__(self) -> None:
        self._read: dict[str, str] = {}

    def of(self, state: PodState) -> dict[str, str]:
        """By container id, for runs that ended with something to say."""
        found: dict[str, str] = {}
        for run in state.instances:
            if run.state == "exited":
                if run.id not in self._read:
                    self._read[run.id] = termination_message(run)
                if self._read[run.id]:
                    found[run.id] = self._read[run.id]
        return found

    def forget(self, run_ids: set[str]) -> None:
        for one in run_ids:
            self._read.pop(one, None)


def termination_message(run: Instance) -> str:
    """The file's text; with FallbackToLogsOnError and an empty file, a failed run's last log lines."""
    text = _tail(run.annotations.get(MESSAGE_FILE, ""), TERMINATION_MESSAGE_BYTES)
    if not text and run.annotations.get(MESSAGE_POLICY) == "FallbackToLogsOnError" and run.exit_code != 0:
        text = _log_tail(run.log_path)
    if run.message:
        text = f"{run.message}: {text}" if text else run.message
    return text[:TERMINATION_MESSAGE_BYTES]


def _tail(path: str, limit: int) -> str:
    """The last bytes of a file, "" if it is not there."""
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
            return file.read(limit).decode(errors="replace")
    except OSError:
        return ""


def _log_tail(path: str) -> str:
    lines = _tail(path, 4 * TERMINATION_LOG_BYTES).encode().splitlines(keepends=True)[-TERMINATION_LOG_LINES:]
    parsed = (parse_line(line) for line in lines)
    return b"".join(one.text for one in parsed if one is not None)[-TERMINATION_LOG_BYTES:].decode(errors="replace")
