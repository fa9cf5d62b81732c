"""Changing what is wanted of a component, and waiting until it is so."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from cli.errors import UserError
from cli.forms.cluster import Managed
from cli.forms.finding import running
from cli.last_words import LINES, READ_BYTES
from cli.running import is_alive
from cli.source.stand_in import log_of
from cli.source.wanted import USUAL, Want
from cli.spec import DEFAULT_NAME
from cli.supervisor import ProcessState
from proto import debug_pb2, debug_pb2_grpc
from wire.channel import connect
from wire.seams import make_seams
from wire.tls import TlsFiles

POLL_SECONDS = 0.02
LISTEN = "0A"  # the state of a socket in /proc/net/tcp
DOWN_SECONDS = 20.0  # for a process to end when it is told to
ANSWER_SECONDS = 0.5  # for a component to say when it began; it is asked again
LIVED_SECONDS = 1.0  # for a command to live that somebody put in a component's place: one that is wrong ends at once
SERVE_SECONDS = 30.0  # for a component to serve
DEBUGGED_SERVE_SECONDS = 120.0  # the same under a debugger, on a busy machine: the cluster's clock waits with us


def manage(cluster: str, component: str) -> Managed:
    """Raises UserError if the cluster does not run, or there is none of that name."""
    return running(cluster).manage(component)


def manage_free(cluster: str, component: str) -> Managed:
    """The same, but raises UserError also for what runs in a terminal: it can be ended only there."""
    one = manage(cluster, component)
    _require_free(component, one.want)
    return one


def change_free(one: Managed, make: Callable[[Want], Want]) -> Want:
    """`one.change`, unless it has come to run in a terminal meanwhile. Raises UserError."""

    def checked(want: Want) -> Want:
        _require_free(one.name, want)
        return make(want)

    return one.change(checked)


def _require_free(component: str, want: Want) -> None:
    """A terminal that has gone keeps nothing."""
    if want.terminal and is_alive(want.terminal):
        raise UserError(f"{component} runs in the terminal of PID {want.terminal}; end it there with Ctrl-C")


def name_flag(cluster: str) -> str:
    """For a command that people may copy."""
    return "" if cluster == DEFAULT_NAME else f" --name {cluster}"


def why_down(one: Managed) -> str:
    """Why nobody is about to start it, with the way out; "" if somebody is."""
    want, note = one.want, one.state.note
    if want.absent:
        return want.note.format(one.name)
    return note if want == USUAL else ""  # a container can be stopped by Docker, too


async def wait_down(one: Managed) -> None:
    await _wait(lambda: not one.state.pid, DOWN_SECONDS, f"{one.name} does not end; its log is {one.state.log}")


async def wait_new(one: Managed, before: int) -> int:
    """Until another process runs than `before`. Gives its PID."""
    await _wait(lambda: one.state.pid not in (0, before), SERVE_SECONDS, f"{one.name} was not started again")
    return one.state.pid


async def wait_swapped(one: Managed, before: ProcessState, printed: int) -> int:
    """Until the command that runs in its place has lived for a moment. Gives its PID. Raises UserError if it ends.

    `before` is how the component was, and `printed` how long the log of such commands was then.
    """
    ends = before.restarts + (before.pid != 0)  # counted when ours has ended
    deadline, pid, began = time.monotonic() + SERVE_SECONDS, 0, math.inf
    while time.monotonic() - began < LIVED_SECONDS:
        state = one.state
        if not pid and state.pid not in (0, before.pid):
            pid, began = state.pid, time.monotonic()
        if time.monotonic() > deadline:
            raise UserError(f"{one.name} was not started again; its log is {state.log}")
        if (pid and state.pid != pid) or state.restarts > ends:
            raise UserError(_ended(one, state.last_exit, log_of(one.paths, one.name), printed))
        await asyncio.sleep(POLL_SECONDS)
    return pid


def _ended(one: Managed, how: str, log: Path, printed: int) -> str:
    """`printed`: where in the log its words begin; a log that has grown too long begins anew."""
    lines = read_after(log, printed).splitlines()[-LINES:]
    return "\n".join(
        [
            f"the command ended{f' ({how})' if how else ''}, and is started again and again;"
            f" orrery swap {one.name}{name_flag(one.cluster.name)} --back undoes it",
            *(["the log ends with:", *lines] if lines else ["it printed nothing"]),
        ]
    )


def read_after(log: Path, printed: int) -> str:
    """The end of what was written after so many bytes."""
    try:
        with log.open("rb") as file:
            size = log.stat().st_size
            file.seek(max(printed if printed <= size else 0, size - READ_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


async def wait_serving(one: Managed, before: int, seconds: float = SERVE_SECONDS) -> int:
    """Until another process than `before` accepts connections. Gives its PID. Raises UserError when it is hopeless."""
    host, _, port = one.address.rpartition(":")
    if port == "0":  # a node under Compose serves nothing
        return await wait_new(one, before)
    deadline = time.monotonic() + seconds
    while True:
        state = one.state
        if state.pid not in (0, before) and await _accepts(host, int(port)) and one.state.pid == state.pid:
            return state.pid
        if time.monotonic() > deadline or not one.kept():
            raise UserError(f"{one.name} does not serve; its log ends with:\n{one.last_words()}")
        await asyncio.sleep(POLL_SECONDS)


async def wait_anew(one: Managed, since: float) -> int:
    """Until a component answers that began after `since` (Unix seconds). Gives its PID. Raises UserError."""
    deadline = time.monotonic() + SERVE_SECONDS
    while await _began(one) < since:
        if time.monotonic() > deadline:
            raise UserError(f"{one.name} does not serve; its log ends with:\n{one.last_words()}")
        await asyncio.sleep(POLL_SECONDS)
    return one.state.pid


async def _began(one: Managed) -> float:
    """When the process that answers now began, in Unix seconds; 0 if none answers."""
    tls = TlsFiles.in_directory(one.paths.pki, "admin")
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            connect(one.address, make_seams("orrery"), tls, server_name="orrery") as channel,
        ):
            return (await debug_pb2_grpc.DebugStub(channel).Info(debug_pb2.InfoRequest())).started
    except (TimeoutError, grpc.aio.AioRpcError):
        return 0.0


async def wait_listening(one: Managed, port: int) -> None:
    """Until somebody listens on `port` where the component is. A debugger's port is looked at, not knocked at: who
    connects and leaves again has ended the session that it waits for."""
    complaint = f"{one.name} does not listen on port {port}; its log is {one.state.log}"
    await _wait(lambda: port in listening_ports(one.state.pid), DEBUGGED_SERVE_SECONDS, complaint)


def listening_ports(pid: int) -> set[int]:
    """Of TCP over IPv4, in the network namespace of a process; none if it has ended."""
    try:
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return set()
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTEN}


async def _accepts(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def _wait(done: Callable[[], bool], seconds: float, complaint: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise UserError(complaint)
        await asyncio.sleep(POLL_SECONDS)
