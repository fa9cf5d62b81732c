"""Pure rules of the registry: deletion, list options, metadata, conversion."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apiserver.registry.convert_autoscaling import hpa_from_v1, hpa_to_v1
from apiserver.registry.convert_events import event_from_new, event_to_new
from apiserver.registry.deletion import Action, Options, is_finished, options_of, plan_deletion
from apiserver.registry.options import Token, check_list, check_watch, decode_token, revision_of
from apiserver.registry.request import ListOptions, Request, User
from apiserver.registry.resource import Resource
from apiserver.registry.strategy import Context, PartStrategy, Strategy, text_at
from apiserver.registry.subresources.binding import bound
from apiserver.registry.subresources.scale import scale_of

JSON = dict[str, Any]
NOW = 1_800_000_000.0


class Graceful(Strategy):
    def check_graceful_delete(self, ctx: Context, obj: JSON, grace_seconds: int | None) -> int:
        return 30 if grace_seconds is None else grace_seconds


def resource(strategy: Strategy) -> Resource:
    return Resource(GVR("", "v1", "things"), "Thing", True, "things", strategy, has_status=True, builtin=True)


def context() -> Context:
    gvr = GVR("", "v1", "things")
    return Context(Request("delete", gvr, User("me")), gvr, NOW, None)  # type: ignore[arg-type]


def thing(**metadata: Any) -> JSON:
    return {"metadata": {"name": "a", "uid": "1", **metadata}}


MARKED = {"deletionTimestamp": "2027-01-15T08:00:30Z", "deletionGracePeriodSeconds": 30}


@pytest.mark.parametrize(
    ("strategy", "obj", "options", "action", "grace"),
    [
        (Strategy(), thing(), Options(), Action.REMOVE, 0),
        (Strategy(), thing(finalizers=["a/b"]), Options(), Action.MARK, 0),
        (Strategy(), thing(), Options(policy="Foreground"), Action.MARK, 0),
        (Strategy(), thing(finalizers=["orphan"]), Options(policy="Background"), Action.REMOVE, 0),
        (Graceful(), thing(), Options(), Action.MARK, 30),
        (Graceful(), thing(), Options(grace_seconds=5), Action.MARK, 5),
        (Graceful(), thing(), Options(grace_seconds=0), Action.REMOVE, 0),
        (Graceful(), thing(**MARKED), Options(), Action.WAIT, 30),
        (Graceful(), thing(**MARKED), Options(grace_seconds=40), Action.WAIT, 30),
        (Graceful(), thing(**MARKED), Options(grace_seconds=10), Action.MARK, 10),
        (Graceful(), thing(**MARKED), Options(grace_seconds=0), Action.REMOVE, 0),
        (Graceful(), thing(**MARKED, finalizers=["a/b"]), Options(grace_seconds=0), Action.MARK, 0),
    ],
)
def test_what_a_deletion_does(strategy: Strategy, obj: JSON, options: Options, action: Action, grace: int) -> None:
    plan = plan_deletion(resource(strategy), context(), obj, options)
    assert (plan.action, plan.object["metadata"]["deletionGracePeriodSeconds"]) == (action, grace)


def test_marking_bumps_the_generation_and_shortening_moves_the_time() -> None:
    marked = plan_deletion(resource(Graceful()), context(), thing(generation=3), Options()).object["metadata"]
    assert (marked["generation"], marked["deletionTimestamp"]) == (4, "2027-01-15T08:00:30Z")
    shorter = plan_deletion(resource(Graceful()), context(), {"metadata": marked}, Options(10)).object["metadata"]
    assert (shorter["generation"], shorter["deletionTimestamp"]) == (4, "2027-01-15T08:00:10Z")


def test_finished_means_marked_without_grace_and_finalizers() -> None:
    things = resource(Strategy())
    assert not is_finished(things, thing())
    assert not is_finished(things, thing(**MARKED))
    assert is_finished(things, thing(deletionTimestamp="x", deletionGracePeriodSeconds=0))
    assert not is_finished(things, thing(deletionTimestamp="x", finalizers=["a/b"]))


def test_delete_options() -> None:
    assert options_of(None) == Options()
    assert options_of({"gracePeriodSeconds": -3}).grace_seconds == 1
    assert options_of({"orphanDependents": True}).policy == "Orphan"
    with pytest.raises(ApiError) as refusal:
        options_of({"propagationPolicy": "Sideways"})
    assert refusal.value.code == 422
    with pytest.raises(ApiError, match="cannot be both set"):
        options_of({"propagationPolicy": "Orphan", "orphanDependents": True})


def test_continue_tokens() -> None:
    token = Token(42, "ns/a\x00")
    assert decode_token(token.encode()) == token
    assert "=" not in token.encode()
    for bad in ("x", "e30", Token(0, "a").encode()):
        with pytest.raises(ApiError, match="continue key is not valid"):
            decode_token(bad)


def test_resource_versions_are_numbers() -> None:
    assert (revision_of(""), revision_of("0"), revision_of("17")) == (0, 0, 17)
    with pytest.raises(ApiError):
        revision_of("latest")


@pytest.mark.parametrize(
    "options",
    [
        ListOptions(resource_version_match="Exact"),
        ListOptions(resource_version_match="Exact", resource_version="0"),
        ListOptions(resource_version_match="Near", resource_version="5"),
        ListOptions(resource_version_match="NotOlderThan", resource_version="5", continue_token="x"),
        ListOptions(send_initial_events=True),
    ],
)
def test_lists_refuse_contradictions(options: ListOptions) -> None:
    with pytest.raises(ApiError) as refusal:
        check_list(options)
    assert refusal.value.code == 422


def test_watches_refuse_contradictions() -> None:
    check_watch(ListOptions(send_initial_events=True, resource_version_match="NotOlderThan"))
    for options in (ListOptions(send_initial_events=True), ListOptions(resource_version_match="NotOlderThan")):
        with pytest.raises(ApiError) as refusal:
            check_watch(options)
        assert refusal.value.code == 422


def test_a_part_takes_only_its_own_fields() -> None:
    old = {"metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {"n": 1}, "status": {"s": 1}}
    new = {
        "metadata": {"name": "a", "labels": {"x": "2"}, "resourceVersion": "7"},
        "spec": {"n": 2},
        "status": {"s": 2},
    }
    PartStrategy("status").prepare_for_update(context(), old, new)
    assert new == {
        "metadata": {"name": "a", "labels": {"x": "1"}, "resourceVersion": "7"},
        "spec": {"n": 1},
        "status": {"s": 2},
    }


def test_scalars_as_selectors_see_them() -> None:
    obj = {"spec": {"on": True, "n": 3, "list": []}}
    assert [text_at(obj, path) for path in ("spec.on", "spec.n", "spec.list", "spec.x.y")] == ["true", "3", "", ""]


def test_events_keep_their_content_through_the_newer_version() -> None:
    event = {
        "involvedObject": {"kind": "Pod"},
        "message": "m",
        "count": 2,
        "source": {"component": "k"},
        "type": "Normal",
    }
    newer = event_to_new(event)
    assert newer["regarding"] == {"kind": "Pod"} and newer["note"] == "m" and newer["deprecatedCount"] == 2
    assert event_from_new(newer) == event


def test_an_autoscaler_loses_nothing_through_the_older_version() -> None:
    memory = {"type": "Resource", "resource": {"name": "memory", "target": {"type": "Value", "averageValue": "1Gi"}}}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50, "type": "Utilization"}}}
    hpa = {
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 3, "metrics": [memory, cpu], "behavior": {"scaleUp": {"policies": []}}},
        "status": {"conditions": [{"type": "AbleToScale"}], "currentMetrics": [cpu]},
    }
    older = hpa_to_v1(hpa)
    assert older["spec"]["targetCPUUtilizationPercentage"] == 50 and "metrics" not in older["spec"]
    back = hpa_from_v1(older)
    assert back["spec"] == hpa["spec"]
    assert back["status"]["conditions"] == [{"type": "AbleToScale"}]


def test_binding_sets_node_and_condition_and_refuses_a_second_node() -> None:
    pod = {"metadata": {"name": "p", "uid": "1"}, "spec": {}}
    assert bound(pod, "n", {}, NOW)["spec"]["nodeName"] == "n"
    assert pod["status"]["conditions"][0]["type"] == "PodScheduled"  # type: ignore[index]
    with pytest.raises(ApiError, match="already assigned"):
        bound(pod, "m", {}, NOW)
    gated = {"metadata": {"name": "p", "uid": "1"}, "spec": {"schedulingGates": [{"name": "g"}]}}
    with pytest.raises(ApiError, match="schedulingGates"):
        bound(gated, "n", {}, NOW)


def test_scale_shows_the_selector_as_text() -> None:
    obj = {
        "metadata": {"name": "a", "namespace": "n", "resourceVersion": "1", "labels": {"x": "y"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"b": "2", "a": "1"}}},
        "status": {"replicas": 1},
    }
    scale = scale_of(resource(Strategy()), obj)
    assert scale["status"] == {"replicas": 1, "selector": "a=1,b=2"}
    assert scale["metadata"] == {"name": "a", "namespace": "n", "resourceVersion": "1"}
