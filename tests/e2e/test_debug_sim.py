"""Time, holds and faults on a whole cluster of simulated nodes, through the command that people use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.need import need

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

IMAGE = "orrery/busybox:1"
RUN = ("--", "httpd", "-f", "-p", "80")


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(bool(find_kubectls()), "no kubectl of 1.31 to 1.33 found")
    made = Cluster("debug-sim", tmp_path_factory.mktemp("orrery"))
    try:
        made.orrery("up", "--runtime", "sim", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@pytest.fixture
def kubectl(sim: Cluster) -> Iterator[Kubectl]:
    """Whatever a test holds, breaks or stops is as before afterwards."""
    kubectl = Kubectl(next(iter(find_kubectls().values())), sim.kubeconfig, sim.context)
    yield kubectl
    sim.orrery("thaw", "*", check=False)
    sim.orrery("release", "--all")
    sim.orrery("fault", "clear")
    sim.orrery("clock", "resume")
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


def holding(sim: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sim.orrery("held", "--json").stdout)
    return found


def test_ten_minutes_pass_and_no_lease_is_lost(sim: Cluster, kubectl: Kubectl) -> None:
    before, since = leaders(kubectl), {node: condition(kubectl, node)["lastTransitionTime"] for node in ready(kubectl)}
    sim.orrery("clock", "pause")
    said = sim.orrery("clock", "step", "10m").stdout
    assert "not at rest" not in said
    assert "not reached" not in said
    assert leaders(kubectl) == before
    assert {node: condition(kubectl, node)["lastTransitionTime"] for node in ready(kubectl)} == since
    assert "60 x" in said


def test_a_node_is_evicted_in_the_right_order(sim: Cluster, kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=4", *RUN)
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    before, stranded = leaders(kubectl), placed(kubectl, "worker-2")
    assert stranded
    sim.orrery("clock", "pause")
    sim.orrery("freeze", "kubelet-worker-2")
    sim.orrery("clock", "step", "30s")
    assert ready(kubectl)["worker-2"] == "True", "the grace period is not over"
    sim.orrery("clock", "step", "30s")
    assert ready(kubectl) == {"worker-1": "True", "worker-2": "Unknown"}
    assert placed(kubectl, "worker-2") == stranded, "pods tolerate an unreachable node for 300 s"
    sim.orrery("clock", "step", "6m")
    assert placed(kubectl, "worker-2") == []
    assert len(placed(kubectl, "worker-1")) == 4
    assert leaders(kubectl) == before
    assert "frozen: kubelet-worker-2" in sim.orrery("status").stdout
    sim.orrery("thaw", "kubelet-worker-2")
    sim.orrery("clock", "resume")
    eventually("the stranded pods go", lambda: len(pods(kubectl)) == 4)


def test_a_deployment_is_single_stepped_to_its_running_container(sim: Cluster, kubectl: Kubectl) -> None:
    for edge in ("watch:deployments", "watch:pods", "reconcile:*", "rpc:*WriteMany", "schedule:cycle", "rpc:/runtime*"):
        sim.orrery("hold", edge, "--match", "name=one*")
    kubectl("create", "deployment", "one", f"--image={IMAGE}", *RUN)
    seen: list[str] = []
    for _ in range(200):
        if not eventually_held(sim):
            break
        seen.append(sim.orrery("step").stdout)
    steps = [line.split("  ")[2] for line in seen]
    order = [
        steps.index(edge)
        for edge in ("watch:deployments", "reconcile:deployment", "reconcile:replicaset", "schedule:cycle")
    ]
    assert order == sorted(order)
    assert steps.index("schedule:cycle") < steps.index("rpc:/runtime.v1.RuntimeService/RunPodSandbox")
    eventually("running", lambda: [one["status"]["phase"] for one in pods(kubectl)] == ["Running"])


def eventually_held(sim: Cluster) -> list[dict[str, Any]]:
    """What is held, waiting a little for the next message; none if none comes."""
    try:
        return eventually("a held message", lambda: holding(sim), seconds=3)
    except AssertionError:
        return []


def test_two_hundred_held_messages_and_twenty_rules_leave_no_trace(sim: Cluster, kubectl: Kubectl) -> None:
    """Releasing everything brings the cluster to where it would have been."""
    for number in range(20):
        sim.orrery("fault", "add", f"rpc:*/{'Get' if number % 2 else 'WriteMany'}", "--delay", "1ms",
                   "--match", f"name=other-{number}", "--forever")  # fmt: skip
    sim.orrery("hold", "schedule:bind", "--match", "name=many*")
    sim.orrery("hold", "rpc:/runtime*", "--match", "name=many*")
    kubectl("create", "deployment", "many", f"--image={IMAGE}", "--replicas=205", *RUN)
    eventually("200 held messages", lambda: len(holding(sim)) >= 200, every=1.0)
    sim.orrery("release", "--all")
    sim.orrery("fault", "clear")
    kubectl("rollout", "status", "deployment/many", "--timeout=120s", timeout=130)
    status = kubectl.json("get", "deployment", "many")["status"]
    assert (status["replicas"], status["readyReplicas"], status["observedGeneration"]) == (205, 205, 1)
    assert len(pods(kubectl)) == 205


def test_a_scheduler_cut_off_stops_leading_and_comes_back(sim: Cluster, kubectl: Kubectl) -> None:
    holder = leaders(kubectl)["kube-scheduler"][0]
    sim.orrery("clock", "pause")
    sim.orrery("partition", "scheduler", "apiserver", "--duration", "30s")
    kubectl("create", "deployment", "waits", f"--image={IMAGE}", *RUN)
    sim.orrery("clock", "step", "20s")
    assert "lost the lease" in sim.log("scheduler")
    assert [one["spec"].get("nodeName") for one in pods(kubectl)] == [None]
    sim.orrery("clock", "step", "30s")
    sim.orrery("clock", "resume")
    eventually("scheduled", lambda: all("nodeName" in one["spec"] for one in pods(kubectl)))
    assert leaders(kubectl)["kube-scheduler"][0] == holder
    assert "no rules" in sim.orrery("fault", "list").stdout


def test_a_rule_survives_the_restart_of_its_component(sim: Cluster, kubectl: Kubectl) -> None:
    sim.orrery("hold", "schedule:cycle", "--match", "name=kept*")
    old = sim.pid("scheduler")
    sim.orrery("kill", "scheduler")
    eventually("a new scheduler", lambda: sim.pid("scheduler") not in (0, old))
    kubectl("create", "deployment", "kept", f"--image={IMAGE}", *RUN)
    held = eventually("a held cycle", lambda: [one for one in holding(sim) if one["edge"] == "schedule:cycle"])
    assert held[0]["rule_id"] == "hold-1"
    assert "hold-1" in sim.orrery("status").stdout


def test_wrong_use_gets_help(sim: Cluster, kubectl: Kubectl) -> None:
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
        done = sim.orrery(*command, check=False)
        assert done.returncode == 1, command
        assert said in done.stderr, done.stderr
