"""Rules in force: which messages they take, in what order, for how long, and the same again with the same seed."""

from __future__ import annotations

import asyncio

import pytest

from apimachinery.changes import changes
from apimachinery.clock import FakeClock, settle
from proto import api_pb2, cri_pb2, kubelet_pb2
from wire.activity import Activity
from wire.call_gate import pass_request_gate, working_on
from wire.gates import Action, GateError, Gates, Rule, Subject, Verdict
from wire.rules import fold_kind, rule_from_json, rule_to_json
from wire.seams import make_seams
from wire.subjects import subject_of

WEB = Subject("Pod", "default", "web-1")


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("Pod", "pods"), ("Lease", "leases"), ("NetworkPolicy", "networkpolicies"), ("Ingress", "ingresses"),
        ("StorageClass", "storageclasses"), ("Endpoints", "endpoints"), ("ComponentStatus", "componentstatuses"),
        ("EndpointSlice", "endpointslices"), ("Pod*", "pods"),
    ],
)  # fmt: skip
def test_a_kind_and_its_resource_are_one(kind: str, plural: str) -> None:
    assert Rule("e", Action.DROP, kind=kind).matches("e", Subject(plural))
    assert fold_kind(plural) == fold_kind(plural.upper())


def test_a_rule_may_be_for_one_peer() -> None:
    rule = Rule("rpc:*", Action.DROP, peer="127.0.0.1:80")
    assert rule.matches("rpc:x", WEB, "127.0.0.1:80")
    assert not rule.matches("rpc:x", WEB, "127.0.0.1:81")
    assert not rule.matches("rpc:x", WEB)


def test_rules_survive_the_file() -> None:
    rule = Rule("watch:*", Action.DELAY, kind="Pod", delay_seconds=1.5, probability=0.5, seed=9, expires=7.0, cut=True)
    assert rule_from_json(rule_to_json(rule)) == rule
    assert rule_to_json(Rule("e", Action.HOLD)) == {"edge": "e", "action": "hold"}


async def outcomes(seed: int, many: int = 50) -> list[Verdict]:
    gates = Gates(FakeClock())
    gates.add(Rule("e", Action.DROP, probability=0.3, seed=seed))
    return [await gates.pass_through("e") for _ in range(many)]


async def test_a_seed_repeats_a_run() -> None:
    first = await outcomes(1)
    assert first == await outcomes(1)
    assert first != await outcomes(2)
    assert 5 <= first.count(Verdict.DROP) <= 25


async def test_a_jittered_delay_stays_within_its_bounds() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=10, jitter_seconds=4, seed=3))
    tasks = [asyncio.create_task(gates.pass_through("e")) for _ in range(20)]
    await clock.advance(5.9)
    assert not any(task.done() for task in tasks)
    await clock.advance(8.2)
    assert all(task.done() for task in tasks)
    assert gates.edges["e"].delayed == 20


async def test_a_rule_ends_at_its_time_and_is_forgotten() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DROP, expires=clock.time() + 30))
    assert await gates.pass_through("e") is Verdict.DROP
    await clock.advance(30)
    assert await gates.pass_through("e") is Verdict.PASS
    assert gates.rules() == []
    assert not gates.ruled


async def test_all_matching_rules_apply_until_one_ends_the_way() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=5))
    gates.add(Rule("*", Action.DELAY, delay_seconds=3))
    gates.add(Rule("e", Action.ERROR))
    task = asyncio.create_task(gates.pass_through("e"))
    await clock.advance(7.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(GateError):
        await task


async def test_two_holds_hold_a_message_once() -> None:
    gates = Gates(FakeClock())
    gates.add(Rule("e", Action.HOLD))
    gates.add(Rule("*", Action.HOLD))
    task = asyncio.create_task(gates.pass_through("e"))
    await settle()
    assert gates.release() == 1
    assert await task is Verdict.PASS


async def test_a_held_message_tells_what_it_changes_and_since_when() -> None:
    gates = Gates(FakeClock())
    gates.add(Rule("e", Action.HOLD))
    task = asyncio.create_task(gates.pass_through("e", WEB, lambda: "spec.replicas: 1 → 3"))
    await settle()
    (held,) = gates.held()
    assert (held.detail, held.subject) == ("spec.replicas: 1 → 3", WEB)
    assert gates.delete(held.rule_id, release=True)
    assert await task is Verdict.PASS


async def test_a_reordered_message_is_overtaken_by_the_next() -> None:
    gates = Gates(FakeClock())
    gates.add(Rule("e", Action.REORDER))
    arrived: list[str] = []

    async def send(name: str) -> None:
        await gates.pass_through("e", Subject(name=name))
        arrived.append(name)

    tasks = [asyncio.create_task(send(name)) for name in "abcd"]
    await settle()
    assert sorted(arrived) == ["a", "b", "c", "d"]
    assert arrived.index("b") < arrived.index("a")
    assert arrived.index("d") < arrived.index("c")
    await asyncio.gather(*tasks)


async def test_the_last_message_is_not_kept_waiting_for_ever() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.REORDER, delay_seconds=2))
    task = asyncio.create_task(gates.pass_through("e"))
    await clock.advance(2.1)
    assert await task is Verdict.PASS
    second = asyncio.create_task(gates.pass_through("e"))
    await settle()
    gates.delete("rule-1")
    assert await second is Verdict.PASS


