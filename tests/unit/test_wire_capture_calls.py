"""Calls, streams and writes as a listener sees them, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from apimachinery.errors import ApiError, not_found
from client.pipeline import WritePipeline
from proto import api_pb2, api_pb2_grpc, debug_pb2_grpc
from proto.debug_pb2 import WireMessage, WireRequest
from wire.channel import connect
from wire.seams import Seams, make_seams
from wire.server import Service, serve

PODS = api_pb2.Resource(version="v1", resource="pods")


class _Api(api_pb2_grpc.ApiServicer):
    async def Get(self, request: api_pb2.GetRequest, context: object) -> api_pb2.Object:
        if request.name == "none":
            raise not_found("", "pods", request.name)
        return api_pb2.Object(kind="Pod", namespace="default", name=request.name, resource_version=7, raw=b'{"a":1}')

    async def Watch(self, request: api_pb2.WatchRequest, context: object) -> AsyncIterator[api_pb2.WatchBatch]:
        events = [
            api_pb2.WatchEvent(type=api_pb2.WatchEvent.MODIFIED, object=api_pb2.Object(name=name, raw=b"{}"))
            for name in ("one", "two")
        ]
        yield api_pb2.WatchBatch(events=events)

    async def List(self, request: api_pb2.ListRequest, context: object) -> AsyncIterator[api_pb2.ListPage]:
        yield api_pb2.ListPage()

    async def Write(self, request: api_pb2.WriteRequest, context: object) -> api_pb2.WriteResult:
        return api_pb2.WriteResult(id=request.id)

    async def WriteMany(
        self, requests: AsyncIterator[api_pb2.WriteRequest], context: object
    ) -> AsyncIterator[api_pb2.WriteResult]:
        async for request in requests:
            if request.name == "refused":
                yield api_pb2.WriteResult(id=request.id, status=api_pb2.Status(code=409, reason="Conflict"))
            else:
                yield api_pb2.WriteResult(id=request.id, object=api_pb2.Object(name="web", resource_version=9))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Seams, Seams, grpc.aio.Channel]]:
    """Seams of caller and callee, and a channel between them."""
    caller, callee, address = make_seams("caller"), make_seams("callee"), f"unix:{folder / 'api.sock'}"
    service = Service("orrery.api.v1.Api", lambda server: api_pb2_grpc.add_ApiServicer_to_server(_Api(), server))
    async with serve(address, callee, None, [service]), connect(address, caller, None) as channel:
        yield caller, callee, channel


async def test_a_call_is_told_with_its_end(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, _, channel):
        stub = api_pb2_grpc.ApiStub(channel)
        with caller.capture.listen(WireRequest(bodies=True)) as listener:
            answer = await stub.Get(api_pb2.GetRequest(resource=PODS, namespace="default", name="web"))
            told = await anext(listener.messages())
    assert answer.name == "web"
    assert (told.caller, told.method, told.kind, told.name) == ("caller", "/orrery.api.v1.Api/Get", "pods", "web")
    assert told.callee.endswith("api.sock")
    assert (told.status, told.failed, told.revision, told.response) == ("OK", False, 7, b'{"a":1}')
    assert told.seconds > 0
    assert told.request_bytes > 0


async def test_a_refusal_is_told_and_still_raised(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, callee, channel):
        stub = api_pb2_grpc.ApiStub(channel)
        with caller.capture.listen(WireRequest()) as one, callee.capture.listen(WireRequest(served=True)) as other:
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Get(api_pb2.GetRequest(resource=PODS, name="none"))
            asked, served = await anext(one.messages()), await anext(other.messages())
    assert (asked.status, asked.failed) == ("NotFound", True)
    assert (served.status, served.served, served.caller) == ("NotFound", True, "(unix socket)")


async def test_each_event_of_a_batch_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, _, channel):
        stub = api_pb2_grpc.ApiStub(channel)
        with caller.capture.listen(WireRequest()) as listener:
            batches = [one async for one in stub.Watch(api_pb2.WatchRequest(resource=PODS))]
            stream = listener.messages()
            told = [await anext(stream) for _ in range(2)]
    assert len(batches) == 1
    assert [(one.detail, one.kind, one.name, one.streamed) for one in told] == [
        ("MODIFIED", "pods", "one", True),
        ("MODIFIED", "pods", "two", True),
    ]


async def test_writes_of_the_shared_stream_are_told(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, _, channel):
        pipeline = WritePipeline(lambda: api_pb2_grpc.ApiStub(channel).WriteMany(), caller)
        with caller.capture.listen(WireRequest(bodies=True)) as listener:
            for name in ("web", "refused"):
                write = api_pb2.WriteRequest(verb=api_pb2.WriteRequest.PATCH, resource=PODS, name=name, body=b'{"x":1}')
                await pipeline.write(write)
            stream = listener.messages()
            told = [await anext(stream) for _ in range(2)]
        await pipeline.aclose()
    assert [(one.detail, one.name, one.status, one.request) for one in told] == [
        ("PATCH", "web", "OK", b'{"x":1}'),
        ("PATCH", "refused", "Conflict", b'{"x":1}'),
    ]


async def test_the_debug_service_sends_it_and_does_not_tell_of_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, callee, channel):
        call = debug_pb2_grpc.DebugStub(channel).Wire(WireRequest(served=True))
        reading = asyncio.ensure_future(call.read())
        while not callee.capture.active:
            await asyncio.sleep(0)
        await api_pb2_grpc.ApiStub(channel).Get(api_pb2.GetRequest(resource=PODS, name="web"))
        told = await reading
        assert isinstance(told, WireMessage)
        assert told.method == "/orrery.api.v1.Api/Get"
        call.cancel()
        while callee.capture.active:  # who leaves is forgotten
            await asyncio.sleep(0)


async def test_what_a_gate_dropped_is_not_told(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, _, channel):
        from wire.rules import Action, Rule

        with caller.capture.listen(WireRequest()) as listener:
            pipeline = WritePipeline(lambda: api_pb2_grpc.ApiStub(channel).WriteMany(), caller)
            caller.gates.add(Rule("rpc:*", Action.DROP))
            with pytest.raises(ApiError):
                await pipeline.write(api_pb2.WriteRequest(resource=PODS))
            with pytest.raises(TimeoutError):  # it never went out, so there is nothing to tell
                async with asyncio.timeout(0):
                    await anext(listener.messages())
        await pipeline.aclose()
