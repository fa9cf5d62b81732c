"""The gRPC `Kubelet` service: what the apiserver asks of a node. Only the apiserver may ask."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from api.pod import ContainerStatus, Pod
from apimachinery.errors import ApiError
from apimachinery.timestamps import parse_time
from kubelet.context import Context
from kubelet.logs import LogOptions, read_log
from kubelet.pod_state import Instance
from kubelet.pods import find_container
from kubelet.runtime import CONTAINER_NAME, POD_NAME, POD_NAMESPACE, POD_UID
from kubelet.streams import CHANNEL_ERROR, bridge
from kubelet.sync import SyncLoop
from proto import cri_pb2 as cri
from proto import kubelet_pb2 as pb
from proto import kubelet_pb2_grpc
from wire.errors import abort
from wire.streams.channels import V5
from wire.tls import peer_identity

log = logging.getLogger(__name__)

APISERVER = "kube-apiserver"
MASTERS = "system:masters"
PORT_FORWARD_ERROR = 1


class KubeletService(kubelet_pb2_grpc.KubeletServicer):
    """Methods mirror `proto/kubelet.proto`."""

    def __init__(self, context: Context, loop: SyncLoop) -> None:
        self._context = context
        self._loop = loop

    # --- logs

    async def Logs(self, request: pb.LogsRequest, context: Any) -> AsyncIterator[pb.LogChunk]:
        _authorize(context)
        pod = self._pod(request.pod)
        name = _container_name(pod, request.container)
        run = self._logged_run(pod, name, previous=request.previous)
        options = LogOptions(
            follow=request.follow and not request.previous,
            timestamps=request.timestamps,
            since=self._since(request),
            tail_lines=request.tail_lines if request.HasField("tail_lines") else None,
            limit_bytes=request.limit_bytes if request.HasField("limit_bytes") else None,
        )
        try:
            async for chunk in read_log(Path(run.log_path), options, lambda: not self._runs(pod.uid, run.id)):
                yield pb.LogChunk(data=chunk)
        except OSError as error:
            message = f"unable to retrieve container logs for {self._context.facts.name}://{run.id}: {error.strerror}"
            raise ApiError("InternalError", message) from None

    def _runs(self, uid: str, container_id: str) -> bool:
        return any(run.id == container_id for run in self._context.cache.get(uid).running)

    def _since(self, request: pb.LogsRequest) -> float | None:
        if request.HasField("since_seconds"):
            return self._context.clock.time() - request.since_seconds
        return parse_time(request.since_time) if request.since_time else None

    def _logged_run(self, pod: Pod, name: str, *, previous: bool) -> Instance:
        """The run whose log is meant. Raises ApiError in upstream's words if there is none."""
        runs = [run for run in self._context.cache.get(pod.uid).of(name) if run.state != "created"]
        if previous:
            ended = [run for run in runs if run.state == "exited"]
            if not ended:
                message = f'previous terminated container "{name}" in pod "{pod.name}" not found'
                raise ApiError("BadRequest", message)
            return ended[0]
        if runs:
            return runs[0]
        reason = _waiting_reason(pod, name)
        raise ApiError("BadRequest", f'container "{name}" in pod "{pod.name}" is waiting to start: {reason}')

    # --- streams

    async def Exec(
        self, request_iterator: AsyncIterator[pb.StreamFrame], context: Any
    ) -> AsyncIterator[pb.StreamFrame]:
        async for frame in self._stream(request_iterator, context, self._exec_url):
            yield frame

    async def Attach(
        self, request_iterator: AsyncIterator[pb.StreamFrame], context: Any
    ) -> AsyncIterator[pb.StreamFrame]:
        async for frame in self._stream(request_iterator, context, self._attach_url):
            yield frame

    async def PortForward(
        self, request_iterator: AsyncIterator[pb.StreamFrame], context: Any
    ) -> AsyncIterator[pb.StreamFrame]:
        async for frame in self._stream(request_iterator, context, self._port_forward_url):
            # The runtime's error channel is 1 here; ours is always 3.
            if frame.channel == PORT_FORWARD_ERROR:
                yield pb.StreamFrame(channel=CHANNEL_ERROR, data=frame.data, close=frame.close)
            else:
                yield frame

    async def _stream(
        self, frames: AsyncIterator[pb.StreamFrame], context: Any, url: Callable[[pb.StreamStart], Awaitable[str]]
    ) -> AsyncIterator[pb.StreamFrame]:
        """The first frame says what is wanted; the rest is carried. Errors before that end the call."""
        try:
            _authorize(context)
            first = await anext(aiter(frames), None)
            if first is None or not first.HasField("start"):
                raise ApiError("BadRequest", "the first frame of a stream must be its start")
            target = await url(first.start)
            async for frame in bridge(target, (V5,), frames, context):
                yield frame
        except ApiError as error:
            await abort(context, error)

    async def _exec_url(self, start: pb.StreamStart) -> str:
        run = self._running(start)
        stderr = start.stderr and not start.tty
        request = cri.ExecRequest(
            container_id=run.id,
            cmd=start.command,
            tty=start.tty,
            stdin=start.stdin,
            stdout=start.stdout,
            stderr=stderr,
        )
        return await self._context.runtime.exec_url(request)

    async def _attach_url(self, start: pb.StreamStart) -> str:
        run = self._running(start)
        found = find_container(self._pod(start.pod), run.name)
        tty = found is not None and found[1].tty
        request = cri.AttachRequest(
            container_id=run.id, tty=tty, stdin=start.stdin, stdout=start.stdout, stderr=start.stderr and not tty
        )
        return await self._context.runtime.attach_url(request)

    async def _port_forward_url(self, start: pb.StreamStart) -> str:
        pod = self._pod(start.pod)
        sandbox = self._context.cache.get(pod.uid).sandbox
        if sandbox is None or not sandbox.ready:
            raise ApiError("InternalError", f'unable to find pod sandbox of pod "{pod.name}_{pod.namespace}"')
        return await self._context.runtime.port_forward_url(sandbox.id, start.port)

    def _running(self, start: pb.StreamStart) -> Instance:
        pod = self._pod(start.pod)
        name = _container_name(pod, start.container)
        run = self._context.cache.get(pod.uid).latest(name)
        if run is None or run.state != "running":
            raise ApiError("InternalError", f'unable to upgrade connection: container not found ("{name}")')
        return run

    # --- statistics

    async def Stats(self, request: pb.StatsRequest, context: Any) -> pb.StatsResponse:
        _authorize(context)
        return pb.StatsResponse(containers=[_stats(one) for one in await self._context.runtime.container_stats()])

    def _pod(self, ref: pb.PodRef) -> Pod:
        pod = self._loop.find(ref.namespace, ref.name)
        if pod is None or (ref.uid and pod.uid != ref.uid):
            raise ApiError("NotFound", f'pod "{ref.name}" not found')
        return pod


