"""One cluster under Compose for this package. Only one can be on a host: its network and names are in the file."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.locks import claim
from tests.e2e.conftest import KUBECTLS, kubectl
from tests.support.cluster import ROOT
from tests.support.compose import ComposeCluster, compose_command, in_use_by
from tests.support.kubectl import Kubectl
from tests.support.need import docker_answers, need

__all__ = ["cluster", "every_kubectl", "kubectl", "newest"]

LOCK = Path(tempfile.gettempdir()) / "orrery-e2e-compose.lock"


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeCluster]:
    need(docker_answers(), "no Docker engine answers")
    need(bool(compose_command()), "neither `docker compose` nor docker-compose is there")
    need(os.geteuid() == 0, "only root may kill the containers' processes")
    need(bool(KUBECTLS), "no kubectl of 1.31 to 1.33 found")
    built = subprocess.run([ROOT / "deploy/images/build.sh", "all"], capture_output=True, text=True, check=False)
    need(built.returncode == 0, f"images cannot be built: {built.stderr}")
    home = tmp_path_factory.mktemp("compose")
    made = ComposeCluster("orrery-e2e", home, port=free_port())
    with ExitStack() as alone:
        need(claim(LOCK, alone), f"another run of these tests holds {LOCK}")
        made.clear()
        need(not (others := in_use_by()), f"a cluster runs under Compose already: project {', '.join(others)}")
        try:
            made.compose("up", "-d")
            made.wait_ready()
            yield made
        finally:
            made.compose("down", "-v")
            shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="package")
def newest(cluster: ComposeCluster) -> Kubectl:
    """The newest kubectl, in namespace default."""
    return Kubectl(next(iter(KUBECTLS.values())), cluster.kubeconfig, cluster.context)


@pytest.fixture
def every_kubectl(kubectl: Kubectl) -> Kubectl:
    """The newest is enough here: the apiserver is the same."""
    return kubectl
