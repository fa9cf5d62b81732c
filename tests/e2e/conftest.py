"""One Docker-backed cluster for the whole e2e suite; a fresh namespace and one kubectl for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.need import docker_answers, need

KUBECTLS = find_kubectls()
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(docker_answers(), "no Docker engine answers")
    need(bool(KUBECTLS), "no kubectl of 1.31 to 1.33 found")
    made = Cluster("e2e", tmp_path_factory.mktemp("orrery"))
    try:
        made.orrery("up", "--runtime", "docker", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@pytest.fixture(scope="session")
def newest(cluster: Cluster) -> Kubectl:
    """The newest kubectl, in namespace default."""
    return Kubectl(next(iter(KUBECTLS.values())), cluster.kubeconfig, cluster.context)


@pytest.fixture(params=list(KUBECTLS) or ["none"])
def every_kubectl(request: pytest.FixtureRequest, cluster: Cluster, newest: Kubectl) -> Iterator[Kubectl]:
    """Each supported kubectl in turn, in a namespace of its own."""
    yield from _in_namespace(Kubectl(KUBECTLS[request.param], cluster.kubeconfig, cluster.context), newest)


@pytest.fixture
def kubectl(cluster: Cluster, newest: Kubectl) -> Iterator[Kubectl]:
    """The newest kubectl in a namespace of its own."""
    yield from _in_namespace(newest, newest)


def _in_namespace(binary: Kubectl, admin: Kubectl) -> Iterator[Kubectl]:
    namespace = f"t{next(_numbers)}"
    admin("create", "namespace", namespace)
    yield Kubectl(binary.binary, binary.kubeconfig, binary.context, namespace)
    admin("delete", "namespace", namespace, "--wait=false")
