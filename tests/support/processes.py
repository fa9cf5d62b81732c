"""Components as real processes, on the in-memory apiserver behind gRPC and mutual TLS."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from client.fake import FakeApi
from proto import api_pb2_grpc
from tests.support.api_over_grpc import ApiOverGrpc
from tests.support.need import ROOT
from wire.seams import make_seams
from wire.server import Service, serve
from wire.tls import TlsFiles


@asynccontextmanager
async def serve_api(fake: FakeApi, pki: Path, port: int = 0) -> AsyncIterator[int]:
    """Serve `fake` to processes; gives the port."""
    service = Service(
        "orrery.api.v1.Api", lambda server: api_pb2_grpc.add_ApiServicer_to_server(ApiOverGrpc(fake.server), server)
    )
    seams = make_seams("apiserver")
    async with serve(f"127.0.0.1:{port}", seams, TlsFiles.in_directory(pki, "apiserver"), [service]) as bound:
        yield bound


@asynccontextmanager
async def component(module: str, pki: Path, apiserver: int, *flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m MODULE` until the body ends; then it must end by itself when told to."""
    common = ("--apiserver", f"127.0.0.1:{apiserver}", "--debug-address", "127.0.0.1:0", "--pki-dir", str(pki))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *common, *flags, cwd=ROOT)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def resident_mib(process: asyncio.subprocess.Process) -> float:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> float:
    """Wait for other processes; gives how long it took (real seconds)."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
    return time.monotonic() - started
