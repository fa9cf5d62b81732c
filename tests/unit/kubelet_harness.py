"""A kubelet over the simulated runtime and the in-memory API, on a clock that moves when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec

from api.pod import Pod
from api.service import Service
from apimachinery.clock import FakeClock, settle
from apimachinery.errors import ApiError
from client.fake import FakeApi
from client.informer import Informer
from cri.image_service import ImageService
from cri.runtime_service import RuntimeService
from cri.sim.backend import SimBackend
from cri.streaming import StreamingServer
from kubelet.kubelet import Kubelet, KubeletOptions
from kubelet.machine import Machine
from kubelet.node import NodeSpec, labels
from kubelet.runtime import CriRuntime
from wire.seams import make_seams

MACHINE = Machine(4, 8 << 30, 100 << 30, "m", "s", "b", "6.1", "Test OS", "amd64")
AMOUNTS = {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"}
NODE = "n1"


class _Refused(grpc.aio.AioRpcError):
    def __init__(self, error: ApiError) -> None:
        from wire.errors import _GRPC_CODES

        code = _GRPC_CODES.get(error.code, grpc.StatusCode.UNKNOWN)
        super().__init__(code, grpc.aio.Metadata(), grpc.aio.Metadata(), error.message)


class _Stream:
    """What a stub gives for a call that answers with a stream."""

    def __init__(self, messages: AsyncIterator[Any]) -> None:
        self._messages = messages

    async def initial_metadata(self) -> None:
        await asyncio.sleep(0)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._messages

    def cancel(self) -> bool:
        return True


class _CallContext:
    async def send_initial_metadata(self, metadata: Any) -> None:
        await asyncio.sleep(0)


class LocalStub:
    """A stub whose calls go straight into a servicer. `calls` counts them; `down` refuses them; without `answers`
    they wait."""

    def __init__(self, servicer: Any) -> None:
        self._servicer = servicer
        self.calls: list[str] = []
        self.down = False
        self.answers = asyncio.Event()
        self.answers.set()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(request: Any, timeout: float | None = None) -> Any:
            self.calls.append(method)
            inner = getattr(self._servicer, method)
            if method == "GetContainerEvents":
                return _Stream(self._guarded_stream(inner(request, _CallContext())))
            return self._guarded(inner(request, _CallContext()))

        return call

    async def _guarded(self, answer: Any) -> Any:
        if self.down:
            answer.close()
            raise _Refused(ApiError("ServiceUnavailable", "connection refused"))
        try:
            await self.answers.wait()
            return await answer
        except ApiError as error:
            raise _Refused(error) from None

    async def _guarded_stream(self, messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for message in messages:
            yield message


async def quiet() -> None:
    """Let everything that can happen without time passing, happen."""
    for _ in range(4):
        await settle(150)
        await asyncio.to_thread(int)


class World:
    """Everything around one kubelet."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.api = FakeApi(self.clock)
        self.seams = make_seams("test", self.clock)
        self.root = root
        self.backend = SimBackend(root / "sim", root / "logs", self.seams)
        streaming = StreamingServer(self.backend, self.seams)
        self.stub = LocalStub(RuntimeService(self.backend, streaming, self.seams))
        self.images = LocalStub(ImageService(self.backend, self.seams))
        self.kubelet = self.new_kubelet()

    def new_kubelet(self) -> Kubelet:
        spec = NodeSpec(NODE, "10.240.0.11", "127.0.0.1:10250", AMOUNTS, AMOUNTS, labels(NODE, "amd64", {}))
        options = KubeletOptions(spec, MACHINE, self.root / "state", self.root / "logs", ("10.96.0.10",))
        options.state_dir.mkdir(exist_ok=True)
        self.services: Informer[Service] = Informer(self.api, Service, self.seams)
        runtime = CriRuntime(self.stub, self.images, self.clock)  # type: ignore[arg-type]
        self.kubelet = Kubelet(options, self.api, runtime, self.seams, self.services)
        return self.kubelet

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Kubelet]:
        """The kubelet runs while the body does; the node has its addresses."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.services.run()), group.create_task(self.kubelet.run())]
            await quiet()
            if not (await self.tree("nodes", NODE)).get("spec", {}).get("podCIDR"):
                await self.api.patch_raw(_gvr("nodes"), NODE, {"spec": {"podCIDR": "10.244.1.0/24"}})
            await quiet()
            try:
                yield self.kubelet
            finally:
                for task in tasks:
                    task.cancel()

    @asynccontextmanager
    async def runtime(self) -> AsyncIterator[None]:
        # One thread, so that what was handed to it before is done when `quiet` comes back from it.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.backend.run())
            await settle()
            try:
                yield
            finally:
                task.cancel()

    async def create_pod(self, name: str, spec: dict[str, Any], **meta: Any) -> Pod:
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", **meta},
            "spec": {"nodeName": NODE, "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, **spec},
            "status": {"phase": "Pending"},
        }
        return await self.api.create(Pod, body)

    async def pod(self, name: str) -> Pod:
        return await self.api.get(Pod, name, "default")

    async def tree(self, resource: str, name: str, namespace: str = "") -> dict[str, Any]:
        return await self.api.get_raw(_gvr(resource), name, namespace)

    async def status(self, name: str) -> dict[str, Any]:
        return dict((await self.tree("pods", name, "default")).get("status", {}))

    async def events(self) -> list[tuple[str, str]]:
        """(reason, message), as they were written."""
        items, _ = await self.api.list_raw(_gvr("events"))
        return [(one["reason"], one["message"]) for one in items]

    def status_writes(self) -> int:
        return sum(1 for verb, what, _ in self.api.server.writes if (verb, what) == ("patch", "pods/status"))


def _gvr(resource: str) -> Any:
    from apimachinery.resources import GVR

    return GVR("", "v1", resource)


def container(name: str = "main", image: str = "nginx:1.27", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", **more}


def make_pod(spec: dict[str, Any], status: dict[str, Any] | None = None, **meta: Any) -> Pod:
    """A pod as the pure parts take it."""
    tree = {
        "metadata": {"name": "web", "namespace": "default", "uid": "u1", **meta},
        "spec": spec,
        "status": status or {},
    }
    return msgspec.convert(tree, Pod)
