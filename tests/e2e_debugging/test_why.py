"""`orrery why` on real processes: the answers name the true cause, and their evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e_failures.conftest import up
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Kubectl]]:
    cluster = Cluster("why", tmp_path_factory.mktemp("why"))
    try:
        yield cluster, up(cluster, nodes=2)
    finally:
        if cluster.root.exists():
            cluster.orrery("down", check=False)


def why(cluster: Cluster, target: str, said: str) -> str:
    """The whole answer, once it holds `said`."""

    def ask() -> str:
        answer = cluster.orrery("why", target).stdout
        return answer if said in answer else ""

    return eventually(f"why {target}: {said}", ask, seconds=30)


def apply(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def pod(name: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "orrery/busybox:1", "command": ["sleep", "1000"], **spec.pop("container", {})}
    body = {"containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": body}


def test_this_node_and_not_the_other(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    kubectl("label", "node", "worker-2", "disk=ssd")
    apply(kubectl, pod("picky", nodeSelector={"disk": "ssd"}))
    answer = why(cluster, "pod/picky", "It is Ready")
    assert "It is on node worker-2: every other node was refused" in answer
    assert "worker-1: refused by NodeAffinity" in answer and "evidence: pod/picky@" in answer
    assert "kubelet-worker-2 last looked at it" in answer


def test_pending(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    apply(kubectl, pod("huge", container={"resources": {"requests": {"cpu": "1000"}}}))
    answer = why(cluster, "pod/huge", "no node takes it")
    assert answer.count("refused by NodeResourcesFit: Insufficient cpu") == 2
    assert "In the scheduler's queue it is" in answer
    kubectl("create", "deployment", "big", "--image=orrery/busybox:1")
    kubectl("set", "resources", "deployment/big", "--requests=cpu=1000")
    why(cluster, "deployment/big", "it has no node: 0/2 nodes are available")


def test_a_service_without_endpoints(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    apply(kubectl, pod("front", {"app": "web", "tier": "front"}))
    kubectl("create", "service", "clusterip", "web", "--tcp=80:80")
    kubectl("patch", "service", "web", "-p", '{"spec":{"selector":{"app":"web","tier":"back"}}}')
    answer = why(cluster, "service/web", "matches no pod")
    assert "nearest: pod front: tier is front, not back" in answer
    kubectl("patch", "service", "web", "-p", '{"spec":{"selector":{"app":"web","tier":"front"}}}')
    answer = why(cluster, "service/web", "It has 1 endpoints that take traffic")
    assert "evidence: endpointslice/web-" in answer
    assert "controller-manager's endpointslice controller last looked" in answer


def test_what_is_held_on_the_way(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    cluster.orrery("hold", "schedule:cycle", "--match", "kind=Pod,name=stuck", "--yes")
    apply(kubectl, pod("stuck"))
    try:
        answer = why(cluster, "pod/stuck", "Nothing comes of it: scheduler holds Pod default/stuck")
        assert "A hold is in force at schedule:cycle in scheduler" in answer
    finally:
        cluster.orrery("release", "--all")
    why(cluster, "pod/stuck", "It is Ready")


def test_a_node_whose_kubelet_is_frozen(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, _ = asked
    cluster.orrery("freeze", "kubelet-worker-1")
    try:
        why(cluster, "node/worker-1", "kubelet-worker-1 frozen")
    finally:
        cluster.orrery("thaw", "kubelet-worker-1")


def test_wrong_use_gets_help(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, _ = asked
    assert "There is no pod/none in namespace default" in cluster.orrery("why", "pod/none").stdout
    done = cluster.orrery("why", "pdo/x", check=False)
    assert done.returncode == 1 and "pod" in done.stderr
