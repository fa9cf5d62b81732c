"""The Docker runtime under test, on a network and under a cluster name of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cri.config import Config
from tests.contract.cri_harness import Cri, serving
from wire.seams import make_seams

CLUSTER = f"test-cri-{os.getpid()}"
SUBNET = "10.120.0.0/16"  # none that a cluster can choose: one may run beside these tests
IMAGES = ("orrery/busybox:1", "orrery/pause:latest", "orrery/node:latest")
_BUILD = Path(__file__).parents[2] / "deploy" / "images" / "build.sh"


def _why_not() -> str:
    """Empty if Docker answers, and we may use it. In continuous integration it must."""
    if os.environ.get("CI") == "true":
        return ""
    if os.geteuid() != 0:
        return "only root may enter containers' namespaces"
    if shutil.which("docker") is None:
        return "no docker command"
    return "" if docker("version").returncode == 0 else "the Docker engine does not answer"


def docker(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *argv], capture_output=True, text=True, timeout=120, check=False)


_reason = _why_not()
needs_docker = pytest.mark.skipif(bool(_reason), reason=_reason or "-")


def docker_config(directory: Path, cluster: str = CLUSTER, **more: str) -> Config:
    return Config(
        socket=str(directory / "cri.sock"),
        node_name="node-1",
        cluster=cluster,
        cluster_subnet=SUBNET,
        node_ip="10.120.0.11",
        service_cidr="10.96.0.0/12",
        state_dir=directory / "state",
        log_root=directory / "logs",
        **more,  # type: ignore[arg-type]
    )


def remove_everything(cluster: str = CLUSTER) -> None:
    """Containers and network of this cluster, and nothing else."""
    wanted = ["--filter", f"label=orrery.cluster={cluster}", "-q"]
    containers = docker("ps", "-a", *wanted).stdout.split()
    if containers:
        docker("rm", "-f", *containers)
    networks = docker("network", "ls", *wanted).stdout.split()
    if networks:
        docker("network", "rm", *networks)


def build_images() -> None:
    if docker("image", "inspect", *IMAGES).returncode != 0:
        subprocess.run([str(_BUILD), "pause", "busybox", "node"], check=True, timeout=300)


@asynccontextmanager
async def docker_runtime(directory: Path, cluster: str = CLUSTER, **more: str) -> AsyncIterator[Cri]:
    """A runtime process's inside; what is left in the engine is removed when the module's tests are done."""
    from cri.docker.backend import DockerBackend

    config = docker_config(directory, cluster, **more)
    config.state_dir.mkdir(parents=True, exist_ok=True)
    seams = make_seams("runtime-test")
    backend = DockerBackend(config, seams)
    backend.set_pod_cidr("10.120.1.0/24")
    async with serving(backend, seams, directory) as runtime:
        yield runtime
