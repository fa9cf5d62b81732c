"""Calls between two processes' seams over a real socket: counted once, in one trace, held, cut and refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import grpc
import pytest

from apimachinery.errors import ApiError
from proto import api_pb2, api_pb2_grpc
from proto.debug_pb2 import WireRequest
from wire import trace
from wire.channel import connect
from wire.rules import Action, Rule
from wire.seams import Seams, make_seams
from wire.server import Service, serve

GET = "/orrery.api.v1.Api/Get"
WATCH = "/orrery.api.v1.Api/Watch"


class _Api(api_pb2_grpc.ApiServicer):
    """Answers with the trace context that it was called in."""

    async def Get(self, request: api_pb2.GetRequest, context: object) -> api_pb2.Object:
        return api_pb2.Object(name=request.name, traceparent=trace.current())

    async def Watch(self, request: api_pb2.WatchRequest, context: object) -> AsyncIterator[api_pb2.WatchBatch]:
        event = api_pb2.WatchEvent(object=api_pb2.Object(traceparent=trace.current()))
        yield api_pb2.WatchBatch(events=[event])
        await asyncio.Event().wait()


def _add(server: grpc.aio.Server) -> None:
    api_pb2_grpc.add_ApiServicer_to_server(_Api(), server)  # type: ignore[abstract] # nobody calls what it has not


SERVICE = Service("orrery.api.v1.Api", _add)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Seams, Seams, Any]]:
    """Seams of caller and callee, and a stub between them."""
    caller, callee, address = make_seams("caller"), make_seams("callee"), f"unix:{folder / 'api.sock'}"
    async with serve(address, callee, None, [SERVICE]), connect(address, caller, None) as channel:
        yield caller, callee, api_pb2_grpc.ApiStub(channel)


async def test_a_call_is_one_trace_through_both(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, callee, stub):
        with caller.tracer.span("work") as work:
            answer = await stub.Get(api_pb2.GetRequest(name="web"), metadata=(("orrery-client", "x"),))
        alone = await stub.Get(api_pb2.GetRequest(name="web"))
    served, other = callee.tracer.spans()
    assert (served.name, served.trace_id, served.parent_id) == (GET, work.trace_id, work.span_id)
    assert answer.traceparent == served.traceparent
    assert alone.traceparent == other.traceparent
    assert (other.trace_id != work.trace_id, other.parent_id) == (True, "")


async def test_a_stream_is_answered_in_its_callers_context(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, _, stub):
        with caller.tracer.span("work") as work:
            call = stub.Watch(api_pb2.WatchRequest())
        batch = await call.read()
        call.cancel()
    assert batch.events[0].object.traceparent == work.traceparent


async def test_a_server_that_stops_ends_its_streams(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        callee, address = make_seams("callee"), f"unix:{tmp_path / 'api.sock'}"
        async with serve(address, callee, None, [SERVICE]):
            channel = await stack.enter_async_context(connect(address, make_seams("caller"), None))
            watches = [api_pb2_grpc.ApiStub(channel).Watch(api_pb2.WatchRequest()) for _ in range(3)]
            for watch in watches:
                await watch.read()
            watches.pop().cancel()
        for watch in watches:
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await watch.read()
            assert (ended.value.code(), ended.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the server stops")


@pytest.mark.parametrize("ruled", [False, True])
@pytest.mark.parametrize("listened", [False, True])
async def test_each_call_counts_once_on_each_side(tmp_path: Path, ruled: bool, listened: bool) -> None:
    async with running(tmp_path) as (caller, callee, stub):
        for seams in (caller, callee) if ruled else ():
            seams.gates.add(Rule("nothing:*", Action.DROP))
        with (
            caller.capture.listen(WireRequest()) if listened else nullcontext(),
            callee.capture.listen(WireRequest(served=True)) if listened else nullcontext(),
        ):
            for _ in range(3):
                await stub.Get(api_pb2.GetRequest(name="web"))
            call = stub.Watch(api_pb2.WatchRequest())
            await call.read()
            call.cancel()
        counted = [caller.gates.edges[f"rpc:{one}"].passed for one in (GET, WATCH)]
        counted += [callee.gates.edges[f"serve:{one}"].passed for one in (GET, WATCH)]
    assert counted == [3, 1, 3, 1]
    assert caller.tracer.activity.timings[f"rpc:{GET}"].count == 3
    assert caller.tracer.activity.open() == []


async def test_a_held_call_waits_and_can_be_given_up(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, callee, stub):
        caller.gates.add(Rule(f"rpc:{GET}", Action.HOLD))
        kept, given_up = (asyncio.ensure_future(stub.Get(api_pb2.GetRequest(name=name))) for name in "ab")
        while len(caller.gates.held()) < 2:
            await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert [one.describe is not None for one in caller.gates.held()] == [True]
        caller.gates.release()
        assert (await kept).name == "a"
    assert callee.gates.edges[f"serve:{GET}"].passed == 1


async def test_a_held_stream_begins_when_it_is_let_go(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, callee, stub):
        caller.gates.add(Rule(f"rpc:{WATCH}", Action.HOLD))
        call, other = stub.Watch(api_pb2.WatchRequest()), stub.Watch(api_pb2.WatchRequest())
        while len(caller.gates.held()) < 2:
            await asyncio.sleep(0)
        assert f"serve:{WATCH}" not in callee.gates.edges
        other.cancel()
        caller.gates.release()
        assert len((await call.read()).events) == 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other.read()


async def test_a_stream_that_is_cut_looks_like_a_lost_connection(tmp_path: Path) -> None:
    async with running(tmp_path) as (caller, _, stub):
        call = stub.Watch(api_pb2.WatchRequest())
        await call.read()
        caller.gates.add(Rule("rpc:*", Action.DROP, cut=True))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(ApiError, match="dropped"):
            await stub.Watch(api_pb2.WatchRequest()).read()
        with pytest.raises(ApiError, match="dropped"):
            await stub.Get(api_pb2.GetRequest(name="web"))
