"""DNS on real sockets: UDP, TCP, and an address that is not free yet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dnslib

from apimachinery.clock import Clock
from dns.forward import Forwarder
from dns.listener import Address, Listener
from dns.resolver import Resolver
from dns.service import NameService
from tests.support.names import small_cluster

QUESTION = bytes(dnslib.DNSRecord.question("web.default.svc.cluster.local").pack())


def service() -> NameService:
    return NameService(Resolver("cluster.local", small_cluster()), Forwarder([]), lambda: True, Clock())


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[Listener]:
    listener = Listener(address, service(), Clock())
    running = asyncio.create_task(listener.run())
    yield listener
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def ask_udp(address: Address, data: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(client, data, address)
        async with asyncio.timeout(5):
            return (await loop.sock_recvfrom(client, 4096))[0]


def address_of(reply: bytes) -> str:
    return str(dnslib.DNSRecord.parse(reply).rr[0].rdata)


async def test_udp_and_tcp_on_one_port() -> None:
    async with listening("127.0.0.1:0") as listener:
        address = await listener.bound
        assert address_of(await ask_udp(address, QUESTION)) == "10.96.0.20"
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(2):
            writer.write(len(QUESTION).to_bytes(2, "big") + QUESTION)
            length = int.from_bytes(await reader.readexactly(2), "big")
            assert address_of(await reader.readexactly(length)) == "10.96.0.20"
        writer.close()


async def test_noise_does_not_stop_it() -> None:
    async with listening("127.0.0.1:0") as listener:
        address = await listener.bound
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for data in (b"", b"x", b"\xff" * 100):
                client.sendto(data, address)
        assert address_of(await ask_udp(address, QUESTION)) == "10.96.0.20"


async def test_it_waits_for_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        async with listening(f"127.0.0.1:{address[1]}") as listener:
            await asyncio.sleep(0.1)
            assert not listener.bound.done()
            taken.close()
            async with asyncio.timeout(5):
                await listener.bound
            assert address_of(await ask_udp(address, QUESTION)) == "10.96.0.20"
