"""`orrery swap` where the keeper cannot run somebody else's command: it runs here, while ours is stopped."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from dataclasses import replace

from cli.config import child_environment
from cli.errors import UserError
from cli.forms.cluster import Managed
from cli.running import is_alive
from cli.source.telling import wait_down, wait_serving
from cli.source.wanted import USUAL, Want
from cli.supervisor import ROOT


async def run_instead(one: Managed, argv: tuple[str, ...], env: dict[str, str]) -> str:
    """Until it ends, by itself, by Ctrl-C or by `--back`; then ours is started again."""
    before = one.want
    if before.down or before.terminal:
        raise UserError(f"{one.name} is {one.state.note or 'stopped'}")
    one.change(lambda want: Want(argv=argv, cwd=os.getcwd(), env=env, terminal=os.getpid(), turn=want.turn + 1))
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    try:
        await wait_down(one)
        print(f"{one.name} is stopped; in its place runs here: {shlex.join(argv)}")
        print("\n".join(f"  {name}={value}" for name, value in env.items()), flush=True)
        code = await _run(argv, env)
    finally:
        one.change(lambda want: replace(USUAL, turn=want.turn))
        signal.signal(signal.SIGINT, ignored)
    pid = await wait_serving(one, 0)
    return f"{argv[0]} ended with code {code}; {one.name} is ours again (PID {pid})"


async def _run(argv: tuple[str, ...], env: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *argv, env={**child_environment(ROOT), **env}, preexec_fn=_hear_interrupts
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.terminate)
    return await process.wait()


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def end_instead(one: Managed) -> str:
    """Told from another terminal: whoever runs it there puts things right."""
    want = one.want
    if not want.argv or not is_alive(want.terminal):
        raise UserError(f"{one.name} is ours")
    os.kill(want.terminal, signal.SIGTERM)
    return f"{one.name} is ours again (PID {await wait_serving(one, 0)})"
