"""Subresources that are streams to a pod: log, exec, attach, port-forward. Who asks for them and of which container.

The protocols behind them are imported when first asked for: an apiserver is up sooner without them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from apimachinery.errors import ApiError, bad_request
from apiserver.handlers.pipeline import Pipeline
from apiserver.http.message import SPDY, WEBSOCKET, Answer, HttpRequest
from apiserver.registry.request import Request
from apiserver.registry.strategy import Reader
from wire import trace
from wire.rules import Subject
from wire.seams import Seams

if TYPE_CHECKING:
    from apiserver.http.kubelets import Kubelets
    from proto import kubelet_pb2, kubelet_pb2_grpc

JSON = dict[str, Any]

_PROXY: Final = "proxy"
_KUBELET: Final = "/orrery.kubelet.v1.Kubelet"


class KubeletConnector:
    """One method per subresource; each authorizes through the pipeline before anything else."""

    def __init__(self, pipeline: Pipeline, reader: Reader, seams: Seams, pki_dir: Path) -> None:
        self._pipeline = pipeline
        self._reader = reader
        self._seams = seams
        self._pki_dir = pki_dir
        self._kubelets: Kubelets | None = None
        self._handlers: dict[tuple[str, str], Callable[[HttpRequest, JSON], Awaitable[Answer]]] = {
            ("pods", "log"): self._log,
            ("pods", "exec"): self._exec,
            ("pods", "attach"): self._attach,
            ("pods", "portforward"): self._port_forward,
        }

    def handles(self, resource: str, subresource: str) -> bool:
        return subresource == _PROXY or (resource, subresource) in self._handlers

    async def connect(self, request: HttpRequest, call: Request) -> Answer:
        """Raises ApiError."""
        target = await self._pipeline.connect(call)
        handler = self._handlers.get((call.gvr.resource, call.subresource))
        if handler is None:
            raise ApiError("NotImplemented", f"{call.gvr.resource}/proxy is not supported by this server", code=501)
        return await handler(request, target.tree)

    async def close(self) -> None:
        if self._kubelets is not None:
            await self._kubelets.close()

    async def _stub(self, pod: JSON) -> kubelet_pb2_grpc.KubeletStub:
        if self._kubelets is None:
            from apiserver.http.kubelets import Kubelets

            self._kubelets = Kubelets(self._reader, self._seams, self._pki_dir)
        return await self._kubelets.stub(node_of(pod))

    async def _log(self, request: HttpRequest, pod: JSON) -> Answer:
        from apiserver.http.logs import serve_logs

        container = choose_container(pod, request.param("container"))
        stub = await self._stub(pod)
        return await serve_logs(request, stub, pod_ref(pod), container)

    async def _exec(self, request: HttpRequest, pod: JSON) -> Answer:
        if not request.query.get("command"):
            raise bad_request("you must specify at least one command for the container")
        return await self._remote_command(request, pod, request.query["command"])

    async def _attach(self, request: HttpRequest, pod: JSON) -> Answer:
        return await self._remote_command(request, pod, [])

    async def _remote_command(self, request: HttpRequest, pod: JSON, command: list[str]) -> Answer:
        from apiserver.http.remote_command import serve_remote_command
        from proto import kubelet_pb2

        tty = request.flag("tty")
        start = kubelet_pb2.StreamStart(
            pod=pod_ref(pod),
            container=choose_container(pod, request.param("container")),
            command=command,
            stdin=request.flag("stdin"),
            stdout=request.flag("stdout"),
            stderr=request.flag("stderr") and not tty,
            tty=tty,
        )
        if not (start.stdin or start.stdout or start.stderr):
            raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
        upgrade_required(request)
        stub = await self._stub(pod)
        method: Any = stub.Exec if command else stub.Attach

        def call() -> Any:
            return self._tapped(method, "Exec" if command else "Attach", pod)

        return await serve_remote_command(request, call, start)

    async def _port_forward(self, request: HttpRequest, pod: JSON) -> Answer:
        from apiserver.http.port_forward import serve_port_forward

        upgrade_required(request)
        stub = await self._stub(pod)

        def call() -> Any:
            return self._tapped(stub.PortForward, "PortForward", pod)

        return await serve_port_forward(request, call, pod_ref(pod))

    def _tapped(self, method: Any, name: str, pod: JSON) -> Any:
        """A stream to the pod's kubelet, in the trace of whoever asks for it."""
        from wire.tapped import TappedCall

        call = method(metadata=((trace.HEADER, trace.sending()),))
        metadata = pod["metadata"]
        subject = Subject("Pod", metadata["namespace"], metadata["name"])
        return TappedCall(call, self._seams, f"{_KUBELET}/{name}", f"kubelet-{node_of(pod)}", subject)


def upgrade_required(request: HttpRequest) -> None:
    """Raises ApiError 400 unless the client asks for a protocol that carries streams."""
    if request.upgrade not in (WEBSOCKET, SPDY):
        raise bad_request("Upgrade request required")


def pod_ref(pod: JSON) -> kubelet_pb2.PodRef:
    from proto import kubelet_pb2

    metadata = pod["metadata"]
    return kubelet_pb2.PodRef(namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"])


def node_of(pod: JSON) -> str:
    """Raises ApiError 400 for a pod that has not been scheduled."""
    node = (pod.get("spec") or {}).get("nodeName")
    if not node:
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    return str(node)


def choose_container(pod: JSON, asked: str) -> str:
    """The container asked for, or the only one. Raises ApiError 400, worded as clients show it."""
    spec, pod_name = pod.get("spec") or {}, pod["metadata"]["name"]
    plain, initial, ephemeral = (
        [one["name"] for one in spec.get(field) or ()]
        for field in ("containers", "initContainers", "ephemeralContainers")
    )
    if asked:
        if asked not in (*plain, *initial, *ephemeral):
            raise bad_request(f"container {asked} is not valid for pod {pod_name}")
        return asked
    if len(plain) == 1:
        return str(plain[0])
    message = f"a container name must be specified for pod {pod_name}, choose one of: [{' '.join(plain)}]"
    if initial:
        message += f" or one of the init containers: [{' '.join(initial)}]"
    raise bad_request(message)
