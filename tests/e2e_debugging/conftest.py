"""One cluster of simulated nodes for the debugging suite; a fresh namespace and one kubectl for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.need import need

KUBECTLS = find_kubectls()
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(bool(KUBECTLS), "no kubectl of 1.31 to 1.33 found")
    made = Cluster("debugging", tmp_path_factory.mktemp("orrery"))
    try:
        made.orrery("up", "--runtime", "sim", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@pytest.fixture(scope="session")
def admin(cluster: Cluster) -> Kubectl:
    """The newest kubectl, in namespace default."""
    return Kubectl(next(iter(KUBECTLS.values())), cluster.kubeconfig, cluster.context)


@pytest.fixture
def kubectl(cluster: Cluster, admin: Kubectl) -> Iterator[Kubectl]:
    """In a namespace of its own."""
    namespace = f"t{next(_numbers)}"
    admin("create", "namespace", namespace)
    yield Kubectl(admin.binary, admin.kubeconfig, admin.context, namespace)
    admin("delete", "namespace", namespace, "--wait=false")
