"""What idle seams add to a unary call, counted in instructions: the same on a busy machine and on a quiet one.

`python -m bench.instructions` (needs valgrind) makes calls within one process over a real socket, to a method that does
nothing, with and without seams on either end, and takes the difference between few and many. It is a part of what
`bench.seams` measures, of a call that is nothing else; there, components work besides.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import grpc

import wire.channel
import wire.server
from bench import bare, gates
from wire.seams import make_seams

FEW, MANY = 100, 1100
KINDS: Final = {
    "no seams": (False, False),
    "the caller's": (True, False),
    "the callee's": (False, True),
    "both": (True, True),
}
"""Seams of the caller, and of the callee."""

ROOT: Final = Path(__file__).resolve().parent.parent


@asynccontextmanager
async def ends(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """Both ends in this process, with what seams there are. Nothing is switched on."""
    caller, callee = make_seams("bench"), make_seams("bench")
    caller.tracer.on = callee.tracer.on = False
    service = wire.server.Service("orrery.api.v1.Api", gates.add_service)
    async with (
        wire.server.serve(address, callee, None, [service]),
        wire.channel.connect(address, caller, None) as channel,
    ):
        yield channel


def make_calls(kind: str, calls: int) -> None:
    """In a process of its own: seams that were taken off stay off."""
    of_caller, of_callee = KINDS[kind]
    if not of_caller:
        bare.bare_channels(wire.channel)
    if not of_callee:
        bare.bare_servers(wire.server)
    asyncio.run(gates.call_seconds(ends, calls))


def instructions(kind: str, calls: int) -> int:
    """All that a process takes that makes so many calls."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
             sys.executable, "-m", "bench.instructions", "--kind", kind, "--calls", str(calls)],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"valgrind counted nothing:\n{done.stderr}")
    return int(found[1])


def report() -> None:
    if shutil.which("valgrind") is None:
        sys.exit("bench.instructions: no valgrind here (Debian's package of that name)")
    print(f"instructions of a unary call that does nothing, both ends together (of {MANY - FEW:,} calls)")
    first = 0.0
    for kind in KINDS:
        each = (instructions(kind, MANY) - instructions(kind, FEW)) / (MANY - FEW)
        first = first or each
        print(f"  {kind:14} {each:9,.0f}  {each / first:6.3f} x")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.instructions", description=__doc__)
    parser.add_argument("--kind", choices=list(KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=FEW, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.kind:
        make_calls(args.kind, args.calls)
    else:
        report()


if __name__ == "__main__":
    main()
