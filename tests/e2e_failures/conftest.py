"""A cluster of its own for each test of a hard failure; afterwards nothing of it may be left."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.leftovers import leftovers
from tests.support.need import docker_answers, need

MakeCluster = Callable[..., Cluster]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder whose path is short enough for sockets in it; removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="orrery-")).resolve()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def make_cluster(home: Path) -> Iterator[MakeCluster]:
    """Names a cluster, which the test may start; ends all of them, and fails if anything is left."""
    made: list[Cluster] = []

    def make(name: str = "broken", **environment: str) -> Cluster:
        made.append(Cluster(f"f-{name}", home, environment))
        return made[-1]

    yield make
    for one in made:
        if one.root.exists():
            one.orrery("down", check=False)
    assert [line for one in made for line in leftovers(one)] == []


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """One that is not started."""
    return make_cluster()


def up(cluster: Cluster, *, runtime: str = "sim", nodes: int = 1) -> Kubectl:
    """Start it; gives a kubectl for it."""
    if runtime == "docker":
        need(docker_answers(), "no Docker engine answers")
    kubectls = find_kubectls()
    need(bool(kubectls), "no kubectl of 1.31 to 1.33 found")
    cluster.orrery("up", "--runtime", runtime, "--nodes", str(nodes))
    return Kubectl(next(iter(kubectls.values())), cluster.kubeconfig, cluster.context)
