"""`python -m kube_proxy` in a node's namespace: rules follow the apiserver, and outlive the process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from api.service import EndpointSlice, Service
from cli.pki import control_plane_subjects, ensure, node_subjects
from client.fake import FakeApi
from tests.support.lan import can_make_namespaces, make_lan
from tests.support.need import need
from tests.support.processes import component, eventually, resident_mib, serve_api

NODE, POD, VIP = "10.250.0.11", "10.250.4.1", "10.96.0.20"
RESIDENT_MIB = 60


def service() -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"clusterIP": VIP, "ports": [{"port": 80, "protocol": "TCP"}]},
    }


def endpoints(port: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "web-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [POD], "conditions": {"ready": True}}],
        "ports": [{"port": port, "protocol": "TCP"}],
    }


async def test_rules_follow_and_outlive_the_process(tmp_path: Path) -> None:
    need(can_make_namespaces(), "network namespaces and nft, as root")
    ensure(tmp_path, [*control_plane_subjects(()), *node_subjects("a", NODE)])
    fake = FakeApi()
    await fake.create(Service, service())
    with make_lan() as lan:
        lan.add("node", NODE)
        lan.add("pod", POD)
        lan.route("node", "add", "default", "via", "10.250.0.1")
        lan.route("pod", "add", "10.96.0.0/12", "via", NODE)
        lan.serve("pod", 8080)
        netns = tmp_path / "netns"
        flags = ("--node-name", "a", "--node-ip", NODE, "--netns-file", str(netns), "--cluster-cidr", "10.250.4.0/24")

        async def says(expected: str) -> bool:
            return await asyncio.to_thread(lan.ask, "pod", VIP, 80) == expected

        def answered() -> Awaitable[bool]:
            return says(f"pod {NODE}")

        async with serve_api(fake, tmp_path) as port:
            async with component("kube_proxy", tmp_path, port, *flags) as process:
                netns.write_text(str(lan.path("node")))  # the runtime comes later than the proxy
                await eventually(lambda: says("refused"))
                await fake.create(EndpointSlice, endpoints(8080))
                print(f"reachable after {await eventually(answered):.2f} s, {resident_mib(process):.0f} MiB")
                assert resident_mib(process) < RESIDENT_MIB
            assert await answered()
            await fake.delete(Service, "web", namespace="default")
            assert await answered()
            async with component("kube_proxy", tmp_path, port, *flags):
                await eventually(lambda: says("timeout"))
