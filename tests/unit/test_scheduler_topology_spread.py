"""Topology spread: which nodes a constraint refuses, how it scores them, and what is spread without any."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from api.apps import ReplicaSet
from scheduler.framework import Code, CycleState
from scheduler.node_table import NodeTable
from scheduler.plugins.pod_topology_spread import REASON, REASON_LABEL, PodTopologySpread
from scheduler.plugins.spread_constraints import HOSTNAME, ZONE
from scheduler.pod_info import pod_info
from tests.support.scheduling import make_node, make_pod

JSON = dict[str, Any]
WEB = {"app": "web"}
GONE = "2026-01-01T00:00:00Z"
NODES = {"a": {ZONE: "east"}, "b": {ZONE: "east"}, "c": {ZONE: "west"}, "d": {}}


def table(pods: JSON, nodes: JSON = NODES) -> NodeTable:
    """`pods`: per node a number of web pods, or keywords of one pod each."""
    found = NodeTable()
    for name, labels in nodes.items():
        found.set_node(make_node(name, labels=labels))
    for node, there in pods.items():
        each = [{}] * there if isinstance(there, int) else there
        for index, more in enumerate(each):
            found.add_pod(node, pod_info(make_pod(f"{node}-{index}", **{"labels": WEB, **more})))
    return found


def spread(key: str = ZONE, skew: int = 1, **more: Any) -> JSON:
    return {
        "topologyKey": key,
        "maxSkew": skew,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": WEB},
        **more,
    }


def refusals(pod: Any, nodes: NodeTable) -> dict[str, str]:
    plugin, state, info = PodTopologySpread(), CycleState(), pod_info(pod)
    if plugin.pre_filter(state, info, nodes).status.code is Code.SKIP:
        return {}
    return {
        nodes.names[row]: reason
        for mask, _, reason in plugin.filter(state, info, nodes)
        for row in np.flatnonzero(mask)
    }


def scores(pod: Any, nodes: NodeTable) -> list[int] | None:
    plugin, state, info, rows = PodTopologySpread(), CycleState(), pod_info(pod), np.arange(nodes.size)
    if plugin.pre_score(state, info, nodes, rows).code is Code.SKIP:
        return None
    raw = plugin.score(state, info, nodes, rows)
    return [int(score) for score in plugin.normalize_score(state, info, raw)]


LABEL = {"d": REASON_LABEL}


@pytest.mark.parametrize(
    ("constraints", "pods", "expected"),
    [
        ([], {"a": 9}, {}),
        ([spread(whenUnsatisfiable="ScheduleAnyway")], {"a": 9}, {}),
        ([spread()], {}, LABEL),
        ([spread()], {"a": 1}, {"a": REASON, "b": REASON, **LABEL}),
        ([spread(skew=2)], {"a": 1}, LABEL),
        ([spread()], {"a": 1, "c": 1}, LABEL),
        ([spread()], {"a": 1, "d": 5, "c": 1}, LABEL),
        ([spread(HOSTNAME)], {"a": 1}, {"a": REASON}),
        ([spread(HOSTNAME), spread()], {"a": 1}, {"a": REASON, "b": REASON, **LABEL}),
        # Two zones, three wanted: the emptiest counts as empty.
        ([spread(minDomains=3)], {"a": 1, "c": 1}, {"a": REASON, "b": REASON, "c": REASON, **LABEL}),
        ([spread(minDomains=2)], {"a": 1, "c": 1}, LABEL),
        # Pods that do not count: other labels, another namespace, on their way out.
        ([spread()], {"a": [{"labels": {"app": "db"}}, {"namespace": "other"}, {"deletion_timestamp": GONE}]}, LABEL),
        # A selector for other pods does not count this one.
        ([spread(labelSelector={"matchLabels": {"app": "db"}})], {"a": [{"labels": {"app": "db"}}]}, LABEL),
        ([spread(labelSelector=None)], {"a": 3}, LABEL),
        ([spread(labelSelector={})], {"a": 3}, LABEL),
        # Only pods of the same revision count.
        ([spread(matchLabelKeys=["rev"])], {"a": [{"labels": {"app": "web", "rev": "1"}}]}, LABEL),
        (
            [spread(matchLabelKeys=["rev"])],
            {"a": [{"labels": {"app": "web", "rev": "2"}}]},
            {"a": REASON, "b": REASON, **LABEL},
        ),
    ],
)
def test_filter(constraints: list[JSON], pods: JSON, expected: dict[str, str]) -> None:
    pod = make_pod("p", labels={**WEB, "rev": "2"}, topology_spread_constraints=constraints)
    assert refusals(pod, table(pods)) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(None, {}), ("Honor", {}), ("Ignore", {"a": REASON, "b": REASON})],
)
def test_nodes_the_pod_may_not_use_count_by_policy(policy: str | None, expected: dict[str, str]) -> None:
    """West is empty, but the pod's selector keeps it out."""
    constraint = spread(nodeAffinityPolicy=policy)
    pod = make_pod("p", labels=WEB, node_selector={ZONE: "east"}, topology_spread_constraints=[constraint])
    found = refusals(pod, table({"a": 1}))
    assert {node: reason for node, reason in found.items() if node in "ab"} == expected


