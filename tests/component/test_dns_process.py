"""`python -m dns` on the in-memory apiserver: what is created can be looked up."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import dnslib

from api.core import Namespace
from api.service import EndpointSlice, Service
from cli.pki import control_plane_subjects, ensure
from client.fake import FakeApi
from tests.support.processes import component, eventually, resident_mib, serve_api

RESIDENT_MIB = 60
NAME = "web.default.svc.cluster.local"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


async def look_up(port: int, name: str, type_: str = "A") -> list[str] | None:
    """None if nobody answers, or not yet."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect(("127.0.0.1", port))
        try:
            await loop.sock_sendall(client, bytes(dnslib.DNSRecord.question(name, type_).pack()))
            async with asyncio.timeout(1):
                reply = dnslib.DNSRecord.parse(await loop.sock_recv(client, 4096))
        except (ConnectionRefusedError, TimeoutError):
            return None
    return None if reply.header.rcode == dnslib.RCODE.SERVFAIL else [str(one.rdata) for one in reply.rr]


async def test_names_follow_the_cluster(tmp_path: Path) -> None:
    ensure(tmp_path, control_plane_subjects(()))
    fake = FakeApi()
    await fake.create(Namespace, {"metadata": {"name": "default"}})
    meta = {"name": "web", "namespace": "default"}
    await fake.create(Service, {"metadata": meta, "spec": {"clusterIP": "10.96.0.20", "ports": [{"port": 80}]}})
    port = free_port()
    async with (
        serve_api(fake, tmp_path) as api,
        component("dns", tmp_path, api, "--listen", f"127.0.0.1:{port}") as process,
    ):

        async def known() -> bool:
            return await look_up(port, NAME) == ["10.96.0.20"]

        print(f"answers after {await eventually(known):.2f} s, {resident_mib(process):.0f} MiB")
        assert await look_up(port, "20.0.96.10.in-addr.arpa", "PTR") == [f"{NAME}."]
        endpoints = [{"addresses": ["10.244.1.5"], "conditions": {"ready": True}, "hostname": "db-0"}]
        labels = {"kubernetes.io/service-name": "db"}
        await fake.create(
            EndpointSlice,
            {
                "metadata": {"name": "db-1", "namespace": "default", "labels": labels},
                "addressType": "IPv4",
                "endpoints": endpoints,
                "ports": [{"port": 5432}],
            },
        )
        await fake.create(Service, {"metadata": {**meta, "name": "db"}, "spec": {"clusterIP": "None"}})

        async def headless() -> bool:
            return await look_up(port, "db-0.db.default.svc.cluster.local") == ["10.244.1.5"]

        await eventually(headless)
        await fake.delete(Service, "web", namespace="default")

        async def forgotten() -> bool:
            return await look_up(port, NAME) == []

        await eventually(forgotten)
        assert resident_mib(process) < RESIDENT_MIB
