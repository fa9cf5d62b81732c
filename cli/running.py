"""The processes that a cluster really has: every one bears its mark, whatever `state.json` says and whoever died.

A supervisor that was killed leaves its children behind, and a state file may be old, torn or gone; PIDs in it may
belong to others by now. So whoever starts or ends a cluster looks at `/proc`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.config import CLUSTER_MARK
from cli.errors import UserError

SUPERVISOR_STOP_SECONDS = 40.0  # it gives its children time in turn
STOP_SECONDS = 8.0  # from SIGTERM to SIGKILL
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """One of a cluster's processes."""

    pid: int
    argv: tuple[str, ...]

    @property
    def is_supervisor(self) -> bool:
        return self.argv[1:4] == ("-m", "cli", "supervise")


def of_cluster(root: Path) -> list[Process]:
    """All that live, the supervisor included, but for ourselves. `root` is the cluster's folder."""
    mark = f"{CLUSTER_MARK}={root}".encode()
    return [Process(pid, _words(pid, "cmdline")) for pid in _others() if mark in _raw(pid, "environ").split(b"\0")]


def namesakes(root: Path) -> set[Path]:
    """Folders of clusters with the same name that are kept in another home, and have a supervisor."""
    mark = f"{CLUSTER_MARK}=".encode()
    supervisors = [pid for pid in _others() if Process(pid, _words(pid, "cmdline")).is_supervisor]
    words = (word for pid in supervisors for word in _raw(pid, "environ").split(b"\0") if word.startswith(mark))
    folders = {Path(os.fsdecode(word[len(mark) :])) for word in words}
    return {one for one in folders if one.name == root.name and one != root}


def supervisor_of(root: Path) -> int:
    """Its PID; 0 if none runs."""
    return next((one.pid for one in of_cluster(root) if one.is_supervisor), 0)


def stop_all(root: Path) -> list[Process]:
    """End every process, and give those that no supervisor ended. Raises UserError if one cannot be ended."""
    supervisor = supervisor_of(root)
    if supervisor:
        _signal(supervisor, signal.SIGTERM)
        _wait(lambda: not is_alive(supervisor), SUPERVISOR_STOP_SECONDS)
    left = of_cluster(root)
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        for one in of_cluster(root):
            _signal(one.pid, number)
        _wait(lambda: not of_cluster(root), seconds)
    stuck = ", ".join(str(one.pid) for one in of_cluster(root))
    if stuck:
        raise UserError(f"processes {stuck} cannot be ended, not even by SIGKILL")
    return left


def is_alive(pid: int) -> bool:
    """Does a process of that number run, not counting one that is dead but unburied?"""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def _signal(pid: int, number: signal.Signals) -> None:
    """One that is frozen must go on to hear it."""
    try:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # it went by itself


def _wait(done: Callable[[], bool], seconds: float) -> None:
    """Until it is done, but not for ever; who calls looks again."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _others() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and is_alive(int(name)):
            yield int(name)


def _words(pid: int, name: str) -> tuple[str, ...]:
    return tuple(word.decode(errors="replace") for word in _raw(pid, name).split(b"\0")[:-1])


def _raw(pid: int, name: str) -> bytes:
    """Empty for what is gone or is not ours to read."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
