"""The HTTPS front door over fakes: a pipeline that keeps objects in a dict, and a kubelet that speaks the real gRPC."""

from __future__ import annotations

import asyncio
import builtins
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from apimachinery import merge_patch
from apimachinery.clock import Clock
from apimachinery.errors import ApiError, already_exists, bad_request, not_found
from apimachinery.resources import GVR
from apiserver.handlers.authz import Attributes, refusal
from apiserver.http.app import HttpApp
from apiserver.http.server import serve_https
from apiserver.registry import tables
from apiserver.registry.request import JSON, ListResult, Request, StoredObject, User, WatchEvent, WriteOutcome
from apiserver.registry.resource import Resources
from apiserver.schema.resources import BUILTIN
from apiserver.schema.store import SchemaStore
from cli import pki
from proto import kubelet_pb2, kubelet_pb2_grpc
from wire.errors import abort
from wire.seams import Seams, make_seams
from wire.server import Service, serve
from wire.streams.channels import exit_status
from wire.tls import Identity, TlsFiles

Key = tuple[str, str, str]


def stored(tree: JSON, revision: int) -> StoredObject:
    metadata = tree["metadata"]
    ordered = {"apiVersion": tree["apiVersion"], "kind": tree["kind"], **tree}
    ordered["metadata"] = {**metadata, "resourceVersion": str(revision)}
    key = f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]
    return StoredObject(key, revision, orjson.dumps(ordered))


