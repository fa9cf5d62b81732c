"""The runtime as the kubelet sees it: CRI `runtime.v1` over a unix socket, every failure an ApiError."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, TypeVar

import grpc

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apimachinery.patience import patience
from kubelet.limits import RPC_SECONDS
from kubelet.pod_state import Instance, RunState, Sandbox
from proto import cri_pb2 as pb
from proto.cri_pb2_grpc import ImageServiceStub, RuntimeServiceStub
from wire.errors import from_rpc_error

if TYPE_CHECKING:
    from proto.cri_pb2_grpc import ImageServiceAsyncStub, RuntimeServiceAsyncStub

R = TypeVar("R")

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"
CONTAINER_HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
POD_GRACE = "io.kubernetes.pod.terminationGracePeriod"
MESSAGE_FILE = "orrery.dev/termination-message-file"
"""Where on the node the message file lies, so that a restarted kubelet finds it."""

_STATES: dict[int, RunState] = {
    pb.CONTAINER_CREATED: "created",
    pb.CONTAINER_RUNNING: "running",
    pb.CONTAINER_EXITED: "exited",
    pb.CONTAINER_UNKNOWN: "unknown",
}


class CriRuntime:
    """Typed calls. The stubs may be real ones or a fake's: only their awaitable methods are used."""

    def __init__(self, runtime: RuntimeServiceAsyncStub, images: ImageServiceAsyncStub, clock: Clock) -> None:
        self._runtime = runtime
        self._images = images
        self._clock = clock

    @classmethod
    def over(cls, channel: grpc.aio.Channel, clock: Clock) -> CriRuntime:
        return cls(RuntimeServiceStub(channel), ImageServiceStub(channel), clock)

    async def _soon(self, call: Awaitable[R]) -> R:
        """No gRPC deadline: it would run out while somebody looks at the runtime in a debugger."""
        try:
            async with patience(RPC_SECONDS, self._clock):
                return await _call(call)
        except TimeoutError:
            raise ApiError("Timeout", f"the runtime has not answered within {RPC_SECONDS:g} s") from None

    # --- the runtime itself

    async def version(self) -> pb.VersionResponse:
        return await self._soon(self._runtime.Version(pb.VersionRequest(version="v1")))

    async def status(self) -> pb.StatusResponse:
        return await self._soon(self._runtime.Status(pb.StatusRequest()))

    async def set_pod_cidr(self, cidr: str) -> None:
        config = pb.RuntimeConfig(network_config=pb.NetworkConfig(pod_cidr=cidr))
        request = pb.UpdateRuntimeConfigRequest(runtime_config=config)
        await self._soon(self._runtime.UpdateRuntimeConfig(request))

    async def events(self) -> AsyncIterator[pb.ContainerEventResponse]:
        """As they happen. Raises ApiError when the stream breaks, or with 405 where the runtime has none."""
        call = self._runtime.GetContainerEvents(pb.GetEventsRequest())
        try:
            # The runtime subscribes us before it says hello: what happens after this line is seen.
            await call.initial_metadata()
            yield pb.ContainerEventResponse()
            async for event in call:
                yield event
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from None
        finally:
            call.cancel()

    # --- sandboxes

    async def list_sandboxes(self, uid: str = "") -> list[pb.PodSandbox]:
        request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(label_selector={POD_UID: uid} if uid else {}))
        return list((await self._soon(self._runtime.ListPodSandbox(request))).items)

    async def sandbox_status(self, sandbox_id: str) -> pb.PodSandboxStatus:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id)
        return (await self._soon(self._runtime.PodSandboxStatus(request))).status

    async def run_sandbox(self, config: pb.PodSandboxConfig, handler: str = "") -> str:
        request = pb.RunPodSandboxRequest(config=config, runtime_handler=handler)
        return (await self._soon(self._runtime.RunPodSandbox(request))).pod_sandbox_id

    async def stop_sandbox(self, sandbox_id: str) -> None:
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox_id)
        await self._soon(self._runtime.StopPodSandbox(request))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id)
        await self._soon(self._runtime.RemovePodSandbox(request))

    # --- containers

    async def list_containers(self, uid: str = "") -> list[pb.Container]:
        request = pb.ListContainersRequest(filter=pb.ContainerFilter(label_selector={POD_UID: uid} if uid else {}))
        return list((await self._soon(self._runtime.ListContainers(request))).containers)

    async def container_status(self, container_id: str) -> pb.ContainerStatus:
        request = pb.ContainerStatusRequest(container_id=container_id)
        return (await self._soon(self._runtime.ContainerStatus(request))).status

    async def create_container(
        self, sandbox_id: str, config: pb.ContainerConfig, sandbox_config: pb.PodSandboxConfig
    ) -> str:
        request = pb.CreateContainerRequest(pod_sandbox_id=sandbox_id, config=config, sandbox_config=sandbox_config)
        return (await self._soon(self._runtime.CreateContainer(request))).container_id

    async def start_container(self, container_id: str) -> None:
        request = pb.StartContainerRequest(container_id=container_id)
        await self._soon(self._runtime.StartContainer(request))

    async def stop_container(self, container_id: str, grace: int) -> None:
        """No deadline in real time: the grace runs on the cluster's clock, which may stand still."""
        request = pb.StopContainerRequest(container_id=container_id, timeout=grace)
        await _call(self._runtime.StopContainer(request))

    async def remove_container(self, container_id: str) -> None:
        request = pb.RemoveContainerRequest(container_id=container_id)
        await self._soon(self._runtime.RemoveContainer(request))

    async def update_resources(self, container_id: str, resources: pb.LinuxContainerResources) -> None:
        request = pb.UpdateContainerResourcesRequest(container_id=container_id, linux=resources)
        await self._soon(self._runtime.UpdateContainerResources(request))

    async def exec_sync(self, container_id: str, command: list[str], timeout: float) -> pb.ExecSyncResponse:
        """`timeout` in cluster seconds, 0 for none. Raises ApiError with 504 when it runs out."""
        request = pb.ExecSyncRequest(container_id=container_id, cmd=command, timeout=max(0, int(timeout)))
        return await _call(self._runtime.ExecSync(request))

    async def container_stats(self) -> list[pb.ContainerStats]:
        request = pb.ListContainerStatsRequest()
        return list((await self._soon(self._runtime.ListContainerStats(request))).stats)

    # --- streams: URLs to connect to

    async def exec_url(self, request: pb.ExecRequest) -> str:
        return (await self._soon(self._runtime.Exec(request))).url

    async def attach_url(self, request: pb.AttachRequest) -> str:
        return (await self._soon(self._runtime.Attach(request))).url

    async def port_forward_url(self, sandbox_id: str, port: int) -> str:
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox_id, port=[port])
        return (await self._soon(self._runtime.PortForward(request))).url

    # --- images

    async def image_status(self, image: str) -> pb.Image | None:
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=image))
        response = await self._soon(self._images.ImageStatus(request))
        return response.image if response.HasField("image") and response.image.id else None

    async def pull_image(self, image: str, auth: pb.AuthConfig | None, sandbox: pb.PodSandboxConfig) -> str:
        """No deadline: large images take as long as they take."""
        request = pb.PullImageRequest(image=pb.ImageSpec(image=image), auth=auth, sandbox_config=sandbox)
        return (await _call(self._images.PullImage(request))).image_ref

    async def list_images(self) -> list[pb.Image]:
        return list((await self._soon(self._images.ListImages(pb.ListImagesRequest()))).images)


