"""The scheduler process on a real apiserver over a real etcd, under its own identity."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api.core import Event, Namespace, ServiceAccount
from api.meta import T
from api.node import Node
from api.pod import Pod, condition
from apimachinery.errors import ApiError
from client.api import ApiClient, connect_api
from tests.support.apiserver import CACHE
from tests.support.etcd import EtcdProcess, free_port
from tests.support.need import ROOT
from tests.support.processes import component, eventually
from tests.support.scheduling import node_tree, pod_tree
from wire.seams import make_seams
from wire.tls import TlsFiles

pytestmark = pytest.mark.etcd


@asynccontextmanager
async def apiserver(pki: Path, etcd: str) -> AsyncIterator[int]:
    """The real process; gives its gRPC port."""
    rpc, https = free_port(), free_port()
    flags = ("--rpc-address", f"127.0.0.1:{rpc}", "--secure-address", f"127.0.0.1:{https}", "--etcd", etcd)
    where = ("--pki-dir", str(pki), "--cache-dir", str(CACHE))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "apiserver", *flags, *where, cwd=ROOT)
    try:
        yield rpc
    finally:
        process.terminate()
        await process.wait()


async def create(api: ApiClient, cls: type[T], obj: dict[str, Any]) -> None:
    """Again and again while the apiserver is still on its way up."""

    async def created() -> bool:
        try:
            await api.create(cls, obj)
        except ApiError as error:
            if error.code not in (403, 404, 409, 503):
                raise
            return error.code == 409
        return True

    await eventually(created)


async def test_pods_are_scheduled_under_rbac(pki_dir: Path, etcd: EtcdProcess) -> None:
    async with (
        apiserver(pki_dir, etcd.address) as rpc,
        connect_api(f"127.0.0.1:{rpc}", TlsFiles.in_directory(pki_dir, "admin"), make_seams("test")) as api,
        component("scheduler", pki_dir, rpc),
    ):
        await create(api, Namespace, {"metadata": {"name": "default"}})
        await create(api, ServiceAccount, {"metadata": {"name": "default", "namespace": "default"}})
        await create(api, Pod, pod_tree("p", cpu="1"))
        await create(api, Pod, pod_tree("big", cpu="100"))

        async def refused() -> bool:
            found = condition((await api.get(Pod, "big", "default")).status.conditions, "PodScheduled")
            return found is not None and found.message == message

        message = "no nodes available to schedule pods"
        await eventually(refused)
        node = node_tree("a")
        await create(api, Node, node)
        await api.patch(Node, "a", {"status": node["status"]}, subresource="status")
        await api.patch(Node, "a", {"spec": {"taints": None}})  # admission keeps pods off a node until it is ready

        async def bound() -> bool:
            return (await api.get(Pod, "p", "default")).spec.node_name == "a"

        await eventually(bound)
        message = "0/1 nodes are available: 1 Insufficient cpu."
        await eventually(refused)
        pod = await api.get(Pod, "p", "default")
        assert [(one.type, one.status) for one in pod.status.conditions] == [("PodScheduled", "True")]

        async def told() -> bool:
            events, _ = await api.list(Event, namespace="default")
            return "Successfully assigned default/p to a" in [one.message for one in events]

        await eventually(told)