def test_a_cut_ends_the_streams_it_is_for() -> None:
    gates = Gates(FakeClock())
    ended: list[str] = []
    for edge, peer in (("rpc:/a", "one"), ("rpc:/a", "two"), ("rpc:/b", "one")):
        gates.stream_opened(edge, peer, lambda edge=edge, peer=peer: ended.append(f"{edge} {peer}"))  # type: ignore[misc]
    closed = gates.stream_opened("rpc:/a", "one", lambda: ended.append("closed"))
    gates.stream_closed(closed)
    gates.add(Rule("rpc:/a", Action.ERROR, peer="one"))
    assert ended == []
    gates.add(Rule("rpc:/a", Action.ERROR, peer="one", cut=True))
    assert ended == ["rpc:/a one"]


async def test_setting_a_rule_again_changes_nothing() -> None:
    gates = Gates(FakeClock())
    rule = gates.add(Rule("e", Action.DROP, count=1))
    assert await gates.pass_through("e") is Verdict.DROP
    gates.add(rule)
    assert gates.taken(rule.id) == 1
    assert await gates.pass_through("e") is Verdict.PASS


def test_declared_edges_are_listed_before_their_first_message() -> None:
    gates = Gates(FakeClock())
    gates.declare("reconcile:job")
    assert gates.edges["reconcile:job"].passed == 0


def test_activity_knows_what_is_open_and_how_long_things_took() -> None:
    activity = Activity()
    with activity.doing("rpc:x", "parent"):
        (work,) = activity.open()
        assert (work.name, work.span_id, work.parent_id) == ("rpc:x", "", "parent")
    activity.end(work)
    assert activity.open() == []
    assert (activity.ended, activity.timings["rpc:x"].count) == (1, 1)
    assert activity.timings["rpc:x"].longest >= activity.timings["rpc:x"].mean > 0


async def test_timers_say_within_which_span_they_wait() -> None:
    clock = FakeClock()
    seams = make_seams("test", clock)

    async def wait() -> None:
        with seams.tracer.span("work"):
            async with clock.timeout(50, "patience"):
                await clock.sleep(10, "inside")

    tasks = [asyncio.create_task(wait()), asyncio.create_task(clock.sleep(20, "outside"))]
    await settle()
    (span,) = seams.tracer.activity.open()
    contexts = {timer.why: timer.context for timer in clock.timers()}
    assert span.span_id in contexts["inside"]
    assert (contexts["outside"], contexts["patience"]) == ("", "")
    await clock.advance(20)
    await asyncio.gather(*tasks)


async def test_timers_given_up_are_swept_out_while_the_clock_stands() -> None:
    clock = FakeClock()
    keep = asyncio.create_task(clock.sleep(1, "kept"))
    await settle()
    for _ in range(2000):
        async with clock.timeout(3600):
            await asyncio.sleep(0)
    await settle()
    assert len(clock._timers) < 1000
    assert [timer.why for timer in clock.timers()] == ["kept"]
    keep.cancel()


async def test_a_message_that_is_delayed_does_not_meet_a_hold_that_has_ended_meanwhile() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=5))
    gates.add(Rule("e", Action.HOLD, id="hold"))
    passing = asyncio.create_task(gates.pass_through("e"))
    await settle()
    gates.delete("hold", release=True)
    await clock.advance(5)
    assert gates.held() == []
    assert await passing is Verdict.PASS


async def test_what_a_deleted_rule_delays_passes_at_once() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=300, id="fault-1"))
    gates.add(Rule("e", Action.DELAY, delay_seconds=5, id="fault-2"))
    passing = [asyncio.create_task(gates.pass_through("e")) for _ in range(2)]
    await settle()
    assert [timer.why for timer in clock.timers()] == ["delayed at e by fault-1"] * 2
    gates.delete("fault-1", release=True)
    await settle()
    assert [timer.why for timer in clock.timers()] == ["delayed at e by fault-2"] * 2
    await clock.advance(5)
    assert [task.result() for task in passing] == [Verdict.PASS] * 2


async def test_a_cancelled_message_is_no_longer_delayed() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=300))
    passing = asyncio.create_task(gates.pass_through("e"))
    await settle()
    passing.cancel()
    await settle()
    assert passing.cancelled()
    assert clock.timers() == []


