"""Who else sets the clock: a component under debug that stands still, a second command, a signal to the first."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from apimachinery.clock import ClockState
from cli.breakpoints import watchdog
from cli.breakpoints.watchdog import Watchdog
from cli.debugging import clock
from cli.debugging.timeline import Written, now_on, read_written, write_line
from cli.errors import UserError
from cli.supervisor import ROOT
from proto import debug_pb2, debug_pb2_grpc
from tests.support.debug_fleet import FakeCluster, fake_cluster
from tests.support.relay import Relay, relay_to
from wire.debug import DebugService
from wire.tls import TlsFiles

DEBUGGED = "kubelet-worker-1"
HOUR = 3600.0


@pytest.fixture
async def cluster(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCluster]:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    # One event loop does the work of all here: on a busy machine the component may be as late as if it stood still.
    monkeypatch.setattr(watchdog, "DEADLINE_SECONDS", 1.0)
    async with fake_cluster(tmp_path, certificates, ("apiserver", "scheduler", DEBUGGED)) as made:
        yield made


@pytest.fixture
async def debugged(cluster: FakeCluster) -> AsyncIterator[Relay]:
    """The kubelet can be made to stand still."""
    async with relay_to(json.loads(cluster.paths.spec.read_text())["ports"][DEBUGGED]) as relay:
        move(cluster, DEBUGGED, relay.port)
        yield relay


@pytest.fixture
async def stranger(cluster: FakeCluster, certificates: Path) -> AsyncIterator[None]:
    """In the scheduler's place runs a program that only says that it is well."""
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    async with in_place_of_the_scheduler(cluster, certificates, server):
        yield


class _Refusing(DebugService):
    async def SetClock(self, request: debug_pb2.ClockState, context: Any) -> debug_pb2.ClockState:
        await context.abort(grpc.StatusCode.INTERNAL, "not today")
        raise AssertionError


@pytest.fixture
async def refusing(cluster: FakeCluster, certificates: Path) -> AsyncIterator[None]:
    server = grpc.aio.server()
    debug_pb2_grpc.add_DebugServicer_to_server(_Refusing(cluster.seams["scheduler"]), server)
    async with in_place_of_the_scheduler(cluster, certificates, server):
        yield


@asynccontextmanager
async def in_place_of_the_scheduler(
    cluster: FakeCluster, certificates: Path, server: grpc.aio.Server
) -> AsyncIterator[None]:
    tls = TlsFiles.in_directory(certificates, "scheduler")
    pair = (tls.key.read_bytes(), tls.cert.read_bytes())
    credentials = grpc.ssl_server_credentials([pair], tls.ca.read_bytes(), require_client_auth=True)
    move(cluster, "scheduler", server.add_secure_port("127.0.0.1:0", credentials))
    await server.start()
    yield
    await server.stop(0)


def move(cluster: FakeCluster, component: str, port: int) -> None:
    spec = json.loads(cluster.paths.spec.read_text())
    spec["ports"][component] = port
    cluster.paths.spec.write_text(json.dumps(spec))


@asynccontextmanager
async def watched(cluster: FakeCluster, *more: str) -> AsyncIterator[None]:
    under_debug = dict.fromkeys((DEBUGGED, *more), os.getpid())
    task = asyncio.create_task(Watchdog(cluster.name, lambda: dict(under_debug), lambda _: None).run())
    try:
        yield
    finally:
        under_debug.clear()
        await task


@asynccontextmanager
async def ticking(cluster: FakeCluster) -> AsyncIterator[None]:
    """A timer every second: a long step takes long."""

    async def tick() -> None:
        while True:
            await cluster.seams["apiserver"].clock.sleep(1, "tick")

    task = asyncio.create_task(tick())
    yield
    task.cancel()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


def written(cluster: FakeCluster) -> Written:
    return read_written(cluster.paths.clock) or Written(ClockState(0.0, 0.0, 1.0))


def stands(cluster: FakeCluster) -> bool:
    return written(cluster).line.rate == 0


def all_run(cluster: FakeCluster) -> bool:
    return (
        not stands(cluster) and len({one.clock.state for one in cluster.seams.values()} | {written(cluster).line}) == 1
    )


async def test_no_step_begins_while_a_component_stands_still(cluster: FakeCluster, debugged: Relay) -> None:
    async with watched(cluster):
        debugged.stand()
        await until(lambda: stands(cluster))
        stood = written(cluster)
        for step in (clock.step_by(cluster.name, 5.0), clock.step_next(cluster.name)):
            with pytest.raises(UserError, match=f"{DEBUGGED} stands still, and the clock waits for it"):
                await step
        assert written(cluster) == stood
        debugged.go_on()
        await until(lambda: all_run(cluster))


@pytest.mark.parametrize("rate", [1.0, 0.0])
async def test_a_step_waits_for_a_component_that_stands_still(
    cluster: FakeCluster, debugged: Relay, rate: float
) -> None:
    """And goes on with it, through every timer."""
    await clock.change(cluster.name, rate)
    async with watched(cluster), ticking(cluster):
        began = now_on(*_now(cluster))
        step = asyncio.create_task(clock.step_by(cluster.name, 60.0))
        await until(lambda: written(cluster).line.cluster_time > began + 2)
        debugged.stand()
        await until(lambda: written(cluster).waits_for == (DEBUGGED,))
        stood = written(cluster)
        assert (stood.line.rate, stood.resume, stood.stepped) == (0.0, rate, True)
        assert "the clock waits for it" in await clock.show(cluster.name)
        assert written(cluster) == stood and not step.done()
        debugged.go_on()
        said = await step
        assert re.search(r"60 x +apiserver +tick", said), said
        assert f"{'running' if rate else 'paused'} as before" in said and "not reached" not in said
        await until(lambda: {one.clock.state for one in cluster.seams.values()} == {written(cluster).line})
        assert written(cluster) == Written(written(cluster).line._replace(rate=rate))
        assert written(cluster).line.cluster_time >= began + 60


