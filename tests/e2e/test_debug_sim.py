"""Time, holds and faults on a whole cluster of simulated nodes, through the command that people use.

`tests/e2e_debugging_docker` runs those of these tests that it names on Docker nodes, too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import canonical, disturbance
from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.need import need
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

IMAGE = "orrery/busybox:1"
RUN = ("--", "sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")
GRACE_SECONDS = 30  # of a pod that does not say otherwise
MANY = 190  # pods of one Deployment; nodes take 110 each


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(bool(find_kubectls()), "no kubectl of 1.31 to 1.33 found")
    made = Cluster("debug-sim", tmp_path_factory.mktemp("orrery"))
    try:
        made.orrery("up", "--runtime", "sim", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@pytest.fixture
def kubectl(cluster: Cluster) -> Iterator[Kubectl]:
    """Whatever a test holds, breaks or stops is as before afterwards."""
    kubectl = Kubectl(next(iter(find_kubectls().values())), cluster.kubeconfig, cluster.context)
    yield kubectl
    cluster.orrery("thaw", "*", check=False)
    cluster.orrery("release", "--all")
    cluster.orrery("fault", "clear")
    cluster.orrery("clock", "resume")
    kubectl("delete", "deployments", "--all")
    eventually("an empty namespace", lambda: not pods(kubectl))
    eventually("all nodes Ready", lambda: set(ready(kubectl).values()) == {"True"})


def pods(kubectl: Kubectl) -> list[Any]:
    found: list[Any] = kubectl.json("get", "pods")["items"]
    return found


def condition(kubectl: Kubectl, node: str) -> dict[str, str]:
    conditions = kubectl.json("get", "node", node)["status"]["conditions"]
    return next(one for one in conditions if one["type"] == "Ready")


def ready(kubectl: Kubectl) -> dict[str, str]:
    return {node: condition(kubectl, node)["status"] for node in ("worker-1", "worker-2")}


def leaders(kubectl: Kubectl) -> dict[str, tuple[str, int]]:
    leases = kubectl.json("get", "leases", "-n", "kube-system")["items"]
    return {one["metadata"]["name"]: (one["spec"]["holderIdentity"], one["spec"]["leaseTransitions"]) for one in leases}


def placed(kubectl: Kubectl, node: str) -> list[str]:
    return [
        one["metadata"]["name"]
        for one in pods(kubectl)
        if one["spec"].get("nodeName") == node and "deletionTimestamp" not in one["metadata"]
    ]


def moments(kubectl: Kubectl, node: str, stranded: list[str]) -> tuple[float, float, list[float]]:
    """In cluster time: since when the node is not Ready, is tainted, and when each of its pods was told to go."""
    taints = kubectl.json("get", "node", node)["spec"]["taints"]
    (tainted,) = (one["timeAdded"] for one in taints if one["effect"] == "NoExecute")
    gone = [one["metadata"]["deletionTimestamp"] for one in pods(kubectl) if one["metadata"]["name"] in stranded]
    assert len(gone) == len(stranded)
    since = seconds(condition(kubectl, node)["lastTransitionTime"])
    return since, seconds(tainted), [seconds(one) - GRACE_SECONDS for one in gone]


def seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def holding(cluster: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cluster.orrery("held", "--json").stdout)
    return found


def test_ten_minutes_pass_and_no_lease_is_lost(cluster: Cluster, kubectl: Kubectl) -> None:
    before, since = leaders(kubectl), {node: condition(kubectl, node)["lastTransitionTime"] for node in ready(kubectl)}
    cluster.orrery("clock", "pause")
    said = cluster.orrery("clock", "step", "10m").stdout
    assert "not at rest" not in said
    assert "not reached" not in said
    assert leaders(kubectl) == before
    assert {node: condition(kubectl, node)["lastTransitionTime"] for node in ready(kubectl)} == since
    assert "60 x" in said


def test_a_node_is_evicted_in_the_right_order(cluster: Cluster, kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=4", *RUN)
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    before, stranded = leaders(kubectl), placed(kubectl, "worker-2")
    assert stranded
    cluster.orrery("clock", "pause")
    cluster.orrery("freeze", "kubelet-worker-2")
    cluster.orrery("clock", "step", "30s")
    assert ready(kubectl)["worker-2"] == "True", "the grace period is not over"
    cluster.orrery("clock", "step", "30s")
    assert ready(kubectl) == {"worker-1": "True", "worker-2": "Unknown"}
    assert placed(kubectl, "worker-2") == stranded, "pods tolerate an unreachable node for 300 s"
    cluster.orrery("clock", "step", "6m")
    assert placed(kubectl, "worker-2") == []
    assert len(placed(kubectl, "worker-1")) == 4
    unknown, tainted, evicted = moments(kubectl, "worker-2", stranded)
    assert unknown <= tainted
    assert {300, 301} >= {round(one - tainted) for one in evicted}
    assert leaders(kubectl) == before
    assert "frozen: kubelet-worker-2" in cluster.orrery("status").stdout
    cluster.orrery("thaw", "kubelet-worker-2")
    cluster.orrery("clock", "resume")
    eventually("the stranded pods go", lambda: len(pods(kubectl)) == 4)


def test_a_deployment_is_single_stepped_to_its_running_container(cluster: Cluster, kubectl: Kubectl) -> None:
    for edge in ("watch:deployments", "watch:pods", "reconcile:*", "rpc:*WriteMany", "schedule:cycle", "rpc:/runtime*"):
        cluster.orrery("hold", edge, "--match", "name=one*")
    kubectl("create", "deployment", "one", f"--image={IMAGE}", *RUN)
    steps = list(one_key_each(cluster, lambda: [one["status"]["phase"] for one in pods(kubectl)] == ["Running"]))
    order = [
        steps.index(edge)
        for edge in ("watch:deployments", "reconcile:deployment", "reconcile:replicaset", "schedule:cycle")
    ]
    assert order == sorted(order)
    calls = [f"rpc:/runtime.v1.RuntimeService/{call}" for call in ("RunPodSandbox", "CreateContainer")]
    order = [steps.index(edge) for edge in ("schedule:cycle", *calls)]
    assert order == sorted(order)


def one_key_each(cluster: Cluster, done: Callable[[], bool]) -> Iterator[str]:
    """`orrery step` at a terminal: lets the oldest message pass again and again. Gives their edges."""
    command = [sys.executable, "-u", "-m", "cli", "step", "--name", cluster.name]
    with Terminal(command, ROOT, cluster.environment) as terminal:
        while True:
            match terminal.first("→ 1. ", "passed: ", "nothing is held"):
                case "→ 1. ":
                    terminal.press(" ")
                case "passed: ":
                    yield terminal.expect("\n").split("  ")[2]
                case _ if done():
                    terminal.press("q")
                    terminal.expect("left; ")
                    return


def test_two_hundred_held_messages_and_twenty_rules_leave_no_trace(
    cluster: Cluster, kubectl: Kubectl, tmp_path: Path
) -> None:
    """Releasing everything brings the cluster to the same state as a run without."""
    disturbance.apply(kubectl, MANY, roll=cluster)
    disturbance.wait_done(kubectl)
    without = canonical.settled(kubectl)
    disturbance.remove(kubectl)

    disturbance.hold_and_break(cluster, tmp_path / "faults.json")
    with disturbance.captured(cluster, tmp_path / "traffic"):
        disturbance.apply(kubectl, MANY, roll=cluster)
        held = eventually("200 held messages", lambda: two_hundred(cluster), every=1.0)
        assert {one["edge"].partition(":")[0] for one in held} >= {"schedule", "rpc", "reconcile", "watch"}
        disturbance.let_everything_go(cluster)
        disturbance.wait_done(kubectl)
    assert canonical.difference(without, canonical.settled(kubectl)) == []
    assert (tmp_path / "traffic").stat().st_size > 1_000_000
    disturbance.remove(kubectl)


def two_hundred(cluster: Cluster) -> list[dict[str, Any]]:
    found = disturbance.held(cluster)
    return found if len(found) >= 200 else []


def test_a_scheduler_cut_off_stops_leading_and_comes_back(cluster: Cluster, kubectl: Kubectl) -> None:
    holder = leaders(kubectl)["kube-scheduler"][0]
    cluster.orrery("clock", "pause")
    cluster.orrery("partition", "scheduler", "apiserver", "--duration", "30s")
    kubectl("create", "deployment", "waits", f"--image={IMAGE}", *RUN)
    cluster.orrery("clock", "step", "20s")
    assert "lost the lease" in cluster.log("scheduler")
    assert [one["spec"].get("nodeName") for one in pods(kubectl)] == [None]
    cluster.orrery("clock", "step", "30s")
    cluster.orrery("clock", "resume")
    eventually("scheduled", lambda: all("nodeName" in one["spec"] for one in pods(kubectl)))
    assert leaders(kubectl)["kube-scheduler"][0] == holder
    assert "no rules" in cluster.orrery("fault", "list").stdout


def test_a_rule_survives_the_restart_of_its_component(cluster: Cluster, kubectl: Kubectl) -> None:
    rule = cluster.orrery("hold", "schedule:cycle", "--match", "name=kept*").stdout.partition(":")[0]
    old = cluster.pid("scheduler")
    cluster.orrery("kill", "scheduler")
    eventually("a new scheduler", lambda: cluster.pid("scheduler") not in (0, old))
    kubectl("create", "deployment", "kept", f"--image={IMAGE}", *RUN)
    held = eventually("a held cycle", lambda: [one for one in holding(cluster) if one["edge"] == "schedule:cycle"])
    assert held[0]["rule_id"] == rule
    assert rule in cluster.orrery("status").stdout


def test_wrong_use_gets_help(cluster: Cluster, kubectl: Kubectl) -> None:
    table = [
        (("hold", "watch:pod"), "near it are: watch:pods"),
        (("hold", "rpc:*WriteMany"), "may starve a lease"),
        (("fault", "add", "watch:pods", "--drop"), "when should it end?"),
        (("partition", "scheduler", "dns", "--duration", "1s"), "scheduler talks to: apiserver"),
        (("freeze", "kubelet"), "near it are: kubelet-worker-"),
        (("clock", "rate", "6000"), "at most 600"),
        (("release",), "say which"),
    ]
    for command, said in table:
        done = cluster.orrery(*command, check=False)
        assert done.returncode == 1, command
        assert said in done.stderr, done.stderr
