"""Each component in turn is killed under light load: it alone comes back, no container restarts, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.test_kubectl import IMAGE, deploy, pod_names
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

COMPONENTS = [
    "etcd",
    "apiserver",
    "scheduler",
    "controller-manager",
    "kubelet-worker-1",
    "runtime-worker-1",
    "kube-proxy-worker-1",
    "dns",
]


def container_starts(kubectl: Kubectl) -> dict[str, tuple[int, str]]:
    """(restart count, container id) of every container of the deployment."""
    found = {}
    for pod in kubectl.json("get", "pods", "-l", "app=web")["items"]:
        for status in pod["status"].get("containerStatuses", []):
            found[pod["metadata"]["name"]] = (status["restartCount"], status["containerID"])
    return found


@contextmanager
def light_load(kubectl: Kubectl) -> Iterator[list[str]]:
    """One ConfigMap after another; gives the names of those whose creation was acknowledged."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def create() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"load-{number}"
            if kubectl.run("create", "configmap", name, f"--from-literal=n={number}", "--request-timeout=5s").code == 0:
                acknowledged.append(name)

    thread = threading.Thread(target=create)
    thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_killed_component_comes_back_alone(component: str, cluster: Cluster, kubectl: Kubectl) -> None:
    deploy(kubectl, replicas=2)
    before = container_starts(kubectl)
    pids = {name: one["pid"] for name, one in cluster.processes().items()}
    with light_load(kubectl) as acknowledged:
        eventually("load", lambda: len(acknowledged) >= 3)
        os.kill(pids[component], signal.SIGKILL)
        eventually("a new process", lambda: cluster.pid(component) not in (0, pids[component]))
        seen = len(acknowledged)
        eventually("load goes on", lambda: len(acknowledged) > seen + 2)
    after = {name: one["pid"] for name, one in cluster.processes().items()}
    assert {name for name in pids if pids[name] != after[name]} == {component}
    kubectl("scale", "deployment/web", "--replicas=3")
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    now = container_starts(kubectl)
    assert {name: now.get(name) for name in before} == before
    kept = set(kubectl("get", "configmaps", "-o", "name").split())
    assert {f"configmap/{name}" for name in acknowledged} <= kept
    kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")


def test_without_a_scheduler_new_pods_stay_pending(cluster: Cluster, kubectl: Kubectl) -> None:
    pid = cluster.pid("scheduler")
    os.kill(pid, signal.SIGSTOP)
    try:
        kubectl("run", "waiting", f"--image={IMAGE}", "--command", "--", "sleep", "1000")
        kubectl("run", "placed", f"--image={IMAGE}", '--overrides={"spec":{"nodeName":"worker-1"}}',
                "--command", "--", "sleep", "1000")  # fmt: skip
        kubectl("wait", "--for=condition=Ready", "pod/placed", "--timeout=60s")
        waiting = kubectl.json("get", "pod", "waiting")
        assert waiting["status"]["phase"] == "Pending"
        assert "nodeName" not in waiting["spec"]
    finally:
        os.kill(pid, signal.SIGCONT)
    kubectl("wait", "--for=condition=Ready", "pod/waiting", "--timeout=60s")
    kubectl("delete", "pod", "waiting", "placed", "--grace-period=1")


def ruleset(cluster: Cluster, node: str) -> str:
    netns = (cluster.root / "nodes" / node / "runtime" / "netns").read_text().strip()
    done = subprocess.run(
        ["nsenter", f"--net={netns}", "nft", "list", "ruleset"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_dead_kube_proxy_leaves_only_its_node_stale(cluster: Cluster, kubectl: Kubectl) -> None:
    deploy(kubectl, replicas=1)
    pid = cluster.pid("kube-proxy-worker-1")
    os.kill(pid, signal.SIGSTOP)
    try:
        kubectl("expose", "deployment", "web", "--port=80")
        address = kubectl.json("get", "service", "web")["spec"]["clusterIP"]
        eventually("rules on worker-2", lambda: address in ruleset(cluster, "worker-2"))
        assert address not in ruleset(cluster, "worker-1")
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually("rules on worker-1", lambda: address in ruleset(cluster, "worker-1"))
    assert len(pod_names(kubectl)) == 1
