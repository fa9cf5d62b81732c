"""CRI RuntimeService: checks, composition and conversion; what really happens is the backend's.

Rules kept here for every backend: an unknown id is NOT_FOUND where something is asked about it; stopping or removing
what is not there succeeds; stopping a sandbox stops its containers, removing it removes them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeVar

from apimachinery.errors import ApiError
from cri import convert
from cri.backend import Command, RuntimeBackend
from cri.exec_sync import exec_sync
from cri.limits import STREAM_PAGE
from cri.records import Container, Sandbox, State
from cri.store import Store
from cri.streaming import Kind, StreamingServer, Ticket
from proto import cri_pb2 as pb
from proto import cri_pb2_grpc
from wire.seams import Seams

log = logging.getLogger(__name__)

T = TypeVar("T")

API_VERSION = "v1"
KUBE_API_VERSION = "0.1.0"


class RuntimeService(cri_pb2_grpc.RuntimeServiceServicer):
    """Methods mirror `proto/cri.proto`."""

    def __init__(self, backend: RuntimeBackend, streaming: StreamingServer, seams: Seams) -> None:
        self._backend = backend
        self._streaming = streaming
        self._seams = seams

    @property
    def _store(self) -> Store:
        """Only while it may be believed."""
        self._backend.require_ready()
        return self._backend.store

    # --- the runtime

    async def Version(self, request: pb.VersionRequest, context: Any) -> pb.VersionResponse:
        return pb.VersionResponse(
            version=KUBE_API_VERSION,
            runtime_name=self._backend.name,
            runtime_version=await self._backend.version(),
            runtime_api_version=API_VERSION,
        )

    async def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusResponse:
        response = pb.StatusResponse(
            status=convert.runtime_status(*self._backend.conditions()),
            runtime_handlers=[pb.RuntimeHandler(name="", features=pb.RuntimeHandlerFeatures())],
            features=pb.RuntimeFeatures(supplemental_groups_policy=False),
        )
        if request.verbose:
            store = self._backend.store
            counts = {"sandboxes": len(store.sandboxes), "containers": len(store.containers)}
            response.info["config"] = json.dumps({"backend": self._backend.name, **counts})
        return response

    async def UpdateRuntimeConfig(
        self, request: pb.UpdateRuntimeConfigRequest, context: Any
    ) -> pb.UpdateRuntimeConfigResponse:
        cidr = request.runtime_config.network_config.pod_cidr
        if cidr:
            self._backend.set_pod_cidr(cidr)
        return pb.UpdateRuntimeConfigResponse()

    async def RuntimeConfig(self, request: pb.RuntimeConfigRequest, context: Any) -> pb.RuntimeConfigResponse:
        return pb.RuntimeConfigResponse(linux=pb.LinuxRuntimeConfiguration(cgroup_driver=pb.CgroupDriver.CGROUPFS))

    # --- sandboxes

    async def RunPodSandbox(self, request: pb.RunPodSandboxRequest, context: Any) -> pb.RunPodSandboxResponse:
        self._backend.require_ready()
        if not request.config.metadata.name or not request.config.metadata.uid:
            raise ApiError("BadRequest", "sandbox config must include metadata with name and uid")
        sandbox_id = await self._backend.run_sandbox(request.config, request.runtime_handler)
        return pb.RunPodSandboxResponse(pod_sandbox_id=sandbox_id)

    async def StopPodSandbox(self, request: pb.StopPodSandboxRequest, context: Any) -> pb.StopPodSandboxResponse:
        sandbox = self._store.sandbox(request.pod_sandbox_id)
        if sandbox is not None:
            await self._stop_sandbox(sandbox)
        return pb.StopPodSandboxResponse()

    async def RemovePodSandbox(self, request: pb.RemovePodSandboxRequest, context: Any) -> pb.RemovePodSandboxResponse:
        sandbox = self._store.sandbox(request.pod_sandbox_id)
        if sandbox is not None:
            await self._stop_sandbox(sandbox)
            await _all(self._backend.remove_container(one) for one in self._store.containers_of(sandbox.id))
            await self._backend.remove_sandbox(self._store.sandbox(sandbox.id) or sandbox)
        return pb.RemovePodSandboxResponse()

    async def _stop_sandbox(self, sandbox: Sandbox) -> None:
        running = [one for one in self._store.containers_of(sandbox.id) if one.state is State.RUNNING]
        await _all(self._backend.stop_container(one, 0) for one in running)
        if sandbox.ready:
            await self._backend.stop_sandbox(sandbox)

    async def PodSandboxStatus(self, request: pb.PodSandboxStatusRequest, context: Any) -> pb.PodSandboxStatusResponse:
        sandbox = self._need_sandbox(request.pod_sandbox_id)
        response = pb.PodSandboxStatusResponse(status=convert.sandbox_status(sandbox))
        if request.verbose:
            response.info["info"] = json.dumps({"hostname": sandbox.hostname, "logDirectory": sandbox.log_directory})
        return response

    async def ListPodSandbox(self, request: pb.ListPodSandboxRequest, context: Any) -> pb.ListPodSandboxResponse:
        return pb.ListPodSandboxResponse(items=map(convert.sandbox_item, self._sandboxes(request.filter)))

    async def StreamPodSandboxes(
        self, request: pb.StreamPodSandboxesRequest, context: Any
    ) -> AsyncIterator[pb.StreamPodSandboxesResponse]:
        for page in _pages(list(map(convert.sandbox_item, self._sandboxes(request.filter)))):
            yield pb.StreamPodSandboxesResponse(pod_sandboxes=page)

    def _sandboxes(self, wanted: pb.PodSandboxFilter) -> list[Sandbox]:
        found = [self._store.sandbox(wanted.id)] if wanted.id else list(self._store.sandboxes.values())
        states = [wanted.state.state] if wanted.HasField("state") else None
        return [
            one
            for one in found
            if one is not None
            and (states is None or convert.sandbox_state(one) in states)
            and convert.matches_labels(one.labels, wanted.label_selector)
        ]

    # --- containers

    async def CreateContainer(self, request: pb.CreateContainerRequest, context: Any) -> pb.CreateContainerResponse:
        sandbox = self._need_sandbox(request.pod_sandbox_id)
        if not request.config.metadata.name:
            raise ApiError("BadRequest", "container config must include metadata with a name")
        if not sandbox.ready:
            raise ApiError("BadRequest", f'sandbox "{sandbox.id}" is not ready')
        return pb.CreateContainerResponse(container_id=await self._backend.create_container(sandbox, request.config))

    async def StartContainer(self, request: pb.StartContainerRequest, context: Any) -> pb.StartContainerResponse:
        container = self._need_container(request.container_id)
        if container.state is not State.CREATED:
            raise ApiError("BadRequest", f'container "{container.id}" is in {_state(container)} state, not created')
        await self._backend.start_container(container)
        return pb.StartContainerResponse()

    async def StopContainer(self, request: pb.StopContainerRequest, context: Any) -> pb.StopContainerResponse:
        container = self._store.container(request.container_id)
        if container is not None and container.state is State.RUNNING:
            await self._backend.stop_container(container, max(0, request.timeout))
        return pb.StopContainerResponse()

    async def RemoveContainer(self, request: pb.RemoveContainerRequest, context: Any) -> pb.RemoveContainerResponse:
        container = self._store.container(request.container_id)
        if container is not None:
            if container.state is State.RUNNING:
                await self._backend.stop_container(container, 0)
            await self._backend.remove_container(container)
        return pb.RemoveContainerResponse()

    async def ContainerStatus(self, request: pb.ContainerStatusRequest, context: Any) -> pb.ContainerStatusResponse:
        container = self._need_container(request.container_id)
        response = pb.ContainerStatusResponse(status=convert.container_status(container))
        if request.verbose:
            response.info["sandboxID"] = container.sandbox_id
        return response

    async def ListContainers(self, request: pb.ListContainersRequest, context: Any) -> pb.ListContainersResponse:
        return pb.ListContainersResponse(containers=map(convert.container_item, self._containers(request.filter)))

    async def StreamContainers(
        self, request: pb.StreamContainersRequest, context: Any
    ) -> AsyncIterator[pb.StreamContainersResponse]:
        for page in _pages(list(map(convert.container_item, self._containers(request.filter)))):
            yield pb.StreamContainersResponse(containers=page)

    def _containers(self, wanted: pb.ContainerFilter) -> list[Container]:
        state = State(int(wanted.state.state)) if wanted.HasField("state") else None
        return [
            one
            for one in self._select(wanted.id, wanted.pod_sandbox_id)
            if state in (None, one.state) and convert.matches_labels(one.labels, wanted.label_selector)
        ]

    def _select(self, container_id: str, sandbox_id: str) -> list[Container]:
        """What both ids, where given, leave over."""
        if container_id:
            found = self._store.container(container_id)
            chosen = [found] if found is not None else []
        else:
            chosen = list(self._store.containers.values())
        if not sandbox_id:
            return chosen
        sandbox = self._store.sandbox(sandbox_id)
        return [one for one in chosen if sandbox is not None and one.sandbox_id == sandbox.id]

    async def UpdateContainerResources(
        self, request: pb.UpdateContainerResourcesRequest, context: Any
    ) -> pb.UpdateContainerResourcesResponse:
        container = self._need_container(request.container_id)
        if container.state not in (State.CREATED, State.RUNNING):
            raise ApiError("BadRequest", f'container "{container.id}" is in {_state(container)} state')
        await self._backend.update_resources(container, request.linux)
        return pb.UpdateContainerResourcesResponse()

    async def ReopenContainerLog(
        self, request: pb.ReopenContainerLogRequest, context: Any
    ) -> pb.ReopenContainerLogResponse:
        container = self._need_running(request.container_id)
        await self._backend.reopen_log(container)
        return pb.ReopenContainerLogResponse()

    # --- streams

    async def ExecSync(self, request: pb.ExecSyncRequest, context: Any) -> pb.ExecSyncResponse:
        container = self._need_running(request.container_id)
        command = Command(list(request.cmd))
        async with self._backend.exec(container, command) as session:
            return await exec_sync(session, self._seams.clock, command.argv, float(request.timeout))

    async def Exec(self, request: pb.ExecRequest, context: Any) -> pb.ExecResponse:
        if request.tty and request.stderr:
            raise ApiError("BadRequest", "tty and stderr cannot both be true")
        container = self._need_running(request.container_id)
        command = Command(list(request.cmd), tty=request.tty, stdin=request.stdin)
        url = self._streaming.url(Ticket(Kind.EXEC, container.id, command, request.stdout, request.stderr))
        return pb.ExecResponse(url=url)

    async def Attach(self, request: pb.AttachRequest, context: Any) -> pb.AttachResponse:
        if request.tty and request.stderr:
            raise ApiError("BadRequest", "tty and stderr cannot both be true")
        container = self._need_running(request.container_id)
        command = Command((), tty=request.tty, stdin=request.stdin)
        url = self._streaming.url(Ticket(Kind.ATTACH, container.id, command, request.stdout, request.stderr))
        return pb.AttachResponse(url=url)

    async def PortForward(self, request: pb.PortForwardRequest, context: Any) -> pb.PortForwardResponse:
        sandbox = self._need_sandbox(request.pod_sandbox_id)
        if not sandbox.ready:
            raise ApiError("BadRequest", f'sandbox "{sandbox.id}" is not ready')
        port = request.port[0] if request.port else 0
        return pb.PortForwardResponse(url=self._streaming.url(Ticket(Kind.PORT_FORWARD, sandbox.id, port=port)))

    async def GetContainerEvents(
        self, request: pb.GetEventsRequest, context: Any
    ) -> AsyncIterator[pb.ContainerEventResponse]:
        events = self._backend.store.events()
        await context.send_initial_metadata(())
        async for event in events:
            sandbox = self._backend.store.sandboxes.get(event.sandbox_id)
            yield pb.ContainerEventResponse(
                container_id=event.container_id,
                container_event_type=pb.ContainerEventType.Name(event.type),
                created_at=event.created_at,
                pod_sandbox_status=convert.sandbox_status(sandbox) if sandbox is not None else None,
                containers_statuses=map(convert.container_status, self._backend.store.containers_of(event.sandbox_id)),
            )

    # --- statistics

    async def ContainerStats(self, request: pb.ContainerStatsRequest, context: Any) -> pb.ContainerStatsResponse:
        return pb.ContainerStatsResponse(stats=(await self._stats([self._need_container(request.container_id)]))[0])

    async def ListContainerStats(
        self, request: pb.ListContainerStatsRequest, context: Any
    ) -> pb.ListContainerStatsResponse:
        return pb.ListContainerStatsResponse(stats=await self._filtered_stats(request.filter))

    async def StreamContainerStats(
        self, request: pb.StreamContainerStatsRequest, context: Any
    ) -> AsyncIterator[pb.StreamContainerStatsResponse]:
        for page in _pages(await self._filtered_stats(request.filter)):
            yield pb.StreamContainerStatsResponse(container_stats=page)

    async def _filtered_stats(self, wanted: pb.ContainerStatsFilter) -> list[pb.ContainerStats]:
        chosen = self._select(wanted.id, wanted.pod_sandbox_id)
        return await self._stats([one for one in chosen if convert.matches_labels(one.labels, wanted.label_selector)])

    async def _stats(self, containers: list[Container]) -> list[pb.ContainerStats]:
        usages = {usage.container_id: usage for usage in await self._backend.usage(containers)}
        return [convert.container_stats(one, usages.get(one.id)) for one in containers]

    async def PodSandboxStats(self, request: pb.PodSandboxStatsRequest, context: Any) -> pb.PodSandboxStatsResponse:
        sandbox = self._need_sandbox(request.pod_sandbox_id)
        return pb.PodSandboxStatsResponse(stats=(await self._sandbox_stats([sandbox]))[0])

    async def ListPodSandboxStats(
        self, request: pb.ListPodSandboxStatsRequest, context: Any
    ) -> pb.ListPodSandboxStatsResponse:
        return pb.ListPodSandboxStatsResponse(stats=await self._filtered_sandbox_stats(request.filter))

    async def StreamPodSandboxStats(
        self, request: pb.StreamPodSandboxStatsRequest, context: Any
    ) -> AsyncIterator[pb.StreamPodSandboxStatsResponse]:
        for page in _pages(await self._filtered_sandbox_stats(request.filter)):
            yield pb.StreamPodSandboxStatsResponse(pod_sandbox_stats=page)

    async def _filtered_sandbox_stats(self, wanted: pb.PodSandboxStatsFilter) -> list[pb.PodSandboxStats]:
        same = pb.PodSandboxFilter(id=wanted.id, label_selector=wanted.label_selector)
        return await self._sandbox_stats([one for one in self._sandboxes(same) if one.ready])

    async def _sandbox_stats(self, sandboxes: list[Sandbox]) -> list[pb.PodSandboxStats]:
        owned = {one.id: self._store.containers_of(one.id) for one in sandboxes}
        everything = [container for containers in owned.values() for container in containers]
        usages = {usage.container_id: usage for usage in await self._backend.usage(everything)}
        networks = await asyncio.gather(*(self._backend.network_usage(one) for one in sandboxes))
        now = int(self._seams.clock.time() * 1e9)
        return [
            convert.sandbox_stats(one, [(container, usages.get(container.id)) for container in owned[one.id]], net, now)
            for one, net in zip(sandboxes, networks, strict=True)
        ]

    # --- what we do not do

    async def CheckpointContainer(self, request: Any, context: Any) -> Any:
        raise _unimplemented("CheckpointContainer", "containers cannot be frozen to disk and thawed here")

    async def CheckpointPod(self, request: Any, context: Any) -> Any:
        raise _unimplemented("CheckpointPod", "pods cannot be frozen to disk and thawed here")

    async def RestorePod(self, request: Any, context: Any) -> Any:
        raise _unimplemented("RestorePod", "pods cannot be frozen to disk and thawed here")

    async def ListMetricDescriptors(self, request: Any, context: Any) -> Any:
        raise _unimplemented("ListMetricDescriptors", "ask ListPodSandboxStats instead")

    async def ListPodSandboxMetrics(self, request: Any, context: Any) -> Any:
        raise _unimplemented("ListPodSandboxMetrics", "ask ListPodSandboxStats instead")

    def StreamPodSandboxMetrics(self, request: Any, context: Any) -> AsyncIterator[Any]:
        raise _unimplemented("StreamPodSandboxMetrics", "ask StreamPodSandboxStats instead")

    async def UpdatePodSandboxResources(self, request: Any, context: Any) -> Any:
        raise _unimplemented("UpdatePodSandboxResources", "limits are set per container, not per sandbox")

    # --- finding

    def _need_sandbox(self, sandbox_id: str) -> Sandbox:
        sandbox = self._store.sandbox(sandbox_id)
        if sandbox is None:
            raise ApiError("NotFound", f'an error occurred when try to find sandbox: not found: "{sandbox_id}"')
        return sandbox

    def _need_container(self, container_id: str) -> Container:
        container = self._store.container(container_id)
        if container is None:
            raise ApiError("NotFound", f'an error occurred when try to find container "{container_id}": not found')
        return container

    def _need_running(self, container_id: str) -> Container:
        container = self._need_container(container_id)
        if container.state is not State.RUNNING:
            raise ApiError("BadRequest", f'container "{container.id}" is in {_state(container)} state, not running')
        return container


def _state(container: Container) -> str:
    return f"CONTAINER_{container.state.name}"


def _unimplemented(method: str, why: str) -> ApiError:
    return ApiError("MethodNotAllowed", f"{method} is not supported by this runtime: {why}")


def _pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + STREAM_PAGE] for start in range(0, len(items), STREAM_PAGE))


async def _all(actions: Any) -> None:
    """Run all to their end, then raise the first failure."""
    for result in await asyncio.gather(*actions, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
