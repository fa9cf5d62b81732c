"""`orrery debug`: a component under debugpy, or in this terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace

from cli.breakpoints.ports import PORTS, port_for
from cli.breakpoints.prompt import HOOK
from cli.config import child_environment
from cli.debugging.targets import LOCAL
from cli.errors import UserError
from cli.forms.cluster import Managed
from cli.source.telling import (
    DEBUGGED_SERVE_SECONDS,
    change_free,
    manage_free,
    name_flag,
    wait_down,
    wait_listening,
    wait_new,
    wait_serving,
)
from cli.source.wanted import USUAL, Want, is_python
from cli.supervisor import ROOT


async def debug(cluster: str, component: str, port: int, *, wait: bool) -> str:
    """Restart it so that debuggers can attach."""
    one = _ours(cluster, component)
    if one.debugger_missing:
        raise UserError(one.debugger_missing)
    if one.want.debug_port and (not port or port == one.want.debug_port):
        return _how_to_attach(one, one.want.debug_port, one.state.pid)
    port, before = port_for(component, port, one.listening), one.state.pid
    change_free(one, lambda want: Want(debug_port=port, debug_host=one.listening, wait=wait, turn=want.turn + 1))
    if wait:
        pid = await wait_new(one, before)
        await wait_listening(one, port)
    else:
        pid = await wait_serving(one, before, DEBUGGED_SERVE_SECONDS)
    return _how_to_attach(one, port, pid, waits=wait)


async def end_debug(cluster: str, component: str) -> str:
    one = manage_free(cluster, component)
    if not one.want.under_debug:
        raise UserError(f"{component} is not under debug")
    before = one.state.pid
    change_free(one, lambda _: USUAL)
    return f"{component} runs as usual (PID {await wait_serving(one, before)})"


async def in_terminal(cluster: str, component: str) -> int:
    """Run it here, where `breakpoint()` can ask, until it ends; then it is the supervisor's again. Gives its code."""
    one = _ours(cluster, component)
    change_free(one, lambda want: replace(USUAL, terminal=os.getpid(), turn=want.turn + 1))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the component
    try:
        await wait_down(one)
        print(f"{component} runs here; breakpoint() stops it, Ctrl-C ends it", flush=True)
        environment = {"PYTHONBREAKPOINT": HOOK, **child_environment(ROOT, one.paths.root, modules=True)}
        process = await asyncio.create_subprocess_exec(
            *one.foreground_argv(terminal=sys.stdin.isatty()),
            cwd=ROOT,
            env=environment,
            preexec_fn=_hear_interrupts,
        )
        code = await process.wait()
    finally:
        now = one.change(lambda want: USUAL if want.terminal == os.getpid() else want)
        signal.signal(signal.SIGINT, before)
    told = now.note.format(component)
    again = f"; now: {told}" if told else f" and runs as usual again (PID {await wait_serving(one, 0)})"
    print(f"{component} ended here{again}")
    return code


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _ours(cluster: str, component: str) -> Managed:
    """Raises UserError for what cannot be debugged."""
    one = manage_free(cluster, component)
    if not is_python(one.argv):
        raise UserError(f"{component} is no Python program; orrery etcd looks into it")
    if one.want.argv or one.want.down:
        raise UserError(f"{component} is {one.want.note.format(component)}")
    return one


def _how_to_attach(one: Managed, port: int, pid: int, *, waits: bool = False) -> str:
    kind, host = one.name.partition("-worker-")[0], one.listening
    where = f"port {port}" if host == LOCAL else f"host {host}, port {port}"
    lines = [
        f"{one.name} (PID {pid}) waits for a debugger at {host}:{port}",
        f"  VS Code: Run and Debug, `Attach to {kind}{'' if host == LOCAL else ' under Compose'}`"
        + ("" if kind == one.name and port == PORTS[kind] else f", {where}"),
        f"  others:  attach by DAP to host {host}, port {port}; sources are in {one.sources}",
        "while it stands still, the cluster's clock stands still for all others",
        f"as usual again: orrery debug {one.name}{name_flag(one.cluster.name)} --off",
    ]
    if waits:
        lines[0] += ", and does nothing before one has attached"
    return "\n".join(lines)
