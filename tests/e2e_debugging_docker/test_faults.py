"""Faults on the way to real containers, real rules and a real etcd: all is made good, and nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_debug_sim import ready
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.leftovers import leftovers
from tests.support.losses import survey

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

IMAGE = "orrery/busybox:1"
SERVE = "trap 'exit 0' TERM; mkdir -p /www; hostname > /www/index.html; httpd -p 80 -h /www; sleep 100000 & wait"
CRI_FAULTS: tuple[dict[str, Any], ...] = (
    {"edge": "rpc:*RunPodSandbox", "drop": True},
    {"edge": "rpc:*RunPodSandbox", "duplicate": True},
    {"edge": "rpc:*CreateContainer", "error": "INTERNAL"},
    {"edge": "rpc:*CreateContainer", "duplicate": True},
    {"edge": "rpc:*StartContainer", "delay": "500ms"},
    {"edge": "rpc:*RunPodSandbox", "reorder": True},
)
DOCKER_FAULTS: tuple[dict[str, Any], ...] = (
    {"edge": "docker:create_container", "error": "UNAVAILABLE"},
    {"edge": "docker:create_container", "duplicate": True},
    {"edge": "docker:start", "drop": True},
    {"edge": "docker:start", "delay": "500ms"},
    {"edge": "docker:create_container", "reorder": True},
)
RULE_FAULTS: tuple[dict[str, Any], ...] = (
    {"edge": "nft:apply", "error": "UNAVAILABLE"},
    {"edge": "nft:apply", "drop": True},
    {"edge": "nft:apply", "delay": "500ms"},
    {"edge": "nft:apply", "duplicate": True},
)


@pytest.fixture
def web(kubectl: Kubectl) -> Iterator[Kubectl]:
    """Four pods of a Deployment are made by `start`."""
    yield kubectl


def start(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=4", "--", "sh", "-c", SERVE)
    kubectl("rollout", "status", "deployment/web", "--timeout=90s", timeout=100)


def break_it(cluster: Cluster, file: Path, faults: tuple[dict[str, Any], ...], **common: Any) -> None:
    file.write_text(json.dumps({"faults": [{**one, **common} for one in faults]}))
    cluster.orrery("fault", "apply", "-f", str(file))


def untaken(cluster: Cluster) -> list[str]:
    rules = json.loads(cluster.orrery("fault", "list", "--json").stdout)
    return [f"{one['edge']}: {one['action']}" for one in rules if not one["taken"]]


def containers(cluster: Cluster) -> int:
    """Sandboxes and containers; nodes are not counted."""
    return sum(line.startswith("container ") for line in leftovers(cluster)) - 2


def assert_two_each(cluster: Cluster, kubectl: Kubectl) -> None:
    """A sandbox and a container for each pod, and nothing that a message sent twice or lost has left behind."""
    pods = kubectl.json("get", "pods", "-l", "app=web")["items"]
    assert len(pods) == 4
    assert [status["restartCount"] for one in pods for status in one["status"]["containerStatuses"]] == [0] * 4
    eventually("two containers each", lambda: containers(cluster) == 8)


@pytest.mark.parametrize("faults", [CRI_FAULTS, DOCKER_FAULTS], ids=["cri", "docker"])
def test_containers_start_whatever_happens_to_their_messages(
    cluster: Cluster, web: Kubectl, tmp_path: Path, faults: tuple[dict[str, Any], ...]
) -> None:
    break_it(cluster, tmp_path / "faults.json", faults, count=1)
    start(web)
    assert untaken(cluster) == []
    cluster.orrery("fault", "clear")
    assert_two_each(cluster, web)


def test_rules_reach_the_nodes_whatever_happens_to_them(cluster: Cluster, web: Kubectl, tmp_path: Path) -> None:
    start(web)
    break_it(cluster, tmp_path / "faults.json", RULE_FAULTS, count=1)
    web("expose", "deployment", "web", "--port=80")
    for pod in web.json("get", "pods", "-l", "app=web")["items"]:
        ask = ("exec", pod["metadata"]["name"], "--", "wget", "-q", "-T", "2", "-O", "-", "http://web/")
        eventually("the Service answers", lambda ask=ask: web.run(*ask).out.strip())  # type: ignore[misc]
    assert untaken(cluster) == []


def test_a_node_cut_off_comes_back_with_its_containers(cluster: Cluster, web: Kubectl) -> None:
    start(web)
    before = survey(cluster, web)
    cluster.orrery("clock", "pause")
    cluster.orrery("partition", "kubelet-worker-2", "apiserver", "--duration", "90s")
    cluster.orrery("clock", "step", "1m")
    assert ready(web) == {"worker-1": "True", "worker-2": "Unknown"}
    cluster.orrery("clock", "step", "1m")
    cluster.orrery("clock", "resume")
    eventually("both nodes are Ready", lambda: set(ready(web).values()) == {"True"})
    after = survey(cluster, web)
    assert (after.engine, after.processes) == (before.engine, before.processes)
    assert {name: ids for name, (_, ids) in after.pods.items()} == {name: ids for name, (_, ids) in before.pods.items()}


def test_an_etcd_that_is_slow_or_takes_no_writes(cluster: Cluster, kubectl: Kubectl) -> None:
    cluster.orrery("fault", "add", "etcd:txn", "--delay", "300ms", "--match", "name=one", "--count", "3")
    kubectl("create", "configmap", "one")
    assert untaken(cluster) == []
    cluster.orrery("fault", "clear")
    cluster.orrery("clock", "pause")  # leases are writes, too
    cluster.orrery("fault", "add", "etcd:txn", "--error", "UNAVAILABLE", "--forever")
    refused = kubectl.run("create", "configmap", "all")
    assert "fault injected at etcd:txn: UNAVAILABLE" in refused.err
    assert "configmap/one" in kubectl("get", "configmap", "one", "-o", "name")
    cluster.orrery("fault", "clear")
    kubectl("create", "configmap", "all")


def test_an_etcd_without_quorum(cluster: Cluster, kubectl: Kubectl) -> None:
    """It neither writes nor reads for certain; what may be old can be read; afterwards all is as it was."""
    before = survey(cluster, kubectl)
    cluster.orrery("clock", "pause")
    cluster.orrery("freeze", "etcd")
    assert "etcd" in kubectl.run("create", "configmap", "one").err
    assert "etcd" in kubectl.run("get", "node", "worker-1").err
    stale = json.loads(kubectl("get", "--raw", "/api/v1/nodes?resourceVersion=0"))
    assert {one["metadata"]["name"] for one in stale["items"]} == {"worker-1", "worker-2"}
    cluster.orrery("thaw", "etcd")
    cluster.orrery("clock", "resume")
    eventually("it writes again", lambda: kubectl.run("create", "configmap", "all").code == 0)
    after = survey(cluster, kubectl)
    assert (after.leases, after.nodes, after.processes) == (before.leases, before.nodes, before.processes)
