"""Watches over a cluster's processes: starts them, restarts the one that dies, stops them all in order.

One supervisor per cluster, itself a child of nobody. It writes `state.json` after every change, which is all that
`orrery status` reads; it takes SIGTERM for "stop everything". Real time, not the cluster's: it minds processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from cli.components import Component
from cli.config import child_environment
from cli.errors import UserError
from cli.running import is_alive

BACKOFF_FIRST_SECONDS = 0.1
BACKOFF_MAX_SECONDS = 10.0
STABLE_SECONDS = 10.0  # a process that lived this long starts its back-off anew
STOP_SECONDS = 8.0  # from SIGTERM to SIGKILL
LOG_BYTES = 20 * 1024 * 1024  # a log larger than this is put aside once, as .1, when its process starts
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class ProcessState:
    """What `state.json` says of one component."""

    name: str
    port: int
    log: str
    pid: int = 0
    restarts: int = 0
    started: float = 0.0
    last_exit: str = ""


@dataclass
class Supervisor:
    """Minds `components` until `stop` is set."""

    components: list[Component]
    logs: Path
    state_file: Path
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    states: dict[str, ProcessState] = field(default_factory=dict)

    async def run(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        for one in self.components:
            self.states[one.name] = ProcessState(one.name, one.port, str(self.logs / f"{one.name}.log"))
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._keep(one)) for one in self.components]
            await self.stop.wait()
            await self._stop_in_order(keepers)

    async def _keep(self, component: Component) -> None:
        """Run one component again and again until we stop."""
        state = self.states[component.name]
        backoff = BACKOFF_FIRST_SECONDS
        while not self.stop.is_set():
            started = time.monotonic()
            try:
                state.last_exit = _exit_text(await self._run_once(component, state))
            except OSError as error:  # no disk, no memory, no such program: it may get better
                state.last_exit = f"cannot be started: {error.strerror}"
            if self.stop.is_set():
                return
            state.restarts += 1
            self._save()
            if time.monotonic() - started > STABLE_SECONDS:
                backoff = BACKOFF_FIRST_SECONDS
            await _wait(self.stop, backoff)
            backoff = min(backoff * 2, BACKOFF_MAX_SECONDS)

    async def _run_once(self, component: Component, state: ProcessState) -> int:
        with _open_log(Path(state.log)) as log:
            process = await asyncio.create_subprocess_exec(
                *component.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=child_environment(ROOT, self.state_file.parent),
                start_new_session=True,
            )
        state.pid, state.started = process.pid, time.time()
        if self.stop.is_set():  # it was being started while the others were told
            process.terminate()
        self._save()
        code = await process.wait()
        state.pid = 0
        return code

    async def _stop_in_order(self, keepers: list[asyncio.Task[None]]) -> None:
        """Last started, first stopped, so that nobody misses the one it talks to; etcd is the last to go."""
        names = [one.name for one in self.components]
        for group in (names[2:], names[1:2], names[:1]):
            running = [keepers[names.index(name)] for name in group]
            for name in group:
                _signal(self.states[name].pid, signal.SIGTERM)
            _, late = await asyncio.wait(running, timeout=STOP_SECONDS) if running else (set(), set())
            for task in late:
                _signal(self.states[names[keepers.index(task)]].pid, signal.SIGKILL)
        self._save()

    def _save(self) -> None:
        """A full disk must not end the one that minds all others: the file is then old, the processes are not."""
        state = {"supervisor": os.getpid(), "processes": [asdict(one) for one in self.states.values()]}
        fresh = self.state_file.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(state, indent=1))
            fresh.replace(self.state_file)
        except OSError as error:
            _complain(f"{self.state_file} cannot be written: {error.strerror}")


def _complain(text: str) -> None:
    """To our own log, if that can be written."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        return


def _signal(pid: int, number: signal.Signals) -> None:
    """One that is frozen must go on to hear it."""
    if not pid:
        return
    try:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # it went by itself


def _exit_text(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _open_log(log: Path) -> BinaryIO:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def supervise(components: list[Component], logs: Path, state_file: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    supervisor = Supervisor(components, logs, state_file)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop.set)
    await supervisor.run()


def read_state(state_file: Path) -> tuple[int, list[ProcessState]]:
    """The supervisor's PID (0 if none runs) and the processes as last written. Raises UserError for a broken file."""
    try:
        state = json.loads(state_file.read_bytes())
        supervisor, processes = int(state["supervisor"]), [ProcessState(**one) for one in state["processes"]]
    except FileNotFoundError:
        return 0, []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{state_file} is broken ({error!r}); orrery down, then up, makes it anew") from None
    return (supervisor if is_alive(supervisor) else 0), processes


def start_detached(argv: list[str], log: Path, cluster: Path) -> int:
    """Start one of a cluster's processes so that it outlives this command. Gives its PID."""
    import subprocess

    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out:
        process = subprocess.Popen(
            [sys.executable, *argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=ROOT,
            env=child_environment(ROOT, cluster),
            start_new_session=True,
        )
    return process.pid
