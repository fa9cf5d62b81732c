"""One cluster with real containers for the debugging suite; whatever a test held, broke or stopped goes on after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.need import docker_answers, need

KUBECTLS = find_kubectls()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(docker_answers(), "no Docker engine answers")
    need(bool(KUBECTLS), "no kubectl of 1.31 to 1.33 found")
    made = Cluster("debugging-docker", tmp_path_factory.mktemp("orrery"))
    try:
        made.orrery("up", "--runtime", "docker", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@pytest.fixture(scope="session")
def admin(cluster: Cluster) -> Kubectl:
    """The newest kubectl, in namespace default."""
    return Kubectl(next(iter(KUBECTLS.values())), cluster.kubeconfig, cluster.context)


@pytest.fixture
def kubectl(cluster: Cluster, admin: Kubectl) -> Iterator[Kubectl]:
    yield admin
    cluster.orrery("thaw", "*", check=False)
    cluster.orrery("release", "--all")
    cluster.orrery("fault", "clear")
    cluster.orrery("clock", "resume")
    empty(cluster, admin)


def empty(cluster: Cluster, kubectl: Kubectl) -> None:
    """The namespace, as it was in the beginning."""
    kubectl("delete", "deployments,pods", "--all", "--grace-period=1")
    services = kubectl("get", "services", "-o", "name").split()
    kubectl("delete", "--ignore-not-found", *(set(services) - {"service/kubernetes"}), "configmap/one", "configmap/all")
    eventually("an empty namespace", lambda: not kubectl.json("get", "pods")["items"])
    kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
