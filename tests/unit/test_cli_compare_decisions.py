"""What `orrery compare` makes of two sides' writes: canonical decisions, and where they differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cli.compare.canonical import Lots, canonical, changed
from cli.compare.children import consequences
from cli.compare.differences import differences, equal
from cli.compare.model import Decision, Finding, Key, Step, Verdict, Write
from cli.compare.placements import Chosen, placements
from cli.compare.reading import make_step
from cli.compare.why import reconcile_behind, with_reasons
from proto.debug_pb2 import Span

JSON = dict[str, Any]
POD: JSON = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}}
A = Key("", "pods", "default", "a")


def pod(name: str = "a", node: str = "", **more: Any) -> JSON:
    spec = {"nodeName": node} if node else {}
    return {**POD, "metadata": {"name": name, "namespace": "default", "uid": f"u-{name}"}, "spec": spec, **more}


def write(tree: JSON | None, *, ours: bool = False, before: JSON | None = None, step: int = 1, key: Key = A) -> Write:
    return Write(key, 0, ours, tree, before, step)


def event(about: str, reason: str, message: str) -> Write:
    tree = {"involvedObject": {"namespace": "default", "name": about}, "reason": reason, "message": message}
    return write(tree, key=Key("", "events", "default", "e"))


REFUSED = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}]}
PUT_IN = write(pod(), ours=True)
BOUND = write(pod(node="n1"), before=pod())


@pytest.mark.parametrize(
    ("writes", "outcome", "said"),
    [
        ([PUT_IN], "", ()),
        ([PUT_IN, BOUND], "n1", ()),
        ([PUT_IN, write(pod(node="n2"), ours=True, before=pod())], "", ()),  # put there by us
        ([PUT_IN, BOUND, write(None, before=pod(node="n1"))], "n1", ()),  # what it was first
        ([PUT_IN, write(None, before=pod())], "deleted", ()),
        ([PUT_IN, write(pod(status=REFUSED), before=pod())], "", ("Unschedulable: no room",)),
        ([PUT_IN, event("a", "FailedScheduling", "no room")], "", ("FailedScheduling: no room",)),
        ([PUT_IN, event("b", "FailedScheduling", "no room")], "", ()),  # of another pod
        ([PUT_IN, event("a", "Scheduled", "it went well")], "", ()),
    ],
)
def test_what_a_scheduler_decided(writes: list[Write], outcome: str, said: tuple[str, ...]) -> None:
    (found,) = placements([make_step(POD)], writes)
    assert (found.about, found.outcome, found.said) == ("Pod default/a", outcome, said)


def test_an_event_and_a_condition_that_say_the_same_are_told_once_in_any_order() -> None:
    both = [write(pod(status=REFUSED), before=pod()), event("a", "FailedScheduling", "no room")]
    told = {placements([make_step(POD)], [PUT_IN, *order])[0].said for order in (both, both[::-1])}
    assert told == {("FailedScheduling: no room",)}


def test_a_name_that_is_used_again_is_another_pod() -> None:
    gone = {"do": "delete", "object": POD}
    steps = [make_step(one) for one in (POD, gone, POD)]
    again = write(pod(node="n2"), before=pod(), step=3)
    found = placements(steps, [PUT_IN, BOUND, write(None, ours=True, step=2), write(pod(), ours=True, step=3), again])
    assert [(one.about, one.outcome) for one in found] == [("Pod default/a", "n1"), ("Pod default/a (number 2)", "n2")]
    chosen = Chosen()
    chosen.take([PUT_IN, BOUND])
    assert chosen.nodes == {A: "n1"}
    chosen.take([PUT_IN, BOUND, write(pod(), ours=True, step=3)])
    assert chosen.nodes == {}


def test_pods_that_come_with_a_node_are_no_question() -> None:
    assert placements([make_step({**POD, "spec": {"nodeName": "n1"}})], [PUT_IN]) == []


def test_what_is_no_business_of_a_scheduler_is_told() -> None:
    other = Key("", "configmaps", "default", "mine")
    found = placements([make_step(POD)], [PUT_IN, write({"kind": "ConfigMap"}, key=other)])
    assert [(one.about, one.outcome) for one in found[1:]] == [("ConfigMap default/mine", "created")]


# --- controllers


SET: JSON = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "metadata": {"name": "web", "namespace": "default", "uid": "u-set", "generation": 1},
    "spec": {"replicas": 2},
}
SET_KEY = Key("apps", "replicasets", "default", "web")


def child(name: str, uid: str, **spec: Any) -> Write:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-set", "controller": True}
    metadata = {"name": name, "namespace": "default", "uid": uid, "generateName": "web-", "ownerReferences": [owner]}
    return write({**POD, "metadata": metadata, "spec": spec}, key=Key("", "pods", "default", name))


def set_status(**status: Any) -> Write:
    return write({**SET, "status": status}, before=SET, key=SET_KEY)


SET_IN = write(SET, ours=True, key=SET_KEY)
STEPS = [make_step(SET)]


def of_controllers(*writes: Write, steps: list[Step] = STEPS) -> list[Decision]:
    return consequences(steps, [SET_IN, *writes])


def test_children_are_called_after_their_owner() -> None:
    found = of_controllers(child("web-x1x2x", "u1"), child("web-y1y2y", "u2"))
    assert [(one.about, one.outcome) for one in found] == [
        ("Pod #1 of ReplicaSet default/web", "created"),
        ("Pod #2 of ReplicaSet default/web", "created"),
    ]
    assert found[0].content == found[1].content


def test_pods_of_one_owner_are_interchangeable() -> None:
    def with_pods(*numbers: int) -> list[Decision]:
        made = [child(f"web-x{n}x{n}x", f"u{n}") for n in numbers]
        run = [
            write({**(one.tree or {}), "status": {"podIP": f"10.244.0.{n}"}}, before=one.tree, key=one.key)
            for n, one in zip(numbers, made, strict=True)
        ]
        return of_controllers(*made, *run)

    found = differences(with_pods(1), with_pods(12))
    assert [one.verdict for one in found] == [Verdict.SAME]
    assert found[0].first is not None
    assert found[0].first.content["status"] == {"podIP": "<address of Pod of ReplicaSet default/web>"}


def test_only_what_somebody_else_changed_is_a_decision() -> None:
    assert of_controllers() == []
    scaled = {**SET, "spec": {"replicas": 3}, "metadata": {**SET["metadata"], "generation": 2}}
    by_us = write(scaled, ours=True, before=SET, key=SET_KEY, step=2)
    assert of_controllers(by_us) == []
    both = of_controllers(set_status(replicas=2, observedGeneration=1), by_us)
    assert both == []  # the last state is ours alone: it holds no status any more
    after = write({**scaled, "status": {"replicas": 3, "observedGeneration": 2}}, before=scaled, key=SET_KEY, step=2)
    (found,) = of_controllers(by_us, after)
    assert found.content == {"status": {"observedGeneration": "current", "replicas": 3}}


def test_what_is_gone_in_the_end() -> None:
    taken = write(None, before=SET, key=SET_KEY)
    made = child("web-x1x2x", "u1")
    assert [(one.about, one.outcome) for one in of_controllers(taken)] == [("ReplicaSet default/web", "deleted")]
    assert of_controllers(write(None, ours=True, before=SET, key=SET_KEY)) == []
    assert of_controllers(made, write(None, before=made.tree, key=made.key)) == []
    left_behind = of_controllers(made, write(None, ours=True, before=SET, key=SET_KEY))
    assert [one.about for one in left_behind] == ["Pod #1 of ReplicaSet default/web"]


def test_what_does_not_descend_from_the_input_is_left_out() -> None:
    stranger = write({"kind": "ConfigMap", "metadata": {"name": "x", "uid": "c"}}, key=Key("", "configmaps", "d", "x"))
    assert of_controllers(stranger) == []


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"metadata": {"uid": "u", "name": "web-abc12"}, "at": "2026-11-20T12:00:00Z"}, {"at": "<time>"}),
        ({"metadata": {}, "text": "made pod web-abc12"}, {"text": "made pod <Pod #1>"}),
        ({"metadata": {}, "labels": {"h": "77f"}, "n": "a77f"}, {"labels": {"h": "<hash>"}, "n": "a77f"}),
        ({"metadata": {}, "spec": {"clusterIP": "10.96.3.4"}}, {"spec": {"clusterIP": "<allocated>"}}),
        ({"metadata": {}, "spec": {"clusterIP": "None"}}, {"spec": {"clusterIP": "None"}}),
        (
            {"metadata": {"generation": 2}, "status": {"observedGeneration": 1}},
            {"status": {"observedGeneration": "behind"}},
        ),
        (
            {"metadata": {}, "c": [{"type": "B", "status": "x"}, {"type": "A", "status": "x"}]},
            {"c": [{"type": "A", "status": "x"}, {"type": "B", "status": "x"}]},
        ),
        ({"metadata": {}, "items": ["b", "a"]}, {"items": ["b", "a"]}),  # the order of other lists is a decision
        ({"metadata": {}, "v": "kube-api-access-x7x2k"}, {"v": "kube-api-access"}),
    ],
)
def test_what_two_runs_never_have_in_common(tree: JSON, expected: JSON) -> None:
    found = canonical(tree, Lots({"web-abc12": "<Pod #1>", "77f": "<hash>"}), drawn=True)
    assert {name: value for name, value in found.items() if name != "metadata"} == expected


def test_a_longer_name_is_known_before_the_shorter_that_begins_it() -> None:
    lots = Lots({"web-77f77": "<set>", "web-77f77-abcde": "<pod>"})
    assert lots.said("web-77f77-abcde of web-77f77") == "<pod> of <set>"


@pytest.mark.parametrize(
    ("base", "final", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}),
    ],
)
def test_the_part_that_changed(base: JSON, final: JSON, expected: JSON) -> None:
    assert changed(base, final) == expected


# --- differences


def placed(about: str, outcome: str) -> Decision:
    return Decision(about, outcome)


def lot(number: int, **content: Any) -> Decision:
    return Decision(f"Pod #{number} of X", "created", content, group="Pod of X")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([placed("p", "n1")], [placed("p", "n1")], [("p", "same")]),
        ([placed("p", "n1")], [placed("p", "n2")], [("p", "differ")]),
        ([placed("p", "n1")], [placed("p", "")], [("p", "only first")]),
        ([placed("p", "")], [placed("p", "n2")], [("p", "only second")]),
        ([placed("p", "")], [placed("p", "")], [("p", "never decided")]),
        ([], [placed("q", "changed")], [("q", "only second")]),
        ([placed("q", "changed")], [], [("q", "only first")]),
        ([placed("q", "")], [], [("q", "never decided")]),
        (
            [lot(1, n=1), lot(2, n=2), lot(3, n=3)],  # drawn by lot: what is alike goes together
            [lot(1, n=2), lot(2, n=9)],
            [("Pod #1 of X", "differ"), ("Pod #2 of X", "same"), ("Pod #3 of X", "only first")],
        ),
    ],
)
def test_pairs_and_verdicts(first: list[Decision], second: list[Decision], expected: list[tuple[str, str]]) -> None:
    found = differences(first, second)
    assert [(one.about, one.verdict.value) for one in found] == expected
    assert equal(found) is all(verdict in ("same", "never decided") for _, verdict in expected)


def test_what_differs_within_an_object() -> None:
    (found,) = differences([lot(1, n=1)], [lot(1, n=2)])
    assert found.changes == ("~ n: 1 -> 2",)


def verdict(node: str, total: int | None) -> JSON:
    return {"node": node, "total": total, "scores": {}, "refused_by": "" if total else "Fit", "reasons": ["full"]}


@pytest.mark.parametrize(
    ("other", "points", "expected", "strictly_equal"),
    [
        ("n2", 90, Verdict.AS_GOOD, False),
        ("n2", 80, Verdict.DIFFER, False),
        ("n2", None, Verdict.DIFFER, False),
        ("n1", 90, Verdict.SAME, True),
    ],
)
def test_another_node_with_as_many_points(
    other: str, points: int | None, expected: Verdict, strictly_equal: bool
) -> None:
    first = Decision("Pod default/a", "n1", key=A)
    (finding,) = differences([first], [placed("Pod default/a", other)])
    facts = {"node": "n1", "nodes": [verdict("n1", 90), verdict("n2", points)]}
    found = with_reasons(finding, {A: {"decision": [facts]}})
    assert found.verdict is expected
    assert equal([found]) is (expected in (Verdict.SAME, Verdict.AS_GOOD))
    assert equal([found], strict=True) is strictly_equal
    assert bool(found.why) is (expected is not Verdict.SAME)


def test_the_reconcile_behind_a_write() -> None:
    about = {"key": "default/web", "decided": "create 2"}
    spans = {
        one.span_id: one
        for one in (
            Span(span_id="a" * 16, parent_id="b" * 16, name="etcd txn"),
            Span(span_id="b" * 16, parent_id="c" * 16, name="/orrery.api.v1.Api/Write"),
            Span(span_id="c" * 16, name="reconcile:replicaset", attributes=about),
        )
    }
    made = Write(A, 1, False, pod(), traceparent=f"00-{'f' * 32}-{'a' * 16}-01")
    facts = reconcile_behind(made, spans)
    assert facts == {"controller": "replicaset", "key": "default/web", "decided": "create 2"}
    assert reconcile_behind(replace(made, ours=True), spans) is None
    assert reconcile_behind(replace(made, traceparent=""), spans) is None
    assert reconcile_behind(made, {"a" * 16: spans["a" * 16]}) is None
    finding = Finding("Pod #1 of X", Verdict.ONLY_FIRST, Decision("Pod #1 of X", "created", key=A))
    found = with_reasons(finding, {A: {"reconcile": [facts, facts]}})
    assert found.why == ("its replicaset controller, of default/web: create 2",)
