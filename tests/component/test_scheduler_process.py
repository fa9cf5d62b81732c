"""`python -m scheduler` on the in-memory apiserver: it binds, leads, survives, and stays small."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.coordination import Lease
from api.node import Node
from api.pod import Pod
from cli.pki import control_plane_subjects, ensure
from client.fake import FakeApi
from tests.support.processes import component, eventually, resident_mib, serve_api
from tests.support.scheduling import node_tree, pod_tree

RESIDENT_MIB = 75


@dataclass
class Cluster:
    fake: FakeApi
    pki: Path
    port: int

    async def bound(self, name: str) -> bool:
        return bool((await self.fake.get(Pod, name, "default")).spec.node_name)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    ensure(tmp_path, control_plane_subjects(()))
    fake = FakeApi()
    async with serve_api(fake, tmp_path) as port:
        yield Cluster(fake, tmp_path, port)


async def test_pods_are_bound_by_a_small_process(cluster: Cluster) -> None:
    await cluster.fake.create(Node, node_tree("a"))
    await cluster.fake.create(Pod, pod_tree("first"))
    async with component("scheduler", cluster.pki, cluster.port, "--seed", "0") as process:
        waited = await eventually(lambda: cluster.bound("first"))
        print(f"bound after {waited:.2f} s")
        lease = await cluster.fake.get(Lease, "kube-scheduler", "kube-system")
        assert lease.spec.holder_identity
        for number in range(50):
            await cluster.fake.create(Node, node_tree(f"n{number}"))
        names = [f"p{number}" for number in range(500)]
        started = time.monotonic()
        for name in names:
            await cluster.fake.create(Pod, pod_tree(name))
        await eventually(lambda: cluster.bound(names[-1]))
        print(f"500 pods bound in {time.monotonic() - started:.2f} s, {resident_mib(process):.0f} MiB")
        assert resident_mib(process) < RESIDENT_MIB
    released = await cluster.fake.get(Lease, "kube-scheduler", "kube-system")
    assert released.spec.holder_identity == ""


async def test_it_survives_its_apiserver(tmp_path: Path) -> None:
    ensure(tmp_path, control_plane_subjects(()))
    fake = FakeApi()
    cluster = Cluster(fake, tmp_path, 0)
    await fake.create(Node, node_tree("a"))
    async with serve_api(fake, tmp_path) as port:
        pass
    async with component("scheduler", tmp_path, port, "--no-leader-elect"):
        async with serve_api(fake, tmp_path, port):
            await fake.create(Pod, pod_tree("p"))
            await eventually(lambda: cluster.bound("p"))
        await fake.create(Pod, pod_tree("q"))
        async with serve_api(fake, tmp_path, port):
            await eventually(lambda: cluster.bound("q"))
