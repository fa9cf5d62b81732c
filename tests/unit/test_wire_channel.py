"""Channels to peers that are slow, as all are on a busy machine, or not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from proto import debug_pb2, debug_pb2_grpc
from tests.support.debug_fleet import make_certificates
from wire.channel import connect
from wire.seams import make_seams
from wire.server import serve
from wire.tls import TlsFiles

SLOW_SECONDS = 0.2  # more than gRPC's own first pause between attempts, which once was all that a handshake had


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    make_certificates(directory)
    return directory


@asynccontextmanager
async def slow_door(port: int) -> AsyncIterator[int]:
    """In front of `port`; it thinks for a while before it lets a connection's first bytes pass."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SLOW_SECONDS)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(enter, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_peer_that_is_slow_to_shake_hands_is_reached_at_the_first_attempt(certificates: Path) -> None:
    tls = TlsFiles.in_directory(certificates, "scheduler")
    async with (
        serve("127.0.0.1:0", make_seams("scheduler"), tls) as port,
        slow_door(port) as door,
        connect(f"127.0.0.1:{door}", make_seams("test"), tls, server_name="orrery") as channel,
    ):
        info = await debug_pb2_grpc.DebugStub(channel).Info(debug_pb2.InfoRequest())
        assert info.component == "scheduler"


async def test_a_peer_that_is_not_there_is_said_so_at_once_and_found_when_it_comes(certificates: Path) -> None:
    tls, seams = TlsFiles.in_directory(certificates, "scheduler"), make_seams("scheduler")
    async with serve("127.0.0.1:0", seams, tls) as port:
        address = f"127.0.0.1:{port}"
    async with connect(address, make_seams("test"), tls, server_name="orrery") as channel:
        stub = debug_pb2_grpc.DebugStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Info(debug_pb2.InfoRequest())
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        async with serve(address, seams, tls):
            info = await stub.Info(debug_pb2.InfoRequest(), wait_for_ready=True, timeout=5)
            assert info.component == "scheduler"
