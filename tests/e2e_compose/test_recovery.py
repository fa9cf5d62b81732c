"""Compose alone brings back what was killed: components as in the host form, and whole nodes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.e2e.test_crashes import (
    test_a_dead_kube_proxy_leaves_only_its_node_stale,
    test_a_killed_component_comes_back_alone,
    test_without_a_scheduler_new_pods_stay_pending,
)
from tests.e2e.test_kubectl import IMAGE, TRAP
from tests.support.cluster import eventually
from tests.support.compose import ComposeCluster, docker
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

__all__ = [
    "test_a_dead_kube_proxy_leaves_only_its_node_stale",
    "test_a_killed_component_comes_back_alone",
    "test_without_a_scheduler_new_pods_stay_pending",
]


def run_on_node(kubectl: Kubectl, name: str, node: str) -> None:
    where = f'--overrides={{"spec":{{"nodeName":"{node}"}}}}'
    kubectl("run", name, f"--image={IMAGE}", where, "--command", "--", "sh", "-c", TRAP + "sleep 10000 & wait")
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")


def container_of(name: str, kubectl: Kubectl) -> str:
    wanted = {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": kubectl.namespace}
    filters = [word for key, value in wanted.items() for word in ("--filter", f"label={key}={value}")]
    return docker("ps", "-q", *filters, "--filter", "label=orrery.kind=container").strip()


def power_cycle(cluster: ComposeCluster) -> None:
    cluster.compose("restart", "node-2")


def power_loss(cluster: ComposeCluster) -> None:
    os.kill(cluster.pid("node-worker-2"), signal.SIGKILL)


@pytest.mark.parametrize("strike", [power_cycle, power_loss])
def test_a_node_takes_its_pods_with_it_and_brings_them_back(
    strike: Callable[[ComposeCluster], None], cluster: ComposeCluster, kubectl: Kubectl
) -> None:
    run_on_node(kubectl, "stays", "worker-1")
    run_on_node(kubectl, "returns", "worker-2")
    before = {name: container_of(name, kubectl) for name in ("stays", "returns")}
    strike(cluster)
    eventually("another container", lambda: container_of("returns", kubectl) not in ("", before["returns"]))
    assert container_of("stays", kubectl) == before["stays"]
    kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
    kubectl("wait", "--for=condition=Ready", "pod/returns", "--timeout=60s")
    assert kubectl("exec", "returns", "--", "nslookup", "kubernetes.default.svc.cluster.local").count("10.96.0.1") >= 1
    kubectl("delete", "pod", "stays", "returns", "--grace-period=1")
