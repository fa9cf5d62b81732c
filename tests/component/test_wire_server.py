"""A real gRPC server over mutual TLS: identity, standard services, and the Debug service that opens its seams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from cli import pki
from proto import debug_pb2, debug_pb2_grpc
from wire.channel import connect
from wire.errors import from_rpc_error
from wire.gates import Subject
from wire.seams import Seams, make_seams
from wire.server import PortInUse, serve
from wire.tls import TlsFiles, identity_of_pem


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    pki.ensure(directory, pki.control_plane_subjects([]))
    return directory


@pytest.fixture
async def server(certificates: Path) -> AsyncIterator[tuple[Seams, grpc.aio.Channel]]:
    seams = make_seams("scheduler", Clock())
    async with serve("127.0.0.1:0", seams, TlsFiles.in_directory(certificates, "scheduler")) as port:
        admin = TlsFiles.in_directory(certificates, "admin")
        async with connect(f"127.0.0.1:{port}", make_seams("test"), admin, server_name="orrery") as channel:
            yield seams, channel


def stub(channel: grpc.aio.Channel) -> debug_pb2_grpc.DebugAsyncStub:
    return debug_pb2_grpc.DebugStub(channel)


async def test_it_says_who_it_is(server: tuple[Seams, grpc.aio.Channel]) -> None:
    answer = await stub(server[1]).Info(debug_pb2.InfoRequest())
    assert answer.component == "scheduler"


async def test_pausing_the_clock_over_the_wire_stops_who_sleeps(server: tuple[Seams, grpc.aio.Channel]) -> None:
    seams, channel = server
    paused = await stub(channel).SetClock(debug_pb2.ClockState(rate=0))
    waiter = asyncio.create_task(seams.clock.sleep(0.01, "a lease"))
    await asyncio.sleep(0.1)
    timers = await stub(channel).ListTimers(debug_pb2.ListTimersRequest())
    assert not waiter.done()
    assert [timer.why for timer in timers.timers] == ["a lease"]
    assert seams.clock.time() == paused.cluster_time
    await stub(channel).SetClock(debug_pb2.ClockState(rate=1))
    await waiter


async def test_a_held_message_is_seen_and_released_over_the_wire(server: tuple[Seams, grpc.aio.Channel]) -> None:
    seams, channel = server
    rule = await stub(channel).AddRule(debug_pb2.Rule(edge="watch:pods", action=debug_pb2.Rule.HOLD))
    waiter = asyncio.create_task(seams.gates.pass_through("watch:pods", Subject("Pod", "default", "web")))
    async with asyncio.timeout(10):
        while not (held := (await stub(channel).ListHeld(debug_pb2.ListHeldRequest())).held):
            pass
    assert (held[0].kind, held[0].name, held[0].rule_id) == ("Pod", "web", rule.id)
    released = await stub(channel).Release(debug_pb2.ReleaseRequest(ids=[held[0].id]))
    await waiter
    assert released.released == 1


async def test_bad_requests_come_back_as_api_errors(server: tuple[Seams, grpc.aio.Channel]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub(server[1]).AddRule(debug_pb2.Rule())
    error = from_rpc_error(caught.value)
    assert (error.code, error.reason) == (400, "BadRequest")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub(server[1]).DeleteRule(debug_pb2.RuleRef(id="none"))
    assert from_rpc_error(caught.value).reason == "NotFound"


async def test_spans_are_read_by_trace(server: tuple[Seams, grpc.aio.Channel]) -> None:
    seams, channel = server
    with seams.tracer.span("work", pod="web") as span:
        pass
    spans = [one async for one in stub(channel).Spans(debug_pb2.SpansRequest(trace_id=span.trace_id))]
    assert [(one.name, dict(one.attributes)) for one in spans] == [("work", {"pod": "web"})]


async def test_standard_services_answer(server: tuple[Seams, grpc.aio.Channel]) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    _, channel = server
    health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING

    async def ask() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(ask())
    names = {one.name for one in (await call.read()).list_services_response.service}
    assert {"orrery.debug.v1.Debug", "grpc.health.v1.Health", "grpc.channelz.v1.Channelz"} <= names


async def test_a_client_without_a_certificate_is_turned_away(certificates: Path) -> None:
    async with serve("127.0.0.1:0", make_seams("x"), TlsFiles.in_directory(certificates, "scheduler")) as port:
        nobody = grpc.ssl_channel_credentials((certificates / "ca.crt").read_bytes())
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", nobody) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub(channel).Info(debug_pb2.InfoRequest())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_taken_address_is_named(certificates: Path) -> None:
    tls = TlsFiles.in_directory(certificates, "scheduler")
    async with serve("127.0.0.1:0", make_seams("x"), tls) as port:
        with pytest.raises(PortInUse, match=str(port)):
            async with serve(f"127.0.0.1:{port}", make_seams("y"), tls):
                raise AssertionError("bound twice")


async def test_an_unreachable_peer_is_an_api_error_at_the_gate(certificates: Path) -> None:
    seams = make_seams("test")
    channel = connect("127.0.0.1:1", seams, TlsFiles.in_directory(certificates, "admin"), server_name="orrery")
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(channel).Info(debug_pb2.InfoRequest(), timeout=5)
    assert from_rpc_error(caught.value).reason == "ServiceUnavailable"
    assert isinstance(from_rpc_error(caught.value), ApiError)


def test_certificates_carry_upstreams_identities(certificates: Path) -> None:
    table = {
        "scheduler": ("system:kube-scheduler", ()),
        "controller-manager": ("system:kube-controller-manager", ()),
        "admin": ("kubernetes-admin", ("system:masters",)),
    }
    for name, expected in table.items():
        assert tuple(identity_of_pem((certificates / f"{name}.crt").read_bytes())) == expected


async def test_what_parts_can_explain_is_asked_of_all_of_them(server: tuple[Seams, grpc.aio.Channel]) -> None:
    seams, channel = server
    seams.explainers.append(lambda resource, namespace, name: [("decision", {"about": [resource, namespace, name]})])
    seams.explainers.append(lambda resource, namespace, name: [])
    answer = await stub(channel).Explain(debug_pb2.ExplainRequest(resource="pods", namespace="default", name="web"))
    (one,) = answer.explanations
    assert (one.topic, json.loads(one.json)) == ("decision", {"about": ["pods", "default", "web"]})


async def test_related_spans_come_with_those_under_way(server: tuple[Seams, grpc.aio.Channel]) -> None:
    seams, channel = server
    with seams.tracer.span("outer") as outer, seams.tracer.span("inner"):
        request = debug_pb2.SpansRequest(related=[outer.trace_id])
        spans = [one async for one in stub(channel).Spans(request)]
    assert {(one.name, one.end) for one in spans} == {("outer", 0.0), ("inner", 0.0)}
