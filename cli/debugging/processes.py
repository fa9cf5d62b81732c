"""`orrery kill`, `freeze` and `thaw`: what can be done to a process from outside."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from fnmatch import fnmatchcase

from cli.debugging.durations import show_duration
from cli.debugging.near import did_you_mean
from cli.debugging.targets import is_frozen
from cli.errors import UserError
from cli.forms.cluster import Cluster
from cli.forms.finding import running
from cli.running import is_alive
from cli.source.wanted import USUAL, read_wanted
from cli.supervisor import ProcessState, start_detached
from wire.seams import FileClock, follow_files, make_seams

GONE_SECONDS = 1.0  # between looks whether those that are to be thawed are still there


def match(cluster: Cluster, pattern: str) -> list[ProcessState]:
    """Whether they run or not, etcd included. Raises UserError if there is none."""
    processes = cluster.processes()
    found = [one for one in processes if fnmatchcase(one.name, pattern)]
    if not found:
        raise UserError(f"no component {pattern}{did_you_mean(pattern, [one.name for one in processes])}")
    return found


def find(cluster: Cluster, pattern: str) -> list[ProcessState]:
    """The same, but raises UserError also if one of them does not run."""
    found = match(cluster, pattern)
    gone = [one.name for one in found if not one.pid]
    if gone:
        raise UserError(f"{gone[0]} does not run now; orrery status shows why")
    return found


def tell(one: ProcessState, number: signal.Signals) -> None:
    """Raises UserError if it is not ours to tell."""
    try:
        os.kill(one.pid, number)
    except PermissionError:
        raise UserError(f"{one.name} (PID {one.pid}) belongs to another user; root may do that") from None


def kill(name: str, pattern: str) -> str:
    """As a crash would end it."""
    cluster = running(name)
    found = find(cluster, pattern)
    for one in found:
        tell(one, signal.SIGKILL)
    return "\n".join(f"{one.name} (PID {one.pid}) was killed; {cluster.keeper} starts it again" for one in found)


def freeze(name: str, pattern: str, seconds: float) -> str:
    """Stop the processes where they are. With `seconds`, a small process of its own thaws them in cluster time."""
    cluster = running(name)
    found = find(cluster, pattern)
    if seconds:
        _require_time_goes_on(cluster, found)
    for one in found:
        tell(one, signal.SIGSTOP)
    lines = [f"{one.name} (PID {one.pid}) is frozen" for one in found]
    again = f"orrery thaw {found[0].name if len(found) == 1 else repr(pattern)} --name {name}"
    if not seconds:
        return "\n".join([*lines, f"until: {again}"])
    pids = ",".join(str(one.pid) for one in found)
    argv = ["-m", "cli", "thaw", pattern, "--name", name, "--after", f"{seconds:g}", "--pids", pids]
    start_detached(argv, cluster.paths.logs / "thaw.log", cluster.paths.root)
    return "\n".join([*lines, f"for {show_duration(seconds)} of cluster time; sooner: {again}"])


def _require_time_goes_on(cluster: Cluster, found: list[ProcessState]) -> None:
    """Raises UserError if the cluster's time would stand while one of them does: it would never come to the end."""
    wanted = read_wanted(cluster.paths.wanted)
    debugged = next((one.name for one in found if wanted.get(one.name, USUAL).under_debug), "")
    if debugged:
        raise UserError(
            f"{debugged} is under debug: the cluster's time stands while it does, so --duration would never be over;"
            f" leave it out and thaw {debugged} by hand, or first: orrery debug {debugged} --off"
        )


def thaw(name: str, pattern: str) -> str:
    """Let frozen processes go on. They find clock and rules as they are now."""
    found = [one for one in match(running(name), pattern) if is_frozen(one.pid)]
    if not found:
        raise UserError(f"{pattern} is not frozen")
    for one in found:
        tell(one, signal.SIGCONT)
    return "\n".join(f"{one.name} (PID {one.pid}) goes on" for one in found)


async def thaw_later(name: str, pattern: str, seconds: float, pids: set[int]) -> str:
    """Wait in cluster time, then thaw those of `pids` that are still frozen, and not their successors."""
    seams = make_seams("thaw", FileClock(running(name).paths.clock))
    tasks = [
        asyncio.create_task(work)
        for work in (follow_files(seams), seams.clock.sleep(seconds, f"thaw {pattern}"), _all_gone(pids))
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    left = [one for one in running(name).processes() if one.pid in pids and is_frozen(one.pid)]
    for one in left:
        with suppress(ProcessLookupError):  # killed this moment
            tell(one, signal.SIGCONT)
    return f"thawed: {', '.join(one.name for one in left) or 'none, they went on before'}"


async def _all_gone(pids: set[int]) -> None:
    """Then there is nothing to wait for: a clock that stands when its cluster ends would never come there."""
    while any(is_alive(pid) for pid in pids):  # noqa: ASYNC110 - they are nobody's children here
        await asyncio.sleep(GONE_SECONDS)
