"""A command's last words are heard although its client is still speaking when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from apiserver.http import remote_command
from apiserver.http.port_forward import Connection
from apiserver.http.remote_command import ClientGone, Send
from proto import kubelet_pb2, kubelet_pb2_grpc
from tests.support.http_front import FakeKubelet
from wire.streams.channels import Channel, Frame, exit_status

TIMES = 200
PIECES = 5


class Brief(FakeKubelet):
    """Says a few words and ends, without listening."""

    async def Exec(self, frames: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        await anext(frames)
        await context.send_initial_metadata(())
        for number in range(PIECES):
            yield kubelet_pb2.StreamFrame(channel=Channel.STDOUT, data=b"%d" % number)
        yield kubelet_pb2.StreamFrame(channel=Channel.ERROR, data=exit_status(0))

    async def PortForward(self, frames: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        await anext(frames)
        for number in range(PIECES):
            yield kubelet_pb2.StreamFrame(channel=Channel.STDIN, data=b"%d" % number)


@pytest.fixture
async def kubelet() -> AsyncIterator[Any]:
    server = grpc.aio.server()
    kubelet_pb2_grpc.add_KubeletServicer_to_server(Brief(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield kubelet_pb2_grpc.KubeletStub(channel)
    await server.stop(None)


class Talker:
    """A client that never stops resizing its window."""

    def __init__(self) -> None:
        self.heard = b""
        self.status = b""

    async def pump(self, send: Send) -> None:
        while True:
            await send(Frame(Channel.RESIZE, b'{"Width":80,"Height":24}'))
            await asyncio.sleep(0)

    async def send(self, channel: int, data: bytes) -> None:
        self.heard += data
        await asyncio.sleep(0)

    async def end(self, channel: int) -> None:
        raise ClientGone

    async def finish(self, status: bytes) -> None:
        self.status = status


async def test_exec(kubelet: Any) -> None:
    for _ in range(TIMES):
        call, client = kubelet.Exec(), Talker()
        await remote_command.begin(call, kubelet_pb2.StreamFrame(start=kubelet_pb2.StreamStart()))
        await remote_command.run(call, client)
        assert (client.heard, client.status) == (b"01234", exit_status(0))


async def test_port_forward(kubelet: Any) -> None:
    for _ in range(TIMES):
        connection = Connection(kubelet.PortForward(), kubelet_pb2.PodRef(), 80)
        data, errors = await _talk(connection)
        assert (data, errors) == (b"01234", b"")


async def _talk(connection: Connection) -> tuple[bytes, bytes]:
    heard, errors = bytearray(), bytearray()

    async def hear(data: bytes) -> None:
        heard.extend(data)
        await asyncio.sleep(0)

    async def fail(text: bytes) -> None:
        errors.extend(text)

    async def talk() -> None:
        while True:
            await connection.write(b"more")
            await asyncio.sleep(0)

    await connection.start()
    async with asyncio.TaskGroup() as group:
        talking = group.create_task(talk())
        await connection.pump(hear, fail)
        talking.cancel()
    connection.cancel()
    return bytes(heard), bytes(errors)
