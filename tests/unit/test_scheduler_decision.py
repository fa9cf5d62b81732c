"""Whole decisions: which node, in what words none, and the table that says why."""

from __future__ import annotations

import random
from typing import Any

import pytest

from client.fake import FakeApi
from scheduler.decision import Decision, decide
from scheduler.explain import Decisions, describe, table
from scheduler.framework import Code, CycleState, Ints, PostFilterResult, Status
from scheduler.node_table import NodeTable
from scheduler.plugins.table import PLUGINS, WEIGHTS
from scheduler.pod_info import PodInfo, pod_info
from scheduler.profile import make_profile
from tests.support.scheduling import make_node, make_pod

TAINT = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]


def judge(pod: Any, *nodes: Any, taken: dict[str, Any] | None = None, more: tuple[Any, ...] = ()) -> Decision:
    known = NodeTable()
    for node in nodes:
        known.set_node(node)
    for node, other in (taken or {}).items():
        known.add_pod(node, pod_info(other))
    plugins = [make(FakeApi()) for make in PLUGINS.values()]
    profile = make_profile("default-scheduler", [*plugins, *more], WEIGHTS)
    return decide(pod_info(pod), known, profile, random.Random(0), 0.0)


def test_the_one_node_that_fits() -> None:
    decision = judge(make_pod("p", cpu="3"), make_node("a", cpu="2"), make_node("b", cpu="4"))
    assert decision.node == "b"


def test_the_emptier_node_wins() -> None:
    taken = {"a": make_pod("q", cpu="2", memory="4Gi")}
    assert judge(make_pod("p", cpu="1", memory="2Gi"), make_node("a"), make_node("b"), taken=taken).node == "b"


def test_equal_nodes_share_the_pods() -> None:
    nodes = NodeTable()
    for name in "abc":
        nodes.set_node(make_node(name))
    profile = make_profile("s", [make(FakeApi()) for make in PLUGINS.values()], WEIGHTS)
    chooser = random.Random(1)
    chosen = {decide(pod_info(make_pod("p")), nodes, profile, chooser, 0.0).node for _ in range(50)}
    assert chosen == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("pod", "nodes", "message"),
    [
        (make_pod("p"), [], "no nodes available to schedule pods"),
        (make_pod("p", cpu="8"), [make_node("a"), make_node("b")], "0/2 nodes are available: 2 Insufficient cpu."),
        (
            make_pod("p", cpu="8", memory="64Gi"),
            [make_node("a")],
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.",
        ),
        (
            make_pod("p", cpu="8"),
            [
                make_node("a"),
                make_node("b", taints=TAINT),
                make_node("c", taints=TAINT),
                make_node("d", unschedulable=True),
            ],
            "0/4 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable, "
            "2 node(s) had untolerated taint(s).",
        ),
        (
            make_pod("p", node_selector={"disk": "ssd"}),
            [make_node("a")],
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        ),
    ],
)
def test_why_no_node(pod: Any, nodes: list[Any], message: str) -> None:
    decision = judge(pod, *nodes)
    assert decision.node == ""
    assert decision.status.message == message


def test_a_daemon_sets_pod_says_which_plugin_named_its_node() -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    decision = judge(make_pod("p", cpu="8", affinity=affinity), make_node("a"), make_node("b"))
    assert decision.status.message == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    )


def test_refusing_plugins_are_remembered() -> None:
    decision = judge(make_pod("p", cpu="8"), make_node("a"), make_node("b", taints=TAINT))
    assert decision.refused_by == {"NodeResourcesFit", "TaintToleration"}
    assert "NodeResourcesFit" in judge(make_pod("p")).refused_by


class Nominator:
    name = "Nominator"

    def post_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable, codes: Ints) -> PostFilterResult:
        candidates = [name for name, code in zip(nodes.names, codes, strict=True) if code == Code.UNSCHEDULABLE]
        return PostFilterResult(Status(Code.UNSCHEDULABLE, (f"candidates: {candidates}",)), candidates[0])


def test_post_filter_sees_how_final_each_refusal_is() -> None:
    nodes = [make_node("small", cpu="1"), make_node("full", cpu="4")]
    taken = {"full": make_pod("q", cpu="4")}
    decision = judge(make_pod("p", cpu="2"), *nodes, taken=taken, more=(Nominator(),))
    assert decision.nominated == "full"
    assert decision.status.message == "0/2 nodes are available: 2 Insufficient cpu. candidates: ['full']"


def test_the_table_answers_why() -> None:
    taken = {"half": make_pod("q", cpu="2", memory="4Gi")}
    nodes = [make_node("half"), make_node("empty"), make_node("tainted", taints=TAINT), make_node("tiny", cpu="1")]
    decision = judge(make_pod("p", cpu="2", memory="1Gi"), *nodes, taken=taken)
    lines = {line.node: line for line in table(decision)}
    assert [line.node for line in table(decision)] == ["empty", "half", "tainted", "tiny"]
    assert lines["tainted"].refused_by == "TaintToleration"
    assert lines["tiny"].reasons == ("Insufficient cpu",)
    assert lines["empty"].scores.keys() >= {"TaintToleration", "NodeResourcesFit", "NodeResourcesBalancedAllocation"}
    total = sum(WEIGHTS[plugin] * score for plugin, score in lines["empty"].scores.items())
    assert lines["empty"].total == total
    assert describe(decision).splitlines()[0] == "default/p -> empty"


def test_the_ring_is_bounded() -> None:
    decision = judge(make_pod("p"), make_node("a"))
    ring = Decisions(capacity=3)
    for _ in range(5):
        ring.record(decision)
    assert len(ring) == 3
    narrow = Decisions(cells=2 * decision.cells)
    for _ in range(5):
        narrow.record(decision)
    assert len(narrow) == 2
    assert len(narrow.of_pod("default/p")) == 2