class FakePipeline:
    """Objects in a dict; every write gives a new revision; whoever is called `nobody` may do nothing."""

    def __init__(self) -> None:
        self.objects: dict[Key, StoredObject] = {}
        self.requests: list[Request] = []
        self.warnings: tuple[str, ...] = ()
        self._revisions = itertools.count(100)
        self._events: list[WatchEvent] = []
        self._changed = asyncio.Event()

    def put(self, resource: str, tree: JSON, kind: str = "ADDED") -> StoredObject:
        obj = stored(tree, next(self._revisions))
        self.objects[resource, obj.namespace, obj.name] = obj
        self._tell(WatchEvent(kind, obj, obj.revision))
        return obj

    def tell_bookmark(self) -> None:
        self._tell(WatchEvent("BOOKMARK", None, next(self._revisions), initial_events_end=True))

    def tell_error(self, error: ApiError) -> None:
        self._tell(WatchEvent("ERROR", None, 0, error=error))

    def _tell(self, event: WatchEvent) -> None:
        self._events.append(event)
        self._changed.set()

    def _take(self, request: Request) -> None:
        self.requests.append(request)
        if request.user.name == "nobody":
            raise refusal(
                Attributes(request.user, request.verb, resource=request.gvr.resource, namespace=request.namespace)
            )

    def _find(self, request: Request) -> StoredObject:
        found = self.objects.get((request.gvr.resource, request.namespace, request.name))
        if found is None:
            raise not_found(request.gvr.group, request.gvr.resource, request.name)
        return found

    async def authorize(self, attrs: Attributes) -> None:
        if attrs.user.name == "nobody":
            raise refusal(attrs)

    async def get(self, request: Request) -> StoredObject:
        self._take(request)
        return self._find(request)

    async def connect(self, request: Request) -> StoredObject:
        return await self.get(request)

    async def list(self, request: Request) -> ListResult:
        self._take(request)
        items = [
            obj
            for (resource, namespace, _), obj in self.objects.items()
            if resource == request.gvr.resource and request.namespace in ("", namespace)
        ]
        limit = request.query.limit
        if limit and len(items) > limit:
            return ListResult(items[:limit], 500, "token", len(items) - limit)
        return ListResult(items, 500)

    async def watch(self, request: Request) -> AsyncIterator[builtins.list[WatchEvent]]:
        self._take(request)
        if request.query.resource_version == "bad":
            raise bad_request("a bad version")
        at = 0
        while True:
            batch, at = self._events[at:], len(self._events)
            if batch:
                yield batch
            if any(event.type == "ERROR" for event in batch):
                return
            self._changed.clear()
            await self._changed.wait()

    async def create(self, request: Request) -> WriteOutcome:
        self._take(request)
        if request.subresource:
            return WriteOutcome({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, 201)
        name = request.body["metadata"].get("name", "made-up")
        if (request.gvr.resource, request.namespace, name) in self.objects:
            raise already_exists(request.gvr.group, request.gvr.resource, name)
        return WriteOutcome(self.put(request.gvr.resource, request.body), 201, self.warnings)

    async def update(self, request: Request) -> WriteOutcome:
        self._take(request)
        self._find(request)
        return WriteOutcome(self.put(request.gvr.resource, request.body, "MODIFIED"), 200, self.warnings)

    async def patch(self, request: Request) -> WriteOutcome:
        self._take(request)
        patched = merge_patch.apply(self._find(request).copy(), request.body)
        return WriteOutcome(self.put(request.gvr.resource, patched, "MODIFIED"), 200)

    async def delete(self, request: Request) -> WriteOutcome:
        self._take(request)
        gone = self._find(request)
        del self.objects[request.gvr.resource, request.namespace, request.name]
        self._tell(WatchEvent("DELETED", gone, next(self._revisions)))
        details = {"name": gone.name, "kind": request.gvr.resource, "uid": gone.tree["metadata"].get("uid", "")}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return WriteOutcome(status)

    async def delete_collection(self, request: Request) -> ListResult:
        self._take(request)
        return ListResult([], 500)


class FakeAuthenticator:
    """A certificate's name, or the bearer token as a name; `wrong` is refused."""

    async def authenticate(self, certificate: Identity | None, headers: Mapping[str, str]) -> User:
        if certificate is not None:
            return User(certificate.user, (*certificate.groups, "system:authenticated"))
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token == "wrong":
            raise ApiError("Unauthorized", "Unauthorized")
        return User(token or "system:anonymous", ("system:authenticated",))


class FakeReader:
    def __init__(self, pipeline: FakePipeline) -> None:
        self._pipeline = pipeline

    def get(self, gvr: GVR, namespace: str, name: str) -> JSON | None:
        found = self._pipeline.objects.get((gvr.resource, namespace, name))
        return found.tree if found else None

    def list(self, gvr: GVR, namespace: str = "") -> builtins.list[JSON]:
        return [obj.tree for (resource, _, _), obj in self._pipeline.objects.items() if resource == gvr.resource]


class FakeKubelet(kubelet_pb2_grpc.KubeletServicer):
    """Logs count lines; exec runs `cat`, `exit CODE`, `size`, `flood`; port-forward shouts back, port 9 refuses."""

    def __init__(self) -> None:
        self.logs: list[Any] = []
        self.starts: list[Any] = []

    async def Logs(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.logs.append(request)
        if request.previous:
            raise bad_request(
                f'previous terminated container "{request.container}" in pod "{request.pod.name}" not found'
            )
        for number in range(3):
            yield kubelet_pb2.LogChunk(data=b"line %d\n" % number)
        if request.follow:
            await asyncio.Event().wait()

    async def Exec(self, frames: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        start = (await anext(frames)).start
        self.starts.append(start)
        if list(start.command) != ["nope"]:
            await context.send_initial_metadata(())
        match list(start.command):
            case ["cat"]:
                async for frame in frames:
                    if frame.close:
                        break
                    if frame.channel == 0 and frame.data:
                        yield kubelet_pb2.StreamFrame(channel=1, data=frame.data)
                yield kubelet_pb2.StreamFrame(channel=3, data=exit_status(0))
            case ["exit", code]:
                yield kubelet_pb2.StreamFrame(channel=1, data=b"out\n")
                yield kubelet_pb2.StreamFrame(channel=2, data=b"err\n")
                yield kubelet_pb2.StreamFrame(channel=3, data=exit_status(int(code)))
            case ["size"]:
                async for frame in frames:
                    if frame.channel == 4:
                        yield kubelet_pb2.StreamFrame(channel=1, data=frame.data)
                        break
                yield kubelet_pb2.StreamFrame(channel=3, data=exit_status(0))
            case ["flood", count]:
                for _ in range(int(count)):
                    yield kubelet_pb2.StreamFrame(channel=1, data=b"x" * 30_000)
                yield kubelet_pb2.StreamFrame(channel=3, data=exit_status(0))
            case _:
                await abort(context, bad_request("no such command"))

    async def Attach(self, frames: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        self.starts.append((await anext(frames)).start)
        await context.send_initial_metadata(())
        yield kubelet_pb2.StreamFrame(channel=1, data=b"attached\n")
        yield kubelet_pb2.StreamFrame(channel=3, data=exit_status(0))

    async def PortForward(self, frames: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        start = (await anext(frames)).start
        self.starts.append(start)
        if start.port == 9:
            yield kubelet_pb2.StreamFrame(channel=3, data=b"nothing listens on port 9")
            return
        async for frame in frames:
            if frame.close:
                break
            yield kubelet_pb2.StreamFrame(channel=0, data=frame.data.upper())
        yield kubelet_pb2.StreamFrame(channel=0, close=True)

    async def Stats(self, request: Any, context: Any) -> Any:
        return kubelet_pb2.StatsResponse()

    def service(self) -> Service:
        return Service(
            "orrery.kubelet.v1.Kubelet", lambda server: kubelet_pb2_grpc.add_KubeletServicer_to_server(self, server)
        )


@dataclass(frozen=True)
class FrontConfig:
    pki_dir: Path
    secure_address: str = "127.0.0.1:6443"


@dataclass
class Front:
    port: int
    pipeline: FakePipeline
    kubelet: FakeKubelet
    app: HttpApp
    certificates: Path
    seams: Seams

    def pod(self, name: str = "web", containers: tuple[str, ...] = ("main",), **metadata: Any) -> None:
        """A running pod on the fake kubelet's node."""
        self.pipeline.put("pods", make_pod(name, containers, **metadata))


def make_pod(name: str, containers: tuple[str, ...] = ("main",), **metadata: Any) -> JSON:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **metadata},
        "spec": {"nodeName": "n1", "containers": [{"name": one, "image": "x"} for one in containers]},
        "status": {"phase": "Running"},
    }


def make_certificates(factory: pytest.TempPathFactory) -> Path:
    directory = factory.mktemp("pki")
    pki.ensure(directory, pki.control_plane_subjects([]))
    return directory


@asynccontextmanager
async def front_door(certificates: Path, cache: Path, *, tls: bool = True) -> AsyncIterator[Front]:
    """Everything of the HTTPS front door on a free port, with a kubelet for the node `n1`."""
    seams = make_seams("apiserver", Clock())
    pipeline, kubelet = FakePipeline(), FakeKubelet()
    files = TlsFiles.in_directory(certificates, "apiserver")
    schemas = SchemaStore(cache)
    async with serve("127.0.0.1:0", make_seams("kubelet"), files, [kubelet.service()]) as kubelet_port:
        annotations = {"orrery.dev/kubelet-address": f"127.0.0.1:{kubelet_port}"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "annotations": annotations}}
        pipeline.put("nodes", node)
        pipeline._events.clear()
        app = HttpApp(
            pipeline=pipeline,  # type: ignore[arg-type]
            authenticator=FakeAuthenticator(),
            resources=Resources(BUILTIN, {}, schemas),
            schema=schemas,
            tables=tables,
            reader=FakeReader(pipeline),
            seams=seams,
            config=FrontConfig(certificates),
        )
        async with serve_https("127.0.0.1:0", app, files if tls else None) as port:
            yield Front(port, pipeline, kubelet, app, certificates, seams)
        await app.close()
