"""Running a command and knowing which requests were its."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cli.config import kubeconfig_files, with_kubeconfig
from cli.errors import UserError
from cli.forms.cluster import Cluster
from cli.tracing.kubeconfigs import copies
from cli.tracing.tunnel import open_tunnel
from wire.span import Span


@dataclass(frozen=True)
class Ran:
    """`span` is the command itself, the cause of all causes; `clients` are the addresses that it called from."""

    span: Span
    clients: list[str]
    code: int


async def run(argv: list[str], cluster: Cluster) -> Ran:
    """Run `argv` with its requests to the cluster through a tunnel. Raises UserError if it cannot be run."""
    with tempfile.TemporaryDirectory(prefix="orrery-trace-") as folder:
        async with open_tunnel({cluster.addresses["apiserver"]: cluster.direct_apiserver}) as tunnel:
            files, found = copies(kubeconfig_files(), Path(folder), cluster.url, f"http://127.0.0.1:{tunnel.port}")
            if not found:
                own = f"export KUBECONFIG={cluster.kubeconfig}" if cluster.kubeconfig else ""
                raise UserError(f"no kubeconfig names {cluster.url}; {own or 'orrery kubeconfig prints one'}")
            started = time.time()
            try:
                process = await asyncio.create_subprocess_exec(*argv, env=with_kubeconfig(files))
            except OSError as error:
                raise UserError(f"{argv[0]}: {error.strerror}") from None
            code = await process.wait()
            return Ran(_span(argv, started, code), list(tunnel.clients), code)


def _span(argv: list[str], started: float, code: int) -> Span:
    name = Path(argv[0]).name
    about = {"object": " ".join([name, *argv[1:]]), "code": str(code)}
    ids = os.urandom(24).hex()
    return Span(ids[:32], ids[32:], "", "command", "run", started, time.time(), attributes=about)
