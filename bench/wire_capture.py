"""What capture costs while nobody listens: calls with its hook against the same calls without; then while one listens.

`python -m bench.wire_capture`. Both sides run in this process, interleaved, so that the machine's mood is the same.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from proto import api_pb2, api_pb2_grpc
from proto.debug_pb2 import WireRequest
from wire import trace
from wire.capture import Capture, Listener
from wire.channel import connect
from wire.outgoing import SeamedChannel, UnarySeams, with_trace
from wire.seams import Seams, make_seams
from wire.server import Service, serve

CALLS = 500
ROUNDS = 21
LOOKS = 1_000_000


class _Unhooked(UnarySeams):
    """A call as it is, without the look at whether anybody listens."""

    def __call__(self, request: Any, *, metadata: Any = None, **options: Any) -> Any:
        if not self._seams.gates.passes_freely(self._edge):
            raise AssertionError("a rule is set")
        work = self._activity.begin(self._edge, trace.current_span_id())
        call = self._call(request, metadata=with_trace(metadata, trace.sending()), **options)
        call.add_done_callback(lambda _: self._activity.end(work))
        return call


class _UnhookedChannel(SeamedChannel):
    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return _Unhooked(self._inner.unary_unary(method, *args, **kwargs), method, self._seams, self._peer)


class _Get:
    async def Get(self, request: api_pb2.GetRequest, context: object) -> api_pb2.Object:
        return api_pb2.Object(name=request.name, raw=b'{"kind":"Pod","metadata":{"name":"web"}}')


def _add(server: grpc.aio.Server) -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        _Get().Get, api_pb2.GetRequest.FromString, api_pb2.Object.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("orrery.api.v1.Api", {"Get": handler}),))


async def seconds(channel: grpc.aio.Channel) -> float:
    stub = api_pb2_grpc.ApiStub(channel)
    request = api_pb2.GetRequest(resource=api_pb2.Resource(version="v1", resource="pods"), name="web")
    began = time.perf_counter()
    for _ in range(CALLS):
        await stub.Get(request)
    return (time.perf_counter() - began) / CALLS


@asynccontextmanager
async def channels(address: str, seams: Seams) -> AsyncIterator[dict[str, grpc.aio.Channel]]:
    service = Service("orrery.api.v1.Api", _add)
    options = [("grpc.default_authority", "localhost"), ("grpc.use_local_subchannel_pool", 1)]
    bare = _UnhookedChannel(grpc.aio.insecure_channel(address, options=options), seams, address)
    async with serve(address, make_seams("bench"), None, [service]), bare, connect(address, seams, None) as hooked:
        yield {"no hook": bare, "idle hook": hooked}


async def drain(listener: Listener) -> None:
    async for _ in listener.messages():
        pass


def look_seconds() -> float:
    """One look at `active`, which is all that an idle hook does."""
    seams = make_seams("bench")
    began = time.perf_counter()
    for _ in range(LOOKS):
        if seams.capture.active:
            raise AssertionError
    looked = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(LOOKS):
        pass
    return (looked - (time.perf_counter() - began)) / LOOKS


async def report() -> None:
    assert not Capture().active
    found: dict[str, list[float]] = {"no hook": [], "idle hook": [], "one listener": [], "with bodies": []}
    with tempfile.TemporaryDirectory() as folder:
        seams = make_seams("bench")
        async with channels(f"unix:{Path(folder) / 'api.sock'}", seams) as both:
            for channel in both.values():
                await seconds(channel)
            for number in range(ROUNDS):
                for name in tuple(both) if number % 2 else tuple(reversed(both)):
                    found[name].append(await seconds(both[name]))
                for name, bodies in (("one listener", False), ("with bodies", True)):
                    with seams.capture.listen(WireRequest(bodies=bodies)) as listener:
                        draining = asyncio.create_task(drain(listener))
                        found[name].append(await seconds(both["idle hook"]))
                        draining.cancel()
    middle = {name: statistics.median(times) for name, times in found.items()}
    look = look_seconds()
    print(f"a unary call, both ends in this process (median of {ROUNDS} rounds of {CALLS}, interleaved)")
    for name, one in middle.items():
        print(f"  {name:14} {one * 1e6:6.0f} us   {one / middle['no hook']:6.3f} x no hook")
    print(f"\nan idle hook by itself: {look * 1e9:.0f} ns, {look / middle['no hook']:.4%} of a call")


if __name__ == "__main__":
    asyncio.run(report())
