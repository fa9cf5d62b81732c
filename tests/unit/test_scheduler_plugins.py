"""Each filter and score over a small table of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from api.node import Taint
from api.placement import Toleration
from scheduler.framework import Code, CycleState, Filter, Ints, NormalizeScore, Score
from scheduler.node_table import NodeTable
from scheduler.plugins.balanced_allocation import BalancedAllocation
from scheduler.plugins.image_locality import ImageLocality, normalized_image
from scheduler.plugins.node_affinity import NodeAffinity
from scheduler.plugins.node_name import NodeName
from scheduler.plugins.node_ports import NodePorts
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from scheduler.plugins.node_unschedulable import NodeUnschedulable
from scheduler.plugins.scheduling_gates import SchedulingGates
from scheduler.plugins.taint_toleration import TaintToleration
from scheduler.plugins.tolerations import tolerates
from scheduler.pod_info import pod_info
from tests.support.scheduling import MIB, make_node, make_pod


def table(*nodes: Any) -> NodeTable:
    found = NodeTable()
    for node in nodes:
        found.set_node(node)
    return found


def passing(plugin: Filter, pod: Any, nodes: NodeTable) -> list[str]:
    refused = nodes.none()
    for mask, _, _ in plugin.filter(CycleState(), pod_info(pod), nodes):
        refused |= mask
    return [name for row, name in enumerate(nodes.names) if not refused[row]]


def scores(plugin: Score, pod: Any, nodes: NodeTable) -> list[int]:
    state, info = CycleState(), pod_info(pod)
    found: Ints = plugin.score(state, info, nodes, np.arange(nodes.size))
    if isinstance(plugin, NormalizeScore):
        found = plugin.normalize_score(state, info, found)
    return [int(score) for score in found]


def required(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


ZONES = (
    make_node("a", labels={"zone": "east", "cores": "4"}),
    make_node("b", labels={"zone": "west", "cores": "16"}),
    make_node("c", labels={"cores": "many"}),
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"node_selector": {"zone": "east"}}, ["a"]),
        ({"node_selector": {"zone": "east", "cores": "16"}}, []),
        ({"node_selector": {"zone": "north"}}, []),
        ({"affinity": required({"matchExpressions": [expression("zone", "In", "east", "north")]})}, ["a"]),
        ({"affinity": required({"matchExpressions": [expression("zone", "NotIn", "east")]})}, ["b", "c"]),
        ({"affinity": required({"matchExpressions": [expression("zone", "Exists")]})}, ["a", "b"]),
        ({"affinity": required({"matchExpressions": [expression("zone", "DoesNotExist")]})}, ["c"]),
        ({"affinity": required({"matchExpressions": [expression("cores", "Gt", "4")]})}, ["b"]),
        ({"affinity": required({"matchExpressions": [expression("cores", "Lt", "5")]})}, ["a"]),
        ({"affinity": required({"matchFields": [expression("metadata.name", "In", "c")]})}, ["c"]),
        ({"affinity": required({"matchFields": [expression("metadata.name", "NotIn", "c")]})}, ["a", "b"]),
        ({"affinity": required({})}, []),
        (
            {
                "affinity": required(
                    {"matchExpressions": [expression("zone", "In", "west")]},
                    {"matchFields": [expression("metadata.name", "In", "c")]},
                )
            },
            ["b", "c"],
        ),
        (
            {
                "node_selector": {"zone": "west"},
                "affinity": required({"matchExpressions": [expression("zone", "Exists")]}),
            },
            ["b"],
        ),
    ],
)
def test_node_affinity_filters(spec: dict[str, Any], expected: list[str]) -> None:
    assert passing(NodeAffinity(), make_pod("p", **spec), table(*ZONES)) == expected


def test_label_columns_follow_changes() -> None:
    nodes = table(*ZONES)
    pod = make_pod("p", node_selector={"zone": "north"})
    assert passing(NodeAffinity(), pod, nodes) == []
    nodes.set_node(make_node("c", labels={"zone": "north"}))
    assert passing(NodeAffinity(), pod, nodes) == ["c"]


def test_node_affinity_scores_by_weight() -> None:
    def preferred(weight: int, zone: str) -> dict[str, Any]:
        return {"weight": weight, "preference": {"matchExpressions": [expression("zone", "In", zone)]}}

    wanted = {"preferredDuringSchedulingIgnoredDuringExecution": [preferred(20, "east"), preferred(80, "west")]}
    pod = make_pod("p", affinity={"nodeAffinity": wanted})
    assert scores(NodeAffinity(), pod, table(*ZONES)) == [25, 100, 0]


def test_node_affinity_narrows_to_named_nodes() -> None:
    pod = make_pod("p", affinity=required({"matchFields": [expression("metadata.name", "In", "b")]}))
    result = NodeAffinity().pre_filter(CycleState(), pod_info(pod), table(*ZONES))
    assert result.candidates is not None
    assert result.candidates.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration(key="k", operator="Equal", value="v", effect="NoSchedule"), True),
        (Toleration(key="k", value="v"), True),
        (Toleration(key="k", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="k", value="other"), False),
        (Toleration(key="other", operator="Exists"), False),
        (Toleration(operator="Exists", effect="NoExecute"), False),
        (Toleration(key="k", operator="Exists", effect="NoSchedule"), True),
        (Toleration(), False),
    ],
)
def test_tolerations(toleration: Toleration, expected: bool) -> None:
    assert tolerates(toleration, Taint(key="k", value="v", effect="NoSchedule")) is expected


def tainted(name: str, *effects: str) -> Any:
    return make_node(name, taints=[{"key": f"k{n}", "effect": effect} for n, effect in enumerate(effects)])


def test_taints_refuse_and_discourage() -> None:
    nodes = table(
        tainted("free"), tainted("hard", "NoSchedule"), tainted("soft", "PreferNoSchedule"), tainted("out", "NoExecute")
    )
    assert passing(TaintToleration(), make_pod("p"), nodes) == ["free", "soft"]
    tolerant = make_pod("p", tolerations=[{"operator": "Exists"}])
    assert passing(TaintToleration(), tolerant, nodes) == ["free", "hard", "soft", "out"]
    softer = table(
        tainted("free"), tainted("one", "PreferNoSchedule"), tainted("two", "PreferNoSchedule", "PreferNoSchedule")
    )
    assert scores(TaintToleration(), make_pod("p"), softer) == [100, 50, 0]
    assert scores(TaintToleration(), tolerant, softer) == [100, 100, 100]


def test_cordoned_nodes() -> None:
    nodes = table(make_node("a"), make_node("b", unschedulable=True))
    assert passing(NodeUnschedulable(), make_pod("p"), nodes) == ["a"]
    tolerant = make_pod("p", tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}])
    assert passing(NodeUnschedulable(), tolerant, nodes) == ["a", "b"]


def test_node_name() -> None:
    assert passing(NodeName(), make_pod("p", node_name="b"), table(*ZONES)) == ["b"]
    assert passing(NodeName(), make_pod("p", node_name="gone"), table(*ZONES)) == []


def with_port(name: str, port: int, ip: str = "", protocol: str = "TCP") -> Any:
    return make_pod(
        name, container={"ports": [{"containerPort": 80, "hostPort": port, "hostIP": ip, "protocol": protocol}]}
    )


@pytest.mark.parametrize(
    ("pod", "free"),
    [
        (with_port("p", 80), False),
        (with_port("p", 81), True),
        (with_port("p", 80, protocol="UDP"), True),
        (with_port("p", 80, "10.0.0.1"), False),
        (with_port("p", 80, "10.0.0.2"), True),
    ],
)
def test_host_ports(pod: Any, free: bool) -> None:
    nodes = table(make_node("a"), make_node("b"))
    nodes.add_pod("a", pod_info(with_port("q", 80, "10.0.0.1")))
    assert passing(NodePorts(), pod, nodes) == (["a", "b"] if free else ["b"])
    nodes.remove_pod("a", pod_info(with_port("q", 80, "10.0.0.1")))
    assert passing(NodePorts(), pod, nodes) == ["a", "b"]


def refusals(pod: Any, nodes: NodeTable) -> set[tuple[Code, str]]:
    return {
        (code, reason)
        for mask, code, reason in NodeResourcesFit().filter(CycleState(), pod_info(pod), nodes)
        if mask.any()
    }


def test_resources_fit() -> None:
    nodes = table(make_node("a", cpu="2", memory="4Gi", pods="2", allocatable={"example.com/gpu": "1"}))
    nodes.add_pod("a", pod_info(make_pod("q", cpu="1500m", memory="1Gi")))
    assert refusals(make_pod("p", cpu="500m", memory="3Gi"), nodes) == set()
    assert refusals(make_pod("p", cpu="501m"), nodes) == {(Code.UNSCHEDULABLE, "Insufficient cpu")}
    assert refusals(make_pod("p", cpu="3"), nodes) == {(Code.UNRESOLVABLE, "Insufficient cpu")}
    gpus = {"resources": {"requests": {"example.com/gpu": "2"}}}
    assert refusals(make_pod("p", container=gpus), nodes) == {(Code.UNRESOLVABLE, "Insufficient example.com/gpu")}
    unknown = {"resources": {"requests": {"example.com/tpu": "1"}}}
    assert refusals(make_pod("p", container=unknown), nodes) == {(Code.UNRESOLVABLE, "Insufficient example.com/tpu")}
    nodes.add_pod("a", pod_info(make_pod("r")))
    assert refusals(make_pod("p"), nodes) == {(Code.UNSCHEDULABLE, "Too many pods")}


def test_the_emptier_node_scores_higher() -> None:
    nodes = table(make_node("empty"), make_node("half"))
    nodes.add_pod("half", pod_info(make_pod("q", cpu="2", memory="4Gi")))
    assert scores(NodeResourcesFit(), make_pod("p", cpu="1", memory="2Gi"), nodes) == [75, 25]


def test_containers_without_requests_count_a_little() -> None:
    assert pod_info(make_pod("p")).nonzero == (100, 200 * MIB)
    assert pod_info(make_pod("p")).requests == {}
    assert pod_info(make_pod("p", cpu="1")).nonzero == (1000, 200 * MIB)


def test_balanced_nodes_score_higher() -> None:
    nodes = table(make_node("even", cpu="4", memory="4Gi"), make_node("odd", cpu="4", memory="4Gi"))
    nodes.add_pod("odd", pod_info(make_pod("q", cpu="2")))
    assert scores(BalancedAllocation(), make_pod("p", cpu="1", memory="1Gi"), nodes) == [100, 75]


def test_images_attract() -> None:
    image = [{"names": ["web:latest"], "sizeBytes": 1000 * MIB}]
    nodes = table(make_node("a", images=image), make_node("b", images=image), make_node("c"), make_node("d"))
    found = scores(ImageLocality(), make_pod("p"), nodes)
    assert found == [48, 48, 0, 0]
    nodes.remove_node("a")
    assert nodes.images["web:latest"].keys() == {1}


def test_image_names_get_their_tag() -> None:
    assert normalized_image("web") == "web:latest"
    assert normalized_image("host:5000/web") == "host:5000/web:latest"
    assert normalized_image("host:5000/web:1") == "host:5000/web:1"


def test_scheduling_gates() -> None:
    gated = make_pod("p", scheduling_gates=[{"name": "a"}, {"name": "b"}])
    assert SchedulingGates().pre_enqueue(pod_info(gated)).reasons == ("waiting for scheduling gates: [a b]",)
    assert SchedulingGates().pre_enqueue(pod_info(make_pod("p"))).ok


def container(cpu: str, *, sidecar: bool = False) -> dict[str, Any]:
    more = {"restartPolicy": "Always"} if sidecar else {}
    return {"name": f"c{cpu}", "resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(
    ("spec", "milli_cpu"),
    [
        ({"cpu": "1"}, 1000),
        ({"cpu": "1", "init_containers": [container("3")]}, 3000),
        ({"cpu": "1", "init_containers": [container("500m")]}, 1000),
        ({"cpu": "1", "init_containers": [container("1", sidecar=True), container("3")]}, 4000),
        ({"cpu": "1", "init_containers": [container("3"), container("1", sidecar=True)]}, 3000),
        ({"cpu": "1", "overhead": {"cpu": "250m"}}, 1250),
        ({"cpu": "1", "resources": {"requests": {"cpu": "5"}}}, 5000),
    ],
)
def test_pod_requests(spec: dict[str, Any], milli_cpu: int) -> None:
    assert pod_info(make_pod("p", **spec)).requests["cpu"] == milli_cpu