async def test_what_a_rule_delayed_before_its_end_is_as_late_as_it_was_to_be() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=30, expires=clock.time() + 10))
    passing = asyncio.create_task(gates.pass_through("e"))
    await clock.advance(20)
    assert gates.rules() == []
    await clock.advance(9)
    assert not passing.done()
    await clock.advance(1)
    assert await passing is Verdict.PASS


async def test_another_rule_of_the_same_id_ends_the_first() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=5, id="other"))
    gates.add(Rule("e", Action.HOLD, id="hold-1"))
    first = asyncio.create_task(gates.pass_through("e"))
    await clock.advance(5)
    second = asyncio.create_task(gates.pass_through("e"))
    await settle()
    gates.add(Rule("else", Action.HOLD, id="hold-1"))
    await clock.advance(5)
    assert gates.held() == []
    assert [task.result() for task in (first, second)] == [Verdict.PASS] * 2


POD = cri_pb2.PodSandboxMetadata(name="web", namespace="default")


@pytest.mark.parametrize(
    ("request_", "subject"),
    [
        (api_pb2.GetRequest(resource={"resource": "pods"}, namespace="default", name="web"),
         Subject("pods", "default", "web")),
        (api_pb2.WatchRequest(resource={"resource": "pods"}, namespace="default"), Subject("pods", "default")),
        (api_pb2.WriteRequest(resource={"resource": "pods"}, namespace="default", body=b'{"metadata":{"name":"web"}}'),
         Subject("pods", "default", "web")),
        (api_pb2.WriteRequest(resource={"resource": "pods"}, body=b"["), Subject("pods")),
        (cri_pb2.RunPodSandboxRequest(config={"metadata": POD}), Subject("Pod", "default", "web")),
        (cri_pb2.CreateContainerRequest(sandbox_config={"metadata": POD}), Subject("Pod", "default", "web")),
        (cri_pb2.StartContainerRequest(container_id="c1"), Subject("Container", "", "c1")),
        (cri_pb2.StopPodSandboxRequest(pod_sandbox_id="s1"), Subject("Pod", "", "s1")),
        (cri_pb2.StatusRequest(), Subject()),
        (kubelet_pb2.LogsRequest(pod={"namespace": "default", "name": "web"}), Subject("Pod", "default", "web")),
    ],
)  # fmt: skip
def test_what_a_request_is_about(request_: object, subject: Subject) -> None:
    assert subject_of(request_) == subject


@pytest.mark.parametrize(
    ("request_", "taken"),
    [
        (cri_pb2.StartContainerRequest(container_id="c1"), 1),
        (cri_pb2.StopPodSandboxRequest(pod_sandbox_id="s1"), 1),
        (cri_pb2.PullImageRequest(image={"image": "i"}), 1),
        (cri_pb2.RunPodSandboxRequest(config={"metadata": {"name": "other", "namespace": "default"}}), 0),
        (api_pb2.GetRequest(resource={"resource": "nodes"}, name="other"), 0),
    ],
)
async def test_a_call_that_names_an_id_is_about_the_pod_that_is_worked_on(request_: object, taken: int) -> None:
    seams = make_seams("kubelet-one", FakeClock())
    seams.gates.add(Rule("rpc:x", Action.DUPLICATE, kind="pods", name="web", id="ours"))

    async def sync_pod() -> Verdict:
        working_on(Subject("Pod", "default", "web"))
        return await pass_request_gate(seams, "rpc:x", request_)

    assert await pass_request_gate(seams, "rpc:x", request_) is Verdict.PASS
    await asyncio.create_task(sync_pod())
    assert seams.gates.taken("ours") == taken


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 3}}, "spec.replicas: 1 → 3"),
        ({"metadata": {"resourceVersion": "1"}}, {"metadata": {"resourceVersion": "2"}}, ""),
        ({"spec": {}}, {"spec": {"nodeName": "w1"}}, "spec.nodeName: – → w1"),
        ({"c": [{"type": "Ready", "status": "False"}]}, {"c": [{"type": "Ready", "status": "True"}]},
         "c[Ready].status: False → True"),
        ({"c": []}, {"c": [{"name": "x", "image": "y"}]}, "c[x]: – → {x, …}"),
        ({"l": [1, 2]}, {"l": [1, 3]}, "l[1]: 2 → 3"),
        ({"x": "a" * 100}, {"x": None}, f"x: {'a' * 59}… → null"),
        ({str(n): 0 for n in range(14)}, {str(n): 1 for n in range(14)},
         "; ".join(f"{n}: 0 → 1" for n in range(12)) + "; and 2 more"),
    ],
)  # fmt: skip
def test_changes(old: object, new: object, text: str) -> None:
    assert changes(old, new) == text
