"""Running a command and knowing which requests were its."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cli.config import kubeconfig_files, with_kubeconfig
from cli.errors import UserError
from cli.forms.cluster import Cluster
from cli.signals import DIED_OF, Ended, ended_by_signals
from cli.tracing.kubeconfigs import copies
from cli.tracing.tunnel import open_tunnel
from wire.span import Span

END_SECONDS = 2.0  # from SIGTERM to SIGKILL


@dataclass(frozen=True)
class Ran:
    """`span` is the command itself, the cause of all causes; `clients` are the addresses that it called from."""

    span: Span
    clients: list[str]
    code: int


async def run(argv: list[str], cluster: Cluster) -> Ran:
    """Run `argv` with its requests to the cluster through a tunnel. Raises UserError if it cannot be run.

    Ctrl-C is for the command: it ends, and is traced all the same. At SIGTERM or SIGHUP it ends, and so do we.
    """
    try:
        with _interrupts_for_the_command(), ended_by_signals():
            return await _run(argv, cluster)
    except Ended as error:
        sys.exit(DIED_OF + error.number)


async def _run(argv: list[str], cluster: Cluster) -> Ran:
    with tempfile.TemporaryDirectory(prefix="orrery-trace-") as folder:
        async with open_tunnel({cluster.addresses["apiserver"]: cluster.direct_apiserver}) as tunnel:
            files, found = copies(kubeconfig_files(), Path(folder), cluster.url, f"http://127.0.0.1:{tunnel.port}")
            if not found:
                own = f"export KUBECONFIG={cluster.kubeconfig}" if cluster.kubeconfig else ""
                raise UserError(f"no kubeconfig names {cluster.url}; {own or 'orrery kubeconfig prints one'}")
            started = time.time()
            code = await _code_of(argv, with_kubeconfig(files))
            return Ran(_span(argv, started, code), list(tunnel.clients), code)


async def _code_of(argv: list[str], environment: dict[str, str]) -> int:
    """Run it to its end; gives its exit code as a shell has it. If we are to end, it ends before us."""
    try:
        process = await asyncio.create_subprocess_exec(*argv, env=environment)
    except OSError as error:
        raise UserError(f"{argv[0]}: {error.strerror}") from None
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    return code if code >= 0 else DIED_OF - code


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kindly at first."""
    with suppress(ProcessLookupError):  # it has ended meanwhile
        process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@contextmanager
def _interrupts_for_the_command() -> Iterator[None]:
    """Nothing happens here at Ctrl-C. The command inherits what is ignored, but no handler: it ends as usual."""
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _span(argv: list[str], started: float, code: int) -> Span:
    name = Path(argv[0]).name
    about = {"object": " ".join([name, *argv[1:]]), "code": str(code)}
    ids = os.urandom(24).hex()
    return Span(ids[:32], ids[32:], "", "command", "run", started, time.time(), attributes=about)