@pytest.mark.parametrize(("policy", "refused"), [(None, True), ("Ignore", True), ("Honor", False)])
def test_tainted_nodes_count_by_policy(policy: str | None, refused: bool) -> None:
    nodes = table({"a": 1}, {"a": {}})
    nodes.set_node(make_node("t", taints=[{"key": "k", "effect": "NoSchedule"}]))
    pod = make_pod("p", labels=WEB, topology_spread_constraints=[spread(HOSTNAME, nodeTaintsPolicy=policy)])
    assert ("a" in refusals(pod, nodes)) is refused


def test_counts_follow_pods_and_nodes() -> None:
    nodes = table({"a": 1})
    pod = make_pod("p", labels=WEB, topology_spread_constraints=[spread()])
    assert set(refusals(pod, nodes)) == {"a", "b", "d"}
    nodes.remove_node("c")
    assert set(refusals(pod, nodes)) & {"a", "b"} == set()
    nodes.set_node(make_node("c", labels=NODES["c"]))
    nodes.remove_pod("a", pod_info(make_pod("a-0", labels=WEB)))
    assert refusals(pod, nodes) == LABEL


@pytest.mark.parametrize(
    ("constraints", "pods", "expected"),
    [
        ([spread()], {}, None),
        ([spread(whenUnsatisfiable="ScheduleAnyway")], {}, [100, 100, 100, 0]),
        ([spread(whenUnsatisfiable="ScheduleAnyway")], {"a": 2}, [0, 0, 100, 0]),
        # log(4 nodes + 2) per pod: 0, 2, 4 and 5, rounded.
        ([spread(HOSTNAME, whenUnsatisfiable="ScheduleAnyway")], {"b": 1, "c": 2, "d": 3}, [100, 60, 20, 0]),
    ],
)
def test_score(constraints: list[JSON], pods: JSON, expected: list[int] | None) -> None:
    assert scores(make_pod("p", labels=WEB, topology_spread_constraints=constraints), table(pods)) == expected


def owner(kind: str, version: str, *, controller: bool = True) -> JSON:
    return {"kind": kind, "apiVersion": version, "name": "web", "uid": "u", "controller": controller}


@pytest.mark.parametrize(
    ("owners", "service", "defaulted"),
    [
        ([], None, False),
        ([owner("ReplicaSet", "apps/v1")], None, True),
        ([owner("ReplicaSet", "apps/v1", controller=False)], None, False),
        ([owner("ReplicaSet", "example.com/v1")], None, False),
        ([owner("Job", "batch/v1")], None, False),
        ([], WEB, True),
        ([], {"app": "db"}, False),
        ([], {}, False),
        ([owner("Job", "batch/v1")], WEB, True),
    ],
)
def test_pods_of_services_and_controllers_are_spread_by_default(
    owners: list[JSON], service: dict[str, str] | None, defaulted: bool
) -> None:
    nodes = table({"a": 2, "b": [{"labels": {"app": "db"}}] * 6})
    replicas = msgspec.convert({"spec": {"selector": {"matchLabels": WEB}}}, ReplicaSet)
    nodes.selectors.set_controller("ReplicaSet", "default", "web", replicas)
    nodes.selectors.set_service("default", "web", service)
    found = scores(make_pod("p", labels=WEB, owner_references=owners), nodes)
    assert (found is not None) is defaulted
    if found is not None:
        # The other app's pods do not count; the zone's do; a node without a zone is as good as an empty one or better.
        assert found[0] < found[1] < found[2] <= found[3]


def test_selectors_go_with_what_they_are_of() -> None:
    selectors = table({}).selectors
    pod = make_pod("p", labels=WEB)
    selectors.set_service("default", "web", WEB)
    assert not selectors.of(pod).nothing
    selectors.set_service("default", "web", None)
    assert selectors.of(pod).nothing