@pytest.mark.parametrize("rate", [1.0, 0.0])
async def test_a_step_that_is_ended_leaves_the_clock_to_who_stands_still(
    cluster: FakeCluster, debugged: Relay, rate: float
) -> None:
    await clock.change(cluster.name, rate)
    async with watched(cluster), ticking(cluster):
        step = asyncio.create_task(clock.step_by(cluster.name, HOUR))
        await until(lambda: written(cluster).stepped)
        debugged.stand()
        await until(lambda: written(cluster).waits_for == (DEBUGGED,))
        step.cancel()
        await asyncio.wait((step,))
        left = written(cluster)
        assert (left.line.rate, left.resume, left.waits_for, left.stepped) == (0.0, rate, (DEBUGGED,), False)
        debugged.go_on()
        await until(lambda: written(cluster).resume is None)
        assert written(cluster).line.rate == rate


def _now(cluster: FakeCluster) -> tuple[ClockState, float]:
    line = written(cluster).line
    return line, max(line.monotonic, asyncio.get_running_loop().time())


async def test_what_the_user_sets_meanwhile_stays(cluster: FakeCluster, debugged: Relay) -> None:
    """Then a step goes without whoever stands still."""
    async with watched(cluster):
        debugged.stand()
        await until(lambda: stands(cluster))
        await clock.change(cluster.name, 0.0)
        assert f"not reached: {DEBUGGED}" in await clock.step_by(cluster.name, 5.0, rest_seconds=0.1)
        line = written(cluster)
        assert line == Written(line.line._replace(rate=0.0))
        debugged.go_on()
    assert written(cluster) == line


async def test_a_stranger_without_debug_is_not_reached_and_in_nobodys_way(
    cluster: FakeCluster, stranger: None, debugged: Relay
) -> None:
    missed = "not reached: scheduler (does not serve Debug)"
    for said in (
        await clock.show(cluster.name),
        await clock.change(cluster.name, 0.0),
        await clock.step_by(cluster.name, 5.0),
        await clock.change(cluster.name, 1.0),
    ):
        assert missed in said
    async with watched(cluster, "scheduler"):
        await stand_and_go_on(cluster, debugged)


async def test_the_clock_waits_whoever_else_refuses(cluster: FakeCluster, refusing: None, debugged: Relay) -> None:
    async with watched(cluster):
        await stand_and_go_on(cluster, debugged)


async def stand_and_go_on(cluster: FakeCluster, debugged: Relay) -> None:
    for _ in range(2):
        debugged.stand()
        await until(lambda: stands(cluster))
        debugged.go_on()
        await until(lambda: not stands(cluster))


async def test_who_steps_is_alone(cluster: FakeCluster) -> None:
    async with ticking(cluster):
        step = asyncio.create_task(clock.step_by(cluster.name, HOUR))
        await until(lambda: stands(cluster))
        for other in (clock.step_by(cluster.name, 5.0), clock.change(cluster.name, 0.0), clock.step_next(cluster.name)):
            with pytest.raises(UserError, match=rf"another command steps or sets the clock.*\(PID {os.getpid()}\)"):
                await other
        step.cancel()
        await asyncio.wait((step,))
        assert all_run(cluster)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_step_that_is_ended_lets_the_clock_go_on(cluster: FakeCluster, number: signal.Signals) -> None:
    async with ticking(cluster):
        step = await start_step(cluster)
        began = cluster.seams["apiserver"].clock.time()
        await until(lambda: cluster.seams["apiserver"].clock.time() > began + 5)
        step.send_signal(number)
        said = (await step.communicate())[0].decode()
    assert step.returncode == (130 if number is signal.SIGINT else 1)
    assert said == ("" if number is signal.SIGINT else ENDED.format(number.name))
    assert all_run(cluster)


ENDED = "orrery: the step was ended by {}; running as before\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_so_does_one_that_is_ended_before_it_has_begun(
    cluster: FakeCluster, debugged: Relay, number: signal.Signals
) -> None:
    """Its first question takes seconds, because somebody does not answer."""
    write_line(cluster.paths.clock, cluster.seams["apiserver"].clock.state)
    debugged.stand()
    step = await start_step(cluster)
    await until(lambda: stands(cluster))
    step.send_signal(number)
    await step.communicate()
    assert not stands(cluster)


async def start_step(cluster: FakeCluster) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "cli", "clock", "step", "2h", "--name", cluster.name)
    output = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=output, stderr=asyncio.subprocess.STDOUT)


async def test_a_torn_file_can_be_set_again(cluster: FakeCluster) -> None:
    await clock.change(cluster.name, 0.0)
    (stood,) = {one.clock.time() for one in cluster.seams.values()}
    cluster.paths.clock.write_text("{")
    await clock.change(cluster.name, 1.0)
    assert all_run(cluster)
    assert written(cluster).line.cluster_time == stood