async def _call(call: Awaitable[R]) -> R:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _refusal(error) from None


def _refusal(error: grpc.aio.AioRpcError) -> ApiError:
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return ApiError("MethodNotAllowed", error.details() or "not implemented by the runtime")
    return from_rpc_error(error)


# --- messages as plain data


def to_sandbox(status: pb.PodSandboxStatus) -> Sandbox:
    ips = [status.network.ip, *(one.ip for one in status.network.additional_ips)]
    return Sandbox(
        id=status.id,
        attempt=status.metadata.attempt,
        ready=status.state == pb.SANDBOX_READY,
        ips=tuple(ip for ip in ips if ip),
        created_at=status.created_at / 1e9,
    )


def to_instance(status: pb.ContainerStatus, sandbox_id: str) -> Instance:
    return Instance(
        id=status.id,
        name=status.metadata.name,
        attempt=status.metadata.attempt,
        sandbox_id=sandbox_id,
        state=_STATES[status.state],
        created_at=status.created_at / 1e9,
        started_at=status.started_at / 1e9,
        finished_at=status.finished_at / 1e9,
        exit_code=status.exit_code,
        reason=status.reason,
        message=status.message,
        image=status.image.user_specified_image or status.image.image,
        image_ref=status.image_ref,
        spec_hash=status.annotations.get(CONTAINER_HASH, ""),
        log_path=status.log_path,
        annotations=dict(status.annotations),
    )


def run_state(state: pb.ContainerState) -> RunState:
    return _STATES[state]
