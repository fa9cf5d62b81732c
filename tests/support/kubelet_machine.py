"""One node's two processes, kubelet and runtime, on the in-memory apiserver."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from api.meta import Condition
from api.node import Node
from api.pod import Pod, is_ready
from apimachinery.errors import ApiError
from client.fake import FakeApi
from tests.support.need import ROOT
from tests.support.processes import component, eventually
from wire.channel import connect
from wire.seams import make_seams
from wire.tls import TlsFiles

NODE = "worker-1"


@dataclass
class Machine:
    """One node's two processes and the API they meet at."""

    fake: FakeApi
    root: Path
    port: int
    kubelet_port: int
    runtime_flags: tuple[str, ...] = ("--runtime", "sim")
    pod_cidr: str = "10.244.1.0/24"
    node_ip: str = "10.240.0.11"

    @property
    def socket(self) -> Path:
        return self.root / "cri.sock"

    @asynccontextmanager
    async def runtime(self) -> AsyncIterator[asyncio.subprocess.Process]:
        flags = ("--socket", str(self.socket), "--node-name", NODE, *self.runtime_flags)
        places = ("--state-dir", str(self.root / "rt"), "--log-root", str(self.root / "logs"))
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cri", *flags, *places, cwd=ROOT)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    @asynccontextmanager
    async def kubelet(self) -> AsyncIterator[asyncio.subprocess.Process]:
        flags = ("--node-name", NODE, "--cri-socket", str(self.socket), "--node-ip", self.node_ip)
        places = ("--state-dir", str(self.root / "state"), "--log-root", str(self.root / "logs"))
        door = ("--serve-address", f"127.0.0.1:{self.kubelet_port}", "--cluster-dns", "10.96.0.10")
        async with component("kubelet", self.root, self.port, *flags, *places, *door) as process:
            yield process

    async def give_addresses(self) -> None:
        """What the node IPAM controller does."""
        await eventually(self.is_registered)
        await self.fake.patch(Node, NODE, {"spec": {"podCIDR": self.pod_cidr}})

    async def is_registered(self) -> bool:
        return await self.condition("Ready") is not None

    async def is_ready(self) -> bool:
        found = await self.condition("Ready")
        return found is not None and found.status == "True"

    async def condition(self, kind: str) -> Condition | None:
        try:
            node = await self.fake.get(Node, NODE)
        except ApiError:
            return None
        return next((one for one in node.status.conditions if one.type == kind), None)

    async def create(self, name: str, container: dict[str, Any], **annotations: str) -> Pod:
        meta = {"name": name, "namespace": "default", "annotations": annotations}
        spec = {"nodeName": NODE, "restartPolicy": "Always", "containers": [{"name": "main", **container}]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": "Pending"}}
        return await self.fake.create(Pod, body)

    async def pod(self, name: str) -> Pod:
        return await self.fake.get(Pod, name, "default")

    async def runs(self, name: str) -> bool:
        return is_ready(await self.pod(name))

    async def is_gone(self, name: str) -> bool:
        try:
            await self.pod(name)
        except ApiError:
            return True
        return False

    def call(self, identity: str) -> grpc.aio.Channel:
        tls = TlsFiles.in_directory(self.root, identity)
        return connect(f"127.0.0.1:{self.kubelet_port}", make_seams("test"), tls, server_name="orrery")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
