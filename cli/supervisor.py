"""Watches over a cluster's processes: starts them, restarts the one that dies, stops them all in order.

One supervisor per cluster, itself a child of nobody. It writes `state.json` after every change, which is all that
`orrery status` reads; it takes SIGTERM for "stop everything", and SIGHUP for "look into `wanted.json`", where it stands
which component is to be down, or to run otherwise than usual. Real time, not the cluster's: it minds processes.
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
from cli.source.wanted import USUAL, Want, Wanted, command, edit, read_wanted

BACKOFF_FIRST_SECONDS = 0.1
BACKOFF_MAX_SECONDS = 10.0
STABLE_SECONDS = 10.0  # a process that lived this long starts its back-off anew
STOP_SECONDS = 8.0  # from SIGTERM to SIGKILL
DEBUGGED_STOP_SECONDS = 2.0  # the same for one under debug: who stands at a breakpoint hears no signal
WATCHDOG_AGAIN_SECONDS = 1.0
SAVE_AGAIN_SECONDS = 1.0  # after a state file that could not be written
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
    note: str = ""  # what is not as usual with it, and the way out


@dataclass
class Supervisor:
    """Minds `components` until `stop` is set."""

    components: list[Component]
    logs: Path
    state_file: Path
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    states: dict[str, ProcessState] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=dict)
    _changed: dict[str, asyncio.Event] = field(default_factory=dict)
    _ended: dict[str, asyncio.Event] = field(default_factory=dict)
    _tasks: asyncio.TaskGroup | None = None
    _watchdog: asyncio.Task[None] | None = None
    _save_again: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        for one in self.components:
            self.states[one.name] = ProcessState(one.name, one.port, str(self.logs / f"{one.name}.log"))
            self._changed[one.name], self._ended[one.name] = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as self._tasks:
            self.look()
            keepers = [self._tasks.create_task(self._keep(one)) for one in self.components]
            await self.stop.wait()
            for changed in self._changed.values():  # wake those who wait
                changed.set()
            await self._stop_in_order(keepers)

    def look(self) -> None:
        """Somebody changed what is wanted: end the processes that are not it. Their keepers do the rest."""
        before = self.wanted
        try:
            self.wanted = read_wanted(self.wanted_file)
        except UserError as error:
            return _complain(str(error))
        for name, changed in self._changed.items():
            if before.get(name, USUAL) != self.wanted.get(name, USUAL):
                changed.set()
                if self._tasks is not None:
                    self._tasks.create_task(self._end(self.states[name], before.get(name, USUAL)))
        if self._under_debug() and self._tasks is not None and (self._watchdog is None or self._watchdog.done()):
            self._watchdog = self._tasks.create_task(self._watch())
        return None

    @property
    def wanted_file(self) -> Path:
        return self.state_file.with_name("wanted.json")

    async def _end(self, state: ProcessState, want: Want) -> None:
        pid, patience = state.pid, DEBUGGED_STOP_SECONDS if want.under_debug else STOP_SECONDS
        if pid:
            _signal(pid, signal.SIGTERM)
            await _wait(self._ended[state.name], patience)
        if pid and state.pid == pid:
            _signal(pid, signal.SIGKILL)

    def _under_debug(self) -> dict[str, int]:
        """By component: the process to watch."""
        if self.stop.is_set():
            return {}
        debugged = {name: want for name, want in self.wanted.items() if want.under_debug and name in self.states}
        pids = {name: self.states[name].pid for name in debugged}
        return {
            name: pids[name] if want.debug_port else 0 if pids[name] else want.terminal
            for name, want in debugged.items()
        }

    async def _watch(self) -> None:
        """While anything is under debug. Nothing that goes wrong here may end the one that minds all others."""
        from cli.breakpoints.watchdog import Watchdog

        while self._under_debug():
            try:
                await Watchdog(self.state_file.parent.name, self._debugged, self._tell_standing).run()
            except Exception as error:  # noqa: BLE001 - see above; it is said, and tried again
                _complain(f"watchdog of what is under debug: {error!r}")
                await asyncio.sleep(WATCHDOG_AGAIN_SECONDS)

    def _debugged(self) -> dict[str, int]:
        """What the watchdog asks for; a component whose terminal has gone is ours again."""
        lost = [name for name, want in self.wanted.items() if want.terminal and not is_alive(want.terminal)]
        if lost:
            with edit(self.wanted_file) as wanted:
                for name in lost:
                    wanted.pop(name, None)
            self.look()
        return self._under_debug()

    def _tell_standing(self, standing: frozenset[str]) -> None:
        for name, state in self.states.items():
            usual = self.wanted.get(name, USUAL).note.format(name)
            state.note = f"stands still, and the cluster's clock with it; {usual}" if name in standing else usual
        self._save()

    async def _keep(self, component: Component) -> None:
        """Run one component again and again until we stop."""
        state, changed = self.states[component.name], self._changed[component.name]
        backoff = BACKOFF_FIRST_SECONDS
        while not self.stop.is_set():
            changed.clear()
            want = self.wanted.get(component.name, USUAL)
            state.note = want.note.format(component.name)
            if want.absent:
                self._save()
                await changed.wait()
                continue
            started = time.monotonic()
            try:
                state.last_exit = _exit_text(await self._run_once(component, want, state))
            except OSError as error:  # no disk, no memory, no such program: it may get better
                state.last_exit = f"cannot be started: {error.strerror}"
            if self.stop.is_set():
                return
            state.restarts += 1
            self._save()
            if time.monotonic() - started > STABLE_SECONDS or changed.is_set():
                backoff = BACKOFF_FIRST_SECONDS
            await _wait(changed, backoff)
            backoff = min(backoff * 2, BACKOFF_MAX_SECONDS)

    async def _run_once(self, component: Component, want: Want, state: ProcessState) -> int:
        with _open_log(Path(state.log)) as log:
            process = await asyncio.create_subprocess_exec(
                *command(component.argv, want),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=want.cwd or ROOT,
                env={**child_environment(ROOT, self.state_file.parent), **want.env},
                start_new_session=True,
            )
        state.pid, state.started = process.pid, time.time()
        self._ended[component.name].clear()
        if self.stop.is_set() or self._changed[component.name].is_set():  # told while it was being started
            process.terminate()
        self._save()
        code = await process.wait()
        state.pid = 0
        self._ended[component.name].set()
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
        """A full disk must not end the one that minds all others: the file is old then, until there is room."""
        if self._save_again is not None:
            self._save_again.cancel()
        state = {"supervisor": os.getpid(), "processes": [asdict(one) for one in self.states.values()]}
        fresh = self.state_file.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(state, indent=1))
            fresh.replace(self.state_file)
            self._save_again = None
        except OSError as error:
            if self._save_again is None:
                _complain(f"{self.state_file} cannot be written: {error.strerror}")
            self._save_again = asyncio.get_running_loop().call_later(SAVE_AGAIN_SECONDS, self._save)


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
    if code >= 0:
        return f"exit code {code}"
    known = {one.value: one.name for one in signal.Signals}  # real-time signals have no names
    return f"signal {known.get(-code, -code)}"


def _open_log(log: Path) -> BinaryIO:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def supervise(components: list[Component], logs: Path, state_file: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    supervisor = Supervisor(components, logs, state_file)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop.set)
    loop.add_signal_handler(signal.SIGHUP, supervisor.look)
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