def _authorize(context: Any) -> None:
    """Raises ApiError for everybody but the apiserver and administrators."""
    who = peer_identity(context)
    if who is None or (who.user != APISERVER and MASTERS not in who.groups):
        name = who.user if who else "system:anonymous"
        raise ApiError("Forbidden", f'user "{name}" may not use the kubelet API')


def _container_name(pod: Pod, asked: str) -> str:
    """The one asked for, or the pod's first. Raises ApiError if the pod has none of that name."""
    name = asked or pod.spec.containers[0].name
    if find_container(pod, name) is None:
        raise ApiError("BadRequest", f"container {name} is not valid for pod {pod.name}")
    return name


def _waiting_reason(pod: Pod, name: str) -> str:
    statuses: tuple[ContainerStatus, ...] = (
        *pod.status.container_statuses,
        *pod.status.init_container_statuses,
        *pod.status.ephemeral_container_statuses,
    )
    found = next((one.state.waiting for one in statuses if one.name == name), None)
    return found.reason if found is not None and found.reason else "ContainerCreating"


def _stats(one: cri.ContainerStats) -> pb.ContainerStats:
    labels = one.attributes.labels
    return pb.ContainerStats(
        pod=pb.PodRef(
            namespace=labels.get(POD_NAMESPACE, ""), name=labels.get(POD_NAME, ""), uid=labels.get(POD_UID, "")
        ),
        container=labels.get(CONTAINER_NAME, one.attributes.metadata.name),
        cpu_usage_core_nano_seconds=one.cpu.usage_core_nano_seconds.value,
        memory_working_set_bytes=one.memory.working_set_bytes.value,
    )
