"""`orrery stand-in`: runs somebody else's command in place of a container, as the supervisor does in the host form.

A container cannot run a program of this host. So it is stopped, and a small process of this host minds the command: it
starts it again when it ends, until something else is wanted or the cluster is gone. Only `cli.forms.compose` begins
and ends one, and reads what it tells of itself in a file.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.config import child_environment
from cli.errors import UserError
from cli.forms.finding import COMPOSE_NAME, running
from cli.locks import only_one
from cli.running import is_alive
from cli.source.wanted import USUAL, Want, read_wanted
from cli.spec import Paths
from cli.supervisor import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_MAX_SECONDS,
    ROOT,
    STABLE_SECONDS,
    STOP_SECONDS,
    start_detached,
)

LOOK_SECONDS = 0.2  # between looks at what is wanted
END_SECONDS = STOP_SECONDS + 2.0  # for a stand-in to end, and its command before it
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class StandIn:
    """`minder` is the process that started the command; `pid` is the command's, 0 between two of its lives."""

    minder: int
    pid: int = 0
    restarts: int = 0
    started: float = 0.0


def file_of(paths: Paths, component: str) -> Path:
    return paths.root / f"stand-in-{component}.json"


def log_of(paths: Paths, component: str) -> Path:
    return paths.logs / f"{component}.log"


def read_stand_in(paths: Paths, component: str) -> StandIn | None:
    """None if nobody stands in for it."""
    try:
        found = StandIn(**json.loads(file_of(paths, component).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if is_alive(found.minder) else None


def begin(cluster: str, paths: Paths, component: str) -> None:
    argv = ["-m", "cli", "stand-in", component, "--name", cluster]
    start_detached(argv, log_of(paths, component), paths.root)


def end(paths: Paths, component: str) -> None:
    """Wait until the command and who minds it have gone. Raises UserError if they do not go."""
    found = read_stand_in(paths, component)
    if found is None:
        return
    os.kill(found.minder, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    while is_alive(found.minder):
        if time.monotonic() > deadline:
            raise UserError(f"the stand-in of {component} (PID {found.minder}) does not end")
        time.sleep(POLL_SECONDS)


async def stand_in(name: str, component: str) -> None:
    """Until something else is wanted, or SIGTERM, or the cluster has gone. Raises UserError if there is no need."""
    if name != COMPOSE_NAME:
        raise UserError(f"that is for Compose; in cluster {name} the supervisor itself runs what was swapped")
    cluster = running(name)
    want = read_wanted(cluster.paths.wanted).get(cluster.process(component).name, USUAL)
    if not want.argv:
        raise UserError(f"nothing was swapped for {component}; orrery swap {component} -- COMMAND does that")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with only_one(cluster.paths.root / f"stand-in-{component}.lock", f"somebody stands in for {component} already"):
        looking = asyncio.create_task(_look(name, component, want, stop))
        try:
            await mind(cluster.paths, component, want, stop)
        finally:
            looking.cancel()
            file_of(cluster.paths, component).unlink(missing_ok=True)


async def _look(name: str, component: str, want: Want, stop: asyncio.Event) -> None:
    """Set `stop` when `want` is wanted no more."""
    try:
        while True:
            cluster = await asyncio.to_thread(running, name)
            pids = [one.pid for one in await asyncio.to_thread(cluster.processes) if one.pid]
            while any(is_alive(pid) for pid in pids):
                if read_wanted(cluster.paths.wanted).get(component, USUAL) != want:
                    return stop.set()
                await asyncio.sleep(LOOK_SECONDS)
    except UserError:
        return stop.set()  # the cluster has gone


async def mind(paths: Paths, component: str, want: Want, stop: asyncio.Event) -> None:
    backoff, restarts = BACKOFF_FIRST_SECONDS, 0
    while not stop.is_set():
        began = time.monotonic()
        try:
            await _run_once(paths, component, want, restarts, stop)
        except OSError as error:  # no disk, no memory, no such program: it may get better
            print(f"cannot be started: {error.strerror}", flush=True)
        restarts += 1
        backoff = BACKOFF_FIRST_SECONDS if time.monotonic() - began > STABLE_SECONDS else backoff
        await _wait(stop, backoff)
        backoff = min(backoff * 2, BACKOFF_MAX_SECONDS)


async def _run_once(paths: Paths, component: str, want: Want, restarts: int, stop: asyncio.Event) -> None:
    environment = {**child_environment(ROOT, paths.root), **want.env}
    process = await asyncio.create_subprocess_exec(*want.argv, cwd=want.cwd, env=environment)
    _tell(paths, component, StandIn(os.getpid(), process.pid, restarts, time.time()))
    ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ended.done():
        process.terminate()
        await asyncio.wait([ended], timeout=STOP_SECONDS)
    if not ended.done():
        process.kill()
    await ended
    _tell(paths, component, StandIn(os.getpid(), 0, restarts))


def _tell(paths: Paths, component: str, state: StandIn) -> None:
    fresh = file_of(paths, component).with_suffix(".new")
    fresh.write_text(json.dumps(asdict(state)))
    fresh.replace(file_of(paths, component))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
