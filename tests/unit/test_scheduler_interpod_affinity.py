"""Inter-pod affinity: which nodes other pods rule out or make better, and which pods the terms are about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scheduler.framework import Code, CycleState
from scheduler.node_table import NodeTable
from scheduler.plugins.inter_pod_affinity import (
    REASON_AFFINITY,
    REASON_ANTI_AFFINITY,
    REASON_EXISTING,
    InterPodAffinity,
)
from scheduler.pod_info import pod_info
from tests.support.scheduling import make_node, make_pod

JSON = dict[str, Any]
HOST = "kubernetes.io/hostname"
DB = {"app": "db"}
WEB = {"app": "web"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def table(*pods: tuple[str, Any]) -> NodeTable:
    """Nodes a and b in the east, c in the west, d in no zone."""
    found = NodeTable()
    for name, zone in (("a", "east"), ("b", "east"), ("c", "west"), ("d", "")):
        found.set_node(make_node(name, labels={"zone": zone} if zone else {}))
    for name, team in (("default", "core"), ("blue", "blue")):
        found.pods.set_namespace(name, {"team": team})
    for node, pod in pods:
        found.add_pod(node, pod_info(pod))
    return found


def term(labels: dict[str, str] | None = None, key: str = "zone", **more: Any) -> JSON:
    return {"topologyKey": key, "labelSelector": {"matchLabels": DB if labels is None else labels}, **more}


def near(*terms: JSON) -> JSON:
    return {"podAffinity": {REQUIRED: list(terms)}}


def apart(*terms: JSON) -> JSON:
    return {"podAntiAffinity": {REQUIRED: list(terms)}}


def rather(weight: int, one: JSON) -> JSON:
    kind = "podAffinity" if weight > 0 else "podAntiAffinity"
    return {kind: {PREFERRED: [{"weight": abs(weight), "podAffinityTerm": one}]}}


def db(name: str = "db", **more: Any) -> Any:
    return make_pod(name, **{"labels": DB, **more})


def refusals(pod: Any, nodes: NodeTable) -> dict[str, str] | None:
    plugin, state, info = InterPodAffinity(), CycleState(), pod_info(pod)
    if plugin.pre_filter(state, info, nodes).status.code is Code.SKIP:
        return None
    return {
        nodes.names[row]: reason
        for mask, _, reason in plugin.filter(state, info, nodes)
        for row in np.flatnonzero(mask)
    }


def all_for(reason: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


NEAR, APART, EXISTING = REASON_AFFINITY, REASON_ANTI_AFFINITY, REASON_EXISTING


@pytest.mark.parametrize(
    ("affinity", "pods", "expected"),
    [
        (None, [("a", db())], None),
        (near(term()), [("a", db())], all_for(NEAR, "cd")),
        (near(term(key=HOST)), [("a", db())], all_for(NEAR, "bcd")),
        (near(term()), [], all_for(NEAR, "abcd")),
        # One pod must meet all terms at once.
        (near(term(), term(WEB)), [("a", db()), ("a", make_pod("w", labels=WEB))], all_for(NEAR, "abcd")),
        (near(term(), term(key=HOST)), [("a", db())], all_for(NEAR, "bcd")),
        # The first of its kind starts the group, where the topology exists.
        (near(term(WEB)), [], all_for(NEAR, "d")),
        (near(term(WEB)), [("c", make_pod("w", labels=WEB))], all_for(NEAR, "abd")),
        (apart(term()), [], {}),
        (apart(term()), [("a", db())], all_for(APART, "ab")),
        (apart(term(key=HOST)), [("a", db()), ("d", db("db2"))], all_for(APART, "ad")),
        (apart(term(), term(WEB, HOST)), [("c", db()), ("b", make_pod("w", labels=WEB))], all_for(APART, "bc")),
        # A node that breaks both rules tells the first.
        (near(term()) | apart(term(key=HOST)), [("a", db())], {**all_for(NEAR, "cd"), "a": APART}),
        # Namespaces: the pod's own unless some are named or selected.
        (apart(term()), [("a", db(namespace="blue"))], {}),
        (apart(term(namespaces=["blue"])), [("a", db(namespace="blue")), ("c", db("db2"))], all_for(APART, "ab")),
        (
            apart(term(namespaceSelector={"matchLabels": {"team": "blue"}})),
            [("a", db(namespace="blue")), ("c", db("db2"))],
            all_for(APART, "ab"),
        ),
        (apart(term(namespaceSelector={})), [("a", db(namespace="blue")), ("c", db("x"))], all_for(APART, "abc")),
        # Keys: of the same revision, or of another one.
        (apart(term(matchLabelKeys=["rev"])), [("a", db(labels={**DB, "rev": "1"}))], {}),
        (apart(term(matchLabelKeys=["rev"])), [("a", db(labels={**DB, "rev": "2"}))], all_for(APART, "ab")),
        (apart(term(mismatchLabelKeys=["rev"])), [("a", db(labels={**DB, "rev": "1"}))], all_for(APART, "ab")),
        (apart(term(mismatchLabelKeys=["rev"])), [("a", db(labels={**DB, "rev": "2"}))], {}),
        # What is already there objects too.
        (None, [("a", db(affinity=apart(term(WEB))))], all_for(EXISTING, "ab")),
        (None, [("d", db(affinity=apart(term(WEB))))], {}),
        (None, [("a", db(affinity=apart(term(DB))))], None),
        (None, [("a", db(namespace="blue", affinity=apart(term(WEB))))], None),
        (None, [("a", db(namespace="blue", affinity=apart(term(WEB, namespaceSelector={}))))], all_for(EXISTING, "ab")),
    ],
)
def test_filter(affinity: JSON | None, pods: list[tuple[str, Any]], expected: dict[str, str] | None) -> None:
    pod = make_pod("p", labels={**WEB, "rev": "2"}, affinity=affinity)
    assert refusals(pod, table(*pods)) == expected


def test_an_objection_leaves_with_its_pod() -> None:
    nodes, objector = table(), pod_info(db(affinity=apart(term(WEB))))
    nodes.add_pod("a", objector)
    assert refusals(make_pod("p", labels=WEB), nodes) == all_for(EXISTING, "ab")
    nodes.remove_pod("a", objector)
    assert refusals(make_pod("p", labels=WEB), nodes) is None
    assert list(nodes.pods.with_terms) == []


@pytest.mark.parametrize(
    ("affinity", "pods", "expected"),
    [
        (None, [("a", db())], None),
        (rather(10, term()), [], None),
        (rather(10, term()), [("a", db())], [100, 100, 0, 0]),
        (rather(10, term(key=HOST)), [("a", db()), ("a", db("x")), ("c", db("y"))], [100, 0, 50, 0]),
        (rather(-10, term()), [("a", db())], [0, 0, 100, 100]),
        (rather(10, term()) | rather(-5, term(key=HOST)), [("a", db())], [50, 100, 0, 0]),
        # Preferences of pods already there, for and against; their required affinity counts one.
        (None, [("c", db(affinity=rather(7, term(WEB))))], [0, 0, 100, 0]),
        (None, [("c", db(affinity=rather(-7, term(WEB))))], [100, 100, 0, 100]),
        (None, [("c", db(affinity=near(term(WEB))))], [0, 0, 100, 0]),
        (None, [("c", db(affinity=near(term(WEB)))), ("a", db("x", affinity=rather(4, term(WEB))))], [100, 100, 25, 0]),
        (None, [("c", db(affinity=rather(7, term(DB))))], None),
    ],
)
def test_score(affinity: JSON | None, pods: list[tuple[str, Any]], expected: list[int] | None) -> None:
    plugin, state, nodes = InterPodAffinity(), CycleState(), table(*pods)
    info, rows = pod_info(make_pod("p", labels=WEB, affinity=affinity)), np.arange(nodes.size)
    if plugin.pre_score(state, info, nodes, rows).code is Code.SKIP:
        assert expected is None
        return
    raw = plugin.score(state, info, nodes, rows)
    assert [int(score) for score in plugin.normalize_score(state, info, raw)] == expected
