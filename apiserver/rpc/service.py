"""Service `Api`: the pipeline over gRPC. Answers are bytes already when gRPC gets them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from apimachinery.errors import ApiError, internal, unauthorized
from apimachinery.resources import GVK
from apiserver.handlers.authn import of_certificate
from apiserver.handlers.pipeline import Pipeline
from apiserver.limits import LIST_PAGE_BYTES, WRITES_IN_FLIGHT
from apiserver.registry.request import Request, StoredObject, User, WriteOutcome
from apiserver.rpc.encode import encode_batch, encode_failure, encode_object, encode_page, encode_result
from apiserver.rpc.requests import get_request, list_request, watch_request, write_request
from proto import api_pb2
from wire.call_gate import pass_request_gate
from wire.doubling import carry_out
from wire.seams import Seams
from wire.server import Service
from wire.tls import peer_identity
from wire.traffic import tell_call

log = logging.getLogger(__name__)

NAME = api_pb2.DESCRIPTOR.services_by_name["Api"].full_name
_WRITE_MANY_EDGE = f"serve:/{NAME}/WriteMany"
Context = grpc.aio.ServicerContext[Any, Any]


class ApiService:
    """Methods mirror `proto/api.proto`."""

    def __init__(self, pipeline: Pipeline, seams: Seams) -> None:
        self._pipeline = pipeline
        self._seams = seams

    async def get(self, message: api_pb2.GetRequest, context: Context) -> bytes:
        request = get_request(message, _user(context))
        return encode_object(await self._pipeline.get(request), self._kind(request))

    async def list(self, message: api_pb2.ListRequest, context: Context) -> AsyncIterator[bytes]:
        request = list_request(message, _user(context))
        result = await self._pipeline.list(request)
        kind = self._kind(request)
        page: list[bytes] = []
        size = 0
        for obj in result.items:
            page.append(encode_object(obj, kind))
            size += len(page[-1])
            if size >= LIST_PAGE_BYTES:
                yield encode_page(result.revision, page)
                page, size = [], 0
        if page or not result.items:
            yield encode_page(result.revision, page)

    async def watch(self, message: api_pb2.WatchRequest, context: Context) -> AsyncIterator[bytes]:
        request = watch_request(message, _user(context))
        kind = self._kind(request)
        async for batch in self._pipeline.watch(request):
            yield encode_batch(batch, kind)

    async def write(self, message: api_pb2.WriteRequest, context: Context) -> bytes:
        return await self._write(message, _user(context))

    async def write_many(self, messages: AsyncIterator[api_pb2.WriteRequest], context: Context) -> None:
        """Writes run side by side, a bounded number at once; each answers when it is through."""
        user = _user(context)
        results: asyncio.Queue[bytes] = asyncio.Queue(WRITES_IN_FLIGHT)
        slots = asyncio.Semaphore(WRITES_IN_FLIGHT)

        async def one(message: api_pb2.WriteRequest) -> None:
            try:
                await results.put(await self._answer(message, user))
            finally:
                slots.release()

        async def send() -> None:
            while True:
                await context.write(await results.get())
                results.task_done()

        running: set[asyncio.Task[None]] = set()

        async def read() -> None:
            async for message in messages:
                await slots.acquire()
                task = group.create_task(one(message))
                running.add(task)
                task.add_done_callback(running.discard)

        async with asyncio.TaskGroup() as group:
            sender = group.create_task(send())
            reader = group.create_task(read())
            with self._seams.streams.entered(reader):  # a server that stops answers what it has taken
                await asyncio.wait([reader])
            if running:
                await asyncio.wait(running)
            await results.join()
            sender.cancel()

    async def _answer(self, message: api_pb2.WriteRequest, user: User) -> bytes:
        """The result, failures included: one refused write must not end the stream."""
        try:
            write = self._told if self._seams.capture.active else self._write
            if self._seams.gates.passes_freely(_WRITE_MANY_EDGE):
                return await write(message, user)
            verdict = await pass_request_gate(self._seams, _WRITE_MANY_EDGE, message)
            return await carry_out(verdict, lambda: write(message, user))
        except ApiError as error:
            return encode_failure(message.id, error)
        except Exception as error:
            log.exception("a write of %s failed", user.name)
            return encode_failure(message.id, internal(repr(error)))

    async def _told(self, message: api_pb2.WriteRequest, user: User) -> bytes:
        """The same, told to those who listen to the traffic."""
        began = time.perf_counter()
        problem: BaseException | None = None
        try:
            return await self._write(message, user)
        except BaseException as error:
            problem = error
            raise
        finally:
            tell_call(
                self._seams, f"/{NAME}/WriteMany", message, began=began, caller=user.name, error=problem, served=True
            )

    async def _write(self, message: api_pb2.WriteRequest, user: User) -> bytes:
        request = write_request(message, user)
        outcome: WriteOutcome = await getattr(self._pipeline, request.verb)(request)
        obj = outcome.deleted or outcome.object
        if isinstance(obj, StoredObject):
            return encode_result(message.id, encode_object(obj, self._kind(request)))
        return encode_result(message.id, _loose_object(outcome))

    def _kind(self, request: Request) -> GVK:
        return self._pipeline.resources.find(request.gvr).gvk


def _loose_object(outcome: WriteOutcome) -> bytes:
    """An answer that is not stored: a review, a Status, a dry run."""
    tree = outcome.tree
    group, _, version = str(tree.get("apiVersion", "")).rpartition("/")
    metadata = tree.get("metadata") or {}
    packed: bytes = api_pb2.Object(
        group=group,
        version=version,
        kind=tree.get("kind", ""),
        namespace=metadata.get("namespace", ""),
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
        raw=outcome.raw,
    ).SerializeToString()
    return packed


def _user(context: Context) -> User:
    identity = peer_identity(context)
    if identity is None or not identity.user:
        raise unauthorized("a client certificate is required")
    return of_certificate(identity)


def api_service(pipeline: Pipeline, seams: Seams) -> Service:
    """The service, with serializers that pass bytes through."""
    api = ApiService(pipeline, seams)
    unary = grpc.unary_unary_rpc_method_handler
    stream = grpc.unary_stream_rpc_method_handler
    methods: dict[str, Any] = {
        "Get": unary(api.get, api_pb2.GetRequest.FromString, None),
        "List": stream(api.list, api_pb2.ListRequest.FromString, None),
        "Watch": stream(api.watch, api_pb2.WatchRequest.FromString, None),
        "Write": unary(api.write, api_pb2.WriteRequest.FromString, None),
        "WriteMany": grpc.stream_stream_rpc_method_handler(api.write_many, api_pb2.WriteRequest.FromString, None),
    }
    handler = grpc.method_handlers_generic_handler(NAME, methods)
    return Service(NAME, lambda server: server.add_generic_rpc_handlers((handler,)))
