"""`python -m controller_manager` on a real apiserver and etcd, driven by the real kubectl; a kubelet of a few lines."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api.coordination import Lease
from api.node import Node
from api.pod import Pod, is_ready
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_time
from client.api import ApiClient, connect_api
from client.controller import run_controller
from client.informer import Informer
from client.workqueue import WorkQueue
from tests.support.control_plane import ControlPlane, control_plane
from tests.support.etcd import EtcdProcess
from tests.support.need import ROOT, need
from tests.support.processes import component, eventually, resident_mib
from wire.seams import make_seams
from wire.tls import TlsFiles

pytestmark = [pytest.mark.etcd, pytest.mark.kubectl]

RESIDENT_MIB = 60
"""Of five."""


class Kubelet:
    """Puts every pod on one node, has it run and be ready at once, and ends it when told."""

    name = "kubelet"

    def __init__(self, api: ApiClient, pods: Informer[Pod]) -> None:
        self._api = api
        self._pods = pods

    async def reconcile(self, key: str) -> float | None:
        pod = self._pods.get(key)
        if pod is None:
            return None
        if pod.metadata.deletion_timestamp is not None:
            await self._api.delete(Pod, pod.name, namespace=pod.namespace, options={"gracePeriodSeconds": 0})
        elif not pod.spec.node_name:
            target = {"metadata": {"name": pod.name}, "target": {"kind": "Node", "name": "node-1"}}
            await self._api.create(Pod, target, name=pod.name, namespace=pod.namespace, subresource="binding")
        elif not is_ready(pod):
            now = format_time(time.time())
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
            address = f"10.244.0.{int(pod.uid[:4], 16) % 250 + 1}"
            status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
            await self._api.patch(Pod, pod.name, {"status": status}, namespace=pod.namespace, subresource="status")
        return None


@asynccontextmanager
async def kubelet(plane: ControlPlane) -> AsyncIterator[ApiClient]:
    seams = make_seams("kubelet")
    async with connect_api(plane.rpc, TlsFiles.in_directory(plane.pki, "admin"), seams) as api:
        await api.create(Node, {"metadata": {"name": "node-1"}})
        pods, queue = Informer(api, Pod, seams), WorkQueue(seams.clock)
        pods.add_handler(lambda event: queue.add(event.object.key))
        tasks = [
            asyncio.create_task(pods.run()),
            asyncio.create_task(run_controller(Kubelet(api, pods), queue, seams)),
        ]
        yield api
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def plane(etcd: EtcdProcess, pki_dir: Path, tmp_path: Path) -> Iterator[ControlPlane]:
    need(shutil.which("kubectl") is not None, "no kubectl on PATH")
    with control_plane(etcd, pki_dir, tmp_path) as plane:
        yield plane


async def kubectl(plane: ControlPlane, *args: str) -> str:
    """In a thread: the kubelet lives in this event loop."""
    return await asyncio.to_thread(plane.kubectl, *args)


async def names(plane: ControlPlane, *args: str) -> list[str]:
    return (await kubectl(plane, "get", *args, "-o", "name")).split()


async def test_rollouts_as_kubectl_sees_them(plane: ControlPlane) -> None:
    async with kubelet(plane), component("controller_manager", plane.pki, plane.rpc_port) as process:
        await kubectl(plane, "create", "deployment", "web", "--image=web:1", "--replicas=3", "--port=8080")
        await kubectl(plane, "expose", "deployment", "web", "--port=80")
        status = await kubectl(plane, "rollout", "status", "deployment/web", "--timeout=30s")
        assert 'deployment "web" successfully rolled out' in status
        slices = json.loads(
            await kubectl(plane, "get", "endpointslices", "-l", "kubernetes.io/service-name=web", "-o", "json")
        )
        assert [len(one["endpoints"]) for one in slices["items"]] == [3]
        await kubectl(plane, "set", "image", "deployment/web", "web=web:2")
        await kubectl(plane, "rollout", "status", "deployment/web", "--timeout=30s")
        await kubectl(plane, "rollout", "restart", "deployment/web")
        await kubectl(plane, "rollout", "status", "deployment/web", "--timeout=30s")
        await kubectl(plane, "rollout", "undo", "deployment/web", "--to-revision=1")
        await kubectl(plane, "rollout", "status", "deployment/web", "--timeout=30s")
        history = await kubectl(plane, "rollout", "history", "deployment/web")
        assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3", "4"]
        images = await kubectl(plane, "get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].image}")
        assert set(images.split()) == {"web:1"}
        events = await kubectl(plane, "get", "events", "--field-selector=involvedObject.kind=Deployment")
        assert "Scaled up replica set web-" in events and "from 0 to 3" in events
        await kubectl(plane, "delete", "deployment", "web")
        await eventually(lambda: nothing_left(plane))
        assert resident_mib(process) < RESIDENT_MIB


async def nothing_left(plane: ControlPlane) -> bool:
    return await names(plane, "replicasets,pods") == []


async def test_namespaces_go_with_all_that_is_in_them(plane: ControlPlane) -> None:
    async with kubelet(plane), component("controller_manager", plane.pki, plane.rpc_port):
        await kubectl(plane, "create", "namespace", "team")
        await eventually(lambda: has_account(plane))
        await kubectl(plane, "-n", "team", "create", "deployment", "web", "--image=web:1", "--replicas=2")
        await kubectl(plane, "-n", "team", "rollout", "status", "deployment/web", "--timeout=30s")
        await kubectl(plane, "delete", "namespace", "team", "--timeout=30s")
        assert "namespace/team" not in await names(plane, "namespaces")


async def has_account(plane: ControlPlane) -> bool:
    found = await names(plane, "-n", "team", "serviceaccounts,configmaps")
    return set(found) == {"serviceaccount/default", "configmap/kube-root-ca.crt"}


async def test_a_killed_manager_goes_on_where_it_was(plane: ControlPlane) -> None:
    async with kubelet(plane):
        first = await asyncio.create_subprocess_exec(*command(plane), cwd=ROOT)
        await kubectl(plane, "create", "deployment", "web", "--image=web:1", "--replicas=40")
        await eventually(lambda: replicas(plane, at_least=5))
        first.kill()
        await first.wait()
        async with component("controller_manager", plane.pki, plane.rpc_port, "--no-leader-elect"):
            await kubectl(plane, "rollout", "status", "deployment/web", "--timeout=30s")
            assert len(await names(plane, "pods")) == 40
            assert len(await names(plane, "replicasets")) == 1


def command(plane: ControlPlane) -> list[str]:
    flags = ["--apiserver", plane.rpc, "--debug-address", "127.0.0.1:0", "--pki-dir", str(plane.pki)]
    return [sys.executable, "-m", "controller_manager", "--no-leader-elect", *flags]


async def replicas(plane: ControlPlane, at_least: int) -> bool:
    return len(await names(plane, "pods")) >= at_least


async def test_a_manager_that_stops_gives_its_lease_back(plane: ControlPlane) -> None:
    async with kubelet(plane) as api, component("controller_manager", plane.pki, plane.rpc_port):
        await eventually(lambda: leads(api))
    released = await asyncio.to_thread(plane.kubectl, "-n", "kube-system", "get", "lease", "-o", "json")
    (lease,) = json.loads(released)["items"]
    assert not lease["spec"].get("holderIdentity")


async def leads(api: ApiClient) -> bool:
    try:
        return bool((await api.get(Lease, "kube-controller-manager", "kube-system")).spec.holder_identity)
    except ApiError:
        return False
