"""The work loop, the event recorder, leader election, and the pipeline of writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api.coordination import Lease
from api.core import ConfigMap, Event
from apimachinery.clock import FakeClock, settle
from apimachinery.errors import ApiError, conflict, unavailable
from client.api import ApiClient
from client.controller import run_controller
from client.fake import FakeApi
from client.leader import LeaderElector
from client.recorder import EventRecorder
from client.workqueue import WorkQueue
from tests.support.api_over_grpc import serve_fake
from wire import trace
from wire.channel import connect
from wire.gates import Action, Rule
from wire.seams import make_seams
from wire.span import trace_id

CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def running(*coroutines: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one) for one in coroutines]
    await settle()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Scripted:
    """A controller that does as told, one instruction per reconcile, then succeeds."""

    name = "scripted"

    def __init__(self, *script: Exception | float | None) -> None:
        self._script = list(script)
        self.seen: list[tuple[str, str]] = []

    async def reconcile(self, key: str) -> float | None:
        self.seen.append((key, trace_id(trace.current())))
        step = self._script.pop(0) if self._script else None
        if isinstance(step, Exception):
            raise step
        return step


@pytest.mark.parametrize(
    ("step", "pause"),
    [
        (ApiError("Conflict", "changed"), 0.005),
        (unavailable("gone"), 1.0),
        (ValueError("bug"), 0.005),
        (7.5, 7.5),
    ],
)
async def test_what_failed_is_tried_again(step: Exception | float, pause: float) -> None:
    clock = FakeClock()
    seams, queue, controller = make_seams("test", clock), WorkQueue(clock), Scripted(step)
    async with running(run_controller(controller, queue, seams)):
        queue.add("ns/a")
        await clock.advance(pause * 0.9)
        assert len(controller.seen) == 1
        await clock.advance(pause * 0.2)
        assert len(controller.seen) == 2


async def test_a_reconcile_carries_on_the_trace_that_woke_it() -> None:
    clock = FakeClock()
    seams, queue, controller = make_seams("test", clock), WorkQueue(clock), Scripted()
    async with running(run_controller(controller, queue, seams)):
        token = trace.attach(CONTEXT)
        queue.add("ns/a")
        trace.detach(token)
        await settle()
    assert controller.seen == [("ns/a", trace_id(CONTEXT))]
    (span,) = seams.tracer.spans()
    assert (span.name, span.links) == ("reconcile:scripted", (CONTEXT,))


async def test_gates_hold_drop_and_fail_reconciles() -> None:
    clock = FakeClock()
    seams, queue, controller = make_seams("test", clock), WorkQueue(clock), Scripted()
    seams.gates.add(Rule("reconcile:scripted", Action.HOLD, name="held"))
    seams.gates.add(Rule("reconcile:scripted", Action.DROP, name="lost"))
    seams.gates.add(Rule("reconcile:scripted", Action.ERROR, name="failed", count=1))
    async with running(run_controller(controller, queue, seams, workers=1)):
        for name in ("lost", "failed", "held", "after"):
            queue.add(f"ns/{name}")
        await clock.advance(1)
        assert controller.seen == []
        seams.gates.release()
        await clock.advance(1)
        assert [key for key, _ in controller.seen] == ["ns/held", "ns/after", "ns/failed"]


async def test_events_are_written_and_counted() -> None:
    clock = FakeClock()
    api, seams = FakeApi(clock), make_seams("test", clock)
    subject = await api.create(ConfigMap, {"metadata": {"name": "web", "namespace": "ns"}})
    recorder = EventRecorder(api, seams, "some-controller")
    async with running(recorder.run()):
        recorder.event(subject, "Normal", "Started", "it runs")
        recorder.event(subject, "Normal", "Started", "it runs")
        await settle()
        await clock.advance(60)
        recorder.event(subject, "Normal", "Started", "it runs")
        recorder.event(subject, "Warning", "Failed", "it does not", field_path="spec.containers{a}")
        await settle()
    first, second = sorted(api.server.store.trees(Event.RESOURCE), key=lambda one: str(one["reason"]), reverse=True)
    assert (first["count"], first["type"], first["source"]) == (3, "Normal", {"component": "some-controller"})
    assert first["lastTimestamp"] > first["firstTimestamp"]
    assert first["involvedObject"]["uid"] == subject.uid and first["involvedObject"]["kind"] == "ConfigMap"
    assert second["involvedObject"]["fieldPath"] == "spec.containers{a}"


async def test_events_wait_for_an_apiserver_that_is_away() -> None:
    clock = FakeClock()
    api, seams = FakeApi(clock), make_seams("test", clock)
    subject = await api.create(ConfigMap, {"metadata": {"name": "web", "namespace": "ns"}})
    recorder = EventRecorder(api, seams, "some-controller")
    async with running(recorder.run()):
        api.server.go_down()
        recorder.event(subject, "Normal", "Started", "it runs")
        await clock.advance(5)
        api.server.come_up()
        await clock.advance(30)
    assert [one["reason"] for one in api.server.store.trees(Event.RESOURCE)] == ["Started"]


class Candidate:
    def __init__(self, api: FakeApi, clock: FakeClock, identity: str) -> None:
        self._leading = False
        self.terms = 0
        self._elector = LeaderElector(api, make_seams("test", clock), "lock", identity)

    async def run(self) -> None:
        await self._elector.run(self._lead)

    def leads(self) -> bool:
        return self._leading

    async def _lead(self) -> None:
        self._leading = True
        self.terms += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._leading = False


async def test_one_leads_and_the_next_takes_over_at_once_when_it_stops() -> None:
    clock = FakeClock()
    api = FakeApi(clock)
    one, two = Candidate(api, clock, "one"), Candidate(api, clock, "two")
    first = asyncio.create_task(one.run())
    await settle()
    async with running(two.run()):
        await clock.advance(60)
        assert (one.leads(), two.leads()) == (True, False)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await clock.advance(3)
        assert (one.leads(), two.leads()) == (False, True)
        lease = await api.get(Lease, "lock", "kube-system")
        assert (lease.spec.holder_identity, lease.spec.lease_transitions) == ("two", 1)


async def test_a_leader_without_apiserver_stops_before_another_may_lead() -> None:
    clock = FakeClock()
    api = FakeApi(clock)
    one = Candidate(api, clock, "one")
    async with running(one.run()):
        await clock.advance(5)
        api.server.go_down()
        await clock.advance(8)
        assert one.leads()
        await clock.advance(5)
        assert not one.leads()
        api.server.come_up()
        await clock.advance(5)
        assert one.leads()


class Hanging(FakeApi):
    """Once `hang` is set, reads are not answered; `late` writes are carried out, and answered when it is set."""

    hang = False
    late: asyncio.Event | None = None

    async def get_raw(self, *args: Any, **kwargs: Any) -> Any:
        if self.hang:
            await asyncio.get_running_loop().create_future()
        return await super().get_raw(*args, **kwargs)

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        created = await super().create(*args, **kwargs)
        if self.late:
            await self.late.wait()
        return created


def two_clients(clock: FakeClock) -> tuple[Hanging, FakeApi]:
    """Of the same apiserver."""
    one, two = Hanging(clock), FakeApi(clock)
    two.server = two._transport = one.server
    return one, two


async def test_a_leader_whose_renewal_hangs_stops_before_another_leads() -> None:
    clock = FakeClock()
    hanging, well = two_clients(clock)
    one, two = Candidate(hanging, clock, "one"), Candidate(well, clock, "two")
    async with running(one.run(), two.run()):
        await clock.advance(5)
        hanging.hang = True
        await clock.advance(8)
        assert (one.leads(), two.leads()) == (True, False)
        await clock.advance(3)
        assert (one.leads(), two.leads()) == (False, False)
        await clock.advance(60)
        assert (one.leads(), two.leads()) == (False, True)
        hanging.hang = False  # so that it can give back what it holds, which is nothing
    lease = await well.get(Lease, "lock", "kube-system")
    assert (lease.spec.holder_identity, lease.spec.lease_transitions) == ("", 1)


@pytest.mark.parametrize(("seconds", "terms"), [(9, 1), (60, 2)])
async def test_a_leader_that_stood_still_for_too_long_begins_a_new_term(seconds: float, terms: int) -> None:
    clock = FakeClock()
    one = Candidate(FakeApi(clock), clock, "one")
    async with running(one.run()):
        clock.set(cluster_time=clock.time() + seconds)  # no timer on the way is heard
        await clock.advance(5)
        assert (one.leads(), one.terms) == (True, terms)


async def test_a_claim_that_is_answered_too_late_is_none() -> None:
    clock = FakeClock()
    slow, well = two_clients(clock)
    slow.late = asyncio.Event()
    one, two = Candidate(slow, clock, "one"), Candidate(well, clock, "two")
    async with running(one.run()), running(two.run()):
        await clock.advance(30)
        assert (one.leads(), two.leads()) == (False, True)
        slow.late.set()
        await clock.advance(5)
        assert (one.terms, two.terms) == (0, 1)


async def test_a_crashed_leaders_lease_must_run_out() -> None:
    clock = FakeClock()
    api = FakeApi(clock)
    spec = {"holderIdentity": "crashed", "leaseDurationSeconds": 15}
    await api.create(Lease, {"metadata": {"name": "lock", "namespace": "kube-system"}, "spec": spec})
    two = Candidate(api, clock, "two")
    async with running(two.run()):
        await clock.advance(14)
        assert not two.leads()
        await clock.advance(4)
        assert two.leads()


async def test_lost_writes_fail_and_the_stream_is_opened_again(tmp_path: Path) -> None:
    fake, seams, socket = FakeApi(), make_seams("test"), tmp_path / "api.sock"
    channel = connect(f"unix:{socket}", seams, None)
    api = ApiClient(channel, seams)
    with pytest.raises(ApiError) as nobody:
        await api.create(ConfigMap, {"metadata": {"name": "a", "namespace": "ns"}})
    assert nobody.value.reason == "ServiceUnavailable"
    held = asyncio.Event()
    original = fake.server.write

    async def hold(request: Any) -> Any:
        if request.name == "held":
            held.set()
            await asyncio.get_running_loop().create_future()
        return await original(request)

    fake.server.write = hold  # type: ignore[method-assign]
    async with serve_fake(fake, socket) as server:
        await _until_up(api)
        waiting = asyncio.create_task(api.delete(ConfigMap, "held", namespace="ns"))
        await held.wait()
        await server.stop(None)
        with pytest.raises(ApiError) as lost:
            await waiting
        assert lost.value.reason == "ServiceUnavailable"
    async with serve_fake(fake, socket):
        await _until_up(api)
        await api.create(ConfigMap, {"metadata": {"name": "b", "namespace": "ns"}})
    await api.aclose()
    await channel.close()


async def _until_up(api: ApiClient) -> None:
    while True:
        try:
            await api.list(ConfigMap)
            return
        except ApiError as error:
            assert error.reason == "ServiceUnavailable"


class Unanswered(FakeApi):
    """Does what it is told to create, and never says so."""

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        await super().create(*args, **kwargs)
        await asyncio.get_running_loop().create_future()


async def test_a_claim_that_was_under_way_is_taken_back() -> None:
    clock = FakeClock()
    api = Unanswered(clock)
    async with running(Candidate(api, clock, "one").run()):
        lease = await api.get(Lease, "lock", "kube-system")
        assert lease.spec.holder_identity == "one"
    lease = await api.get(Lease, "lock", "kube-system")
    assert lease.spec.holder_identity == ""


async def test_a_lease_is_given_back_although_a_renewal_comes_between() -> None:
    clock = FakeClock()
    api = FakeApi(clock)
    async with running(Candidate(api, clock, "one").run()):
        api.server.fail_next("update", Lease.RESOURCE.resource, conflict("coordination.k8s.io", "leases", "lock"))
    lease = await api.get(Lease, "lock", "kube-system")
    assert lease.spec.holder_identity == ""
