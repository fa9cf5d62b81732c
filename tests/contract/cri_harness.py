"""A CRI runtime under test, seen only through its unix socket, as a kubelet sees it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cri.backend import RuntimeBackend
from cri.server import serve_cri
from proto import cri_pb2 as pb
from proto import cri_pb2_grpc
from wire.channel import connect
from wire.seams import Seams, make_seams
from wire.streams.channels import V5, Channel, ChannelSocket
from wire.streams.websocket import connect_websocket

IMAGE = "orrery/busybox:1"
PATIENCE_SECONDS = 20.0

_numbers = itertools.count()


class Cri:
    """The stubs, and what tests do all the time."""

    def __init__(self, channel: Any, backend: RuntimeBackend, seams: Seams, logs: Path) -> None:
        self.runtime: Any = cri_pb2_grpc.RuntimeServiceStub(channel)
        self.images: Any = cri_pb2_grpc.ImageServiceStub(channel)
        self.backend = backend
        self.seams = seams
        self.logs = logs

    def pod(self, name: str = "web", **annotations: str) -> pb.PodSandboxConfig:
        uid = f"uid-{next(_numbers)}-{id(self):x}"
        return pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(name=name, uid=uid, namespace="default"),
            hostname=name,
            log_directory=str(self.logs / uid),
            labels={"app": name, "io.kubernetes.pod.name": name},
            annotations={f"sim.orrery.dev/{key.replace('_', '-')}": value for key, value in annotations.items()},
        )

    async def run_pod(self, config: pb.PodSandboxConfig) -> str:
        return str((await self.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=config))).pod_sandbox_id)

    async def create(
        self, sandbox: str, pod: pb.PodSandboxConfig, *command: str, name: str = "main", **more: Any
    ) -> str:
        attempt = more.pop("attempt", 0)
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=name, attempt=attempt),
            image=pb.ImageSpec(image=IMAGE),
            command=command or ("sleep", "infinity"),
            log_path=f"{name}/{attempt}.log",
            labels={"io.kubernetes.container.name": name},
            **more,
        )
        request = pb.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=pod)
        return str((await self.runtime.CreateContainer(request)).container_id)

    async def start(self, container: str) -> None:
        await self.runtime.StartContainer(pb.StartContainerRequest(container_id=container))

    async def run(self, *command: str, **more: Any) -> tuple[str, str, pb.PodSandboxConfig]:
        """A pod with one started container: sandbox id, container id, config."""
        pod = self.pod()
        sandbox = await self.run_pod(pod)
        container = await self.create(sandbox, pod, *command, **more)
        await self.start(container)
        return sandbox, container, pod

    async def status(self, container: str) -> pb.ContainerStatus:
        response = await self.runtime.ContainerStatus(pb.ContainerStatusRequest(container_id=container))
        return response.status  # type: ignore[no-any-return]

    async def sandbox_status(self, sandbox: str) -> pb.PodSandboxStatus:
        response = await self.runtime.PodSandboxStatus(pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox))
        return response.status  # type: ignore[no-any-return]

    async def ended(self, container: str) -> pb.ContainerStatus:
        """Its status once it has exited."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.backend.store.wait_exited(container)
        return await self.status(container)

    async def log_lines(self, container: str) -> list[str]:
        """Contents of the records, of a container that has ended."""
        path = Path((await self.status(container)).log_path)
        return [line.split(" ", 3)[3] for line in path.read_text().splitlines()]

    async def stream(self, url: str, stdin: bytes | None = None) -> dict[int, bytes]:
        """Everything that came out of a streaming URL, by channel."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            socket = ChannelSocket(await connect_websocket(url, [V5]))
            if stdin is not None:
                await socket.send(Channel.STDIN, stdin)
                await socket.half_close(Channel.STDIN)
            received: dict[int, bytes] = {}
            while (frame := await socket.receive()) is not None:
                received[frame.channel] = received.get(frame.channel, b"") + frame.data
            await socket.close()
            return received

    async def forget(self, sandbox: str) -> None:
        await self.runtime.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id=sandbox))
        await self.runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox))


@asynccontextmanager
async def serving(backend: RuntimeBackend, seams: Seams, directory: Path) -> AsyncIterator[Cri]:
    """`backend` behind its socket, ready, with a pod CIDR."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(backend.run())
        socket = str(directory / "cri.sock")
        async with serve_cri(socket, "127.0.0.1:0", backend, seams):
            channel = connect(f"unix:{socket}", make_seams("kubelet"), None)
            try:
                await _ready(channel)
                yield Cri(channel, backend, seams, directory / "logs")
            finally:
                await channel.close()
        task.cancel()


async def _ready(channel: Any) -> None:
    runtime: Any = cri_pb2_grpc.RuntimeServiceStub(channel)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            status = (await runtime.Status(pb.StatusRequest())).status
            if status.conditions[0].status:
                return
            await asyncio.sleep(0.02)
