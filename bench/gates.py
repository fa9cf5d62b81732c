"""What a gate costs: no rules, and rules for other edges, against the same call with no gate in it.

`python -m bench.gates`. Then a unary call within this process with all seams idle, against one with none; and a span.
Figures are CPU time, the least of several rounds: whatever else the machine does can only add.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import grpc

from apimachinery.clock import Clock
from proto import api_pb2, api_pb2_grpc
from wire.channel import connect
from wire.gates import Action, Gates, Rule, Subject, Verdict
from wire.seams import make_seams
from wire.server import Service, serve
from wire.span_file import SpanFile
from wire.tracer import Tracer

PASSES = 10_000
CALLS = 500
ROUNDS = 25
EDGE = "watch:pods"
POD = Subject("Pod", "default", "web-1")
OTHERS = 20  # rules that match other edges


async def bare(edge: str, subject: Subject) -> Verdict:
    """What a caller would do in any case: await something that is ready."""
    return Verdict.PASS


async def seconds(call: Callable[[str, Subject], Awaitable[Verdict]]) -> float:
    began = time.process_time()
    for _ in range(PASSES):
        await call(EDGE, POD)
    return (time.process_time() - began) / PASSES


class _Get:
    """Answers at once."""

    async def Get(self, request: api_pb2.GetRequest, context: object) -> api_pb2.Object:
        return api_pb2.Object(name=request.name)


def add_service(server: grpc.aio.Server) -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        _Get().Get, api_pb2.GetRequest.FromString, api_pb2.Object.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("orrery.api.v1.Api", {"Get": handler}),))


@asynccontextmanager
async def with_seams(address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with (
        serve(address, make_seams("bench"), None, [Service("orrery.api.v1.Api", add_service)]),
        connect(address, make_seams("bench"), None) as channel,
    ):
        yield channel


@asynccontextmanager
async def without_seams(address: str) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    add_service(server)
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address, options=[("grpc.default_authority", "localhost")]) as channel:
        yield channel
    await server.stop(None)


async def call_seconds(
    make: Callable[[str], AbstractAsyncContextManager[grpc.aio.Channel]], calls: int = CALLS
) -> float:
    with tempfile.TemporaryDirectory() as folder:
        async with make(f"unix:{Path(folder) / 'api.sock'}") as channel:
            stub = api_pb2_grpc.ApiStub(channel)
            await stub.Get(api_pb2.GetRequest(name="web"))
            began = time.process_time()
            for _ in range(calls):
                await stub.Get(api_pb2.GetRequest(name="web"))
            return (time.process_time() - began) / calls


async def span_seconds(keep: Callable[[Path], SpanFile] | None) -> float:
    """Spans as a REST write has them, the event loop turning once inside."""
    with tempfile.TemporaryDirectory() as folder:
        tracer = Tracer("bench", file=keep(Path(folder) / "spans" / "bench.ring") if keep else None)
        times = []
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(CALLS):
                await _write(tracer)
            times.append((time.process_time() - began) / CALLS / 5)
        return min(times)


async def _write(tracer: Tracer) -> None:
    path = "/api/v1/namespaces/default/pods"
    with (
        tracer.span("create pods", path=path, user_agent="kubectl", client="10.0.0.1"),
        tracer.span("create pods", object="default/web", user="kubernetes-admin"),
    ):
        with tracer.step("admission mutate", resource="pods"):
            pass
        with tracer.step("admission validate", resource="pods"):
            pass
        with tracer.step("etcd txn", key="/registry/pods/default/web") as step:
            await asyncio.sleep(0)
            step.attributes["outcome"] = "written"


def with_rules(*rules: Rule) -> Gates:
    gates = Gates(Clock())
    for rule in rules:
        gates.add(rule)
    return gates


async def report() -> None:
    gates = {
        "no rule": with_rules(),
        f"{OTHERS} rules, of other edges": with_rules(*(Rule(f"rpc:{n}", Action.DROP) for n in range(OTHERS))),
        f"{OTHERS} rules, of other objects": with_rules(
            *(Rule(EDGE, Action.DROP, name=f"db-{n}") for n in range(OTHERS))
        ),
    }
    found: dict[str, list[float]] = {name: [] for name in ("no gate", *gates)}
    for _ in range(ROUNDS):
        found["no gate"].append(await seconds(bare))
        for name, one in gates.items():
            found[name].append(await seconds(one.pass_through))
    middle = {name: min(times) for name, times in found.items()}
    calls: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(ROUNDS):
        calls["without"].append(await call_seconds(without_seams))
        calls["with"].append(await call_seconds(with_seams))
    call, seamed = (min(calls[name]) for name in ("without", "with"))
    spans = {"kept in memory": await span_seconds(None), "and in a file": await span_seconds(SpanFile)}
    print(f"a gate, passed {PASSES:,} times (the least of {ROUNDS})")
    for name, time_ in middle.items():
        ratio, share = time_ / middle["no gate"], (time_ - middle["no gate"]) / call
        print(f"  {name:28} {time_ * 1e9:7.0f} ns  {ratio:5.1f} x no gate  {share:6.2%} of a call")
    print("\na unary call, both ends in this process, with idle seams (gate, span, trace context) on both ends")
    print(
        f"  without seams {call * 1e6:6.0f} us\n  with seams    {seamed * 1e6:6.0f} us  {seamed / call:5.2f} x without"
    )
    print("\na span, of the five that a REST write takes")
    for name, time_ in spans.items():
        print(f"  {name:28} {time_ * 1e6:7.2f} us  {time_ / call:6.2%} of a call")


if __name__ == "__main__":
    asyncio.run(report())
