"""`orrery kill`, `freeze` and `thaw`: what can be done to a process from outside."""

from __future__ import annotations

import asyncio
import os
import signal
from fnmatch import fnmatchcase

from cli.debugging.durations import show_duration
from cli.debugging.near import did_you_mean
from cli.debugging.targets import is_frozen, running
from cli.errors import UserError
from cli.spec import Paths
from cli.supervisor import ProcessState, start_detached
from wire.seams import FileClock, follow_files, make_seams


def find(name: str, pattern: str) -> list[ProcessState]:
    """Processes that run, etcd included. Raises UserError."""
    _, processes = running(name)
    found = [one for one in processes if fnmatchcase(one.name, pattern)]
    if not found:
        raise UserError(f"no component {pattern}{did_you_mean(pattern, [one.name for one in processes])}")
    gone = [one.name for one in found if not one.pid]
    if gone:
        raise UserError(f"{gone[0]} does not run now; orrery status shows why")
    return found


def kill(name: str, pattern: str) -> str:
    """As a crash would end it."""
    found = find(name, pattern)
    for one in found:
        os.kill(one.pid, signal.SIGKILL)
    return "\n".join(f"{one.name} (PID {one.pid}) was killed; the supervisor starts it again" for one in found)


def freeze(name: str, pattern: str, seconds: float) -> str:
    """Stop the processes where they are. With `seconds`, a small process of its own thaws them in cluster time."""
    found = find(name, pattern)
    for one in found:
        os.kill(one.pid, signal.SIGSTOP)
    lines = [f"{one.name} (PID {one.pid}) is frozen" for one in found]
    again = f"orrery thaw {found[0].name if len(found) == 1 else repr(pattern)} --name {name}"
    if not seconds:
        return "\n".join([*lines, f"until: {again}"])
    pids = ",".join(str(one.pid) for one in found)
    argv = ["-m", "cli", "thaw", pattern, "--name", name, "--after", f"{seconds:g}", "--pids", pids]
    paths = Paths.of(name)
    start_detached(argv, paths.logs / "thaw.log", paths.root)
    return "\n".join([*lines, f"for {show_duration(seconds)} of cluster time; sooner: {again}"])


def thaw(name: str, pattern: str) -> str:
    """Let frozen processes go on. They find clock and rules as they are now."""
    found = [one for one in find(name, pattern) if is_frozen(one.pid)]
    if not found:
        raise UserError(f"{pattern} is not frozen")
    for one in found:
        os.kill(one.pid, signal.SIGCONT)
    return "\n".join(f"{one.name} (PID {one.pid}) goes on" for one in found)


async def thaw_later(name: str, pattern: str, seconds: float, pids: set[int]) -> str:
    """Wait in cluster time, then thaw those of `pids` that are still frozen, and not their successors."""
    seams = make_seams("thaw", FileClock(Paths.of(name).clock))
    following = asyncio.create_task(follow_files(seams))
    try:
        await seams.clock.sleep(seconds, f"thaw {pattern}")
    finally:
        following.cancel()
    left = [one for one in find(name, pattern) if one.pid in pids and is_frozen(one.pid)]
    for one in left:
        os.kill(one.pid, signal.SIGCONT)
    return f"thawed: {', '.join(one.name for one in left) or 'none, they went on before'}"
