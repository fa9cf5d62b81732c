"""A whole cluster under Compose, for the same tests as one of host processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.support.cluster import ROOT, Cluster

NETWORK = "orrery-compose"
LABEL = "orrery.cluster=compose"
_ONE_SHOTS = ("prepare", "pause", "addons")
_OF_NODE = re.compile(r"(node|runtime|kubelet|kube-proxy)-(\d+)")


@lru_cache(maxsize=1)
def compose_command() -> list[str]:
    """Compose v2 if it is there, else docker-compose 1.29; empty if neither is."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def docker(*args: str) -> str:
    return subprocess.run(["docker", *args], capture_output=True, text=True, check=True).stdout


def in_use_by() -> set[str]:
    """Compose's projects with a container, running or not, in the one network that all have."""
    project = '{{.Label "com.docker.compose.project"}}'
    return set(docker("ps", "-a", "--filter", f"network={NETWORK}", "--format", project).split())


def component(service: str) -> str:
    """`kubelet-1` of the Compose file is `kubelet-worker-1` of the cluster."""
    return _OF_NODE.sub(r"\1-worker-\2", service)


@dataclass(frozen=True)
class ComposeCluster(Cluster):
    """Its state is in `home`; `name` is Compose's name of the project, `port` the apiserver's on this host."""

    port: int = 6443

    @property
    def context(self) -> str:
        return "orrery-compose"

    @property
    def root(self) -> Path:
        return self.home

    @property
    def commands(self) -> Cluster:
        """The same as the `orrery` command calls it."""
        return Cluster("compose", self.home)

    def compose(self, *args: str, timeout: float = 240) -> str:
        """Gives all that it said. Fails, telling that, on a non-zero exit code."""
        ours = {"ORRERY_STATE": str(self.home), "COMPOSE_PROJECT_NAME": self.name, "ORRERY_PORT": str(self.port)}
        done = subprocess.run(
            [*compose_command(), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, **ours},
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"compose {args}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def clear(self) -> None:
        """Take away what a killed run has left: with an engine that starts again, its containers do so too."""
        if in_use_by() - {self.name}:
            return
        if pods := docker("ps", "-aq", "--filter", f"label={LABEL}").split():
            docker("rm", "-fv", *pods)
        if self.containers():
            self.compose("down", "-v")
        if docker("network", "ls", "-q", "--filter", f"name=^{NETWORK}$"):
            docker("network", "rm", NETWORK)

    def wait_ready(self) -> None:
        """Until the service `addons` has seen all nodes Ready. Fails, telling what it saw instead."""
        one = self.containers()["addons"]["Id"]
        code = docker("wait", one).strip()
        assert code == "0", self.log("addons")

    def containers(self) -> dict[str, dict[str, Any]]:
        """What `docker inspect` says, by service."""
        ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}").split()
        found = json.loads(docker("inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def processes(self) -> dict[str, dict[str, Any]]:
        """As `state.json` has them: by component."""
        return {
            component(service): {"name": component(service), "pid": one["State"]["Pid"], "port": self.port}
            for service, one in self.containers().items()
            if service not in _ONE_SHOTS
        }

    def log(self, component_name: str) -> str:
        one = next(one for service, one in self.containers().items() if component(service) == component_name)
        return subprocess.run(
            ["docker", "logs", one["Id"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        ).stdout
