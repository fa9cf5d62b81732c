"""The runtime process's flags."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


def default_docker_host() -> str:
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@dataclass(frozen=True)
class Config:
    """CRI runtime of one node."""

    socket: str
    """Path of the unix socket that serves CRI."""
    node_name: str
    runtime: str = "docker"
    """`docker` or `sim`."""
    cluster: str = "orrery"
    """Name of the cluster: a label of every container, so that clusters do not meet."""
    network: str = ""
    """Docker network of the cluster; empty: `orrery-CLUSTER`."""
    node_ip: str = ""
    """The node's address on that network."""
    node_container: str = ""
    """Container that owns the node's network namespace; empty: the runtime keeps one, `orrery-CLUSTER-NODE`."""
    cluster_subnet: str = "10.240.0.0/12"
    service_cidr: str = "10.96.0.0/12"
    pod_network: str = "plug"
    """`plug`: the pause program makes a pod's network namespace and plugs it into the network's bridge, which is fast;
    `engine`: the engine does all that."""
    pause_image: str = "orrery/pause:latest"
    node_image: str = "orrery/node:latest"
    state_dir: Path = Path("state")
    log_root: Path = Path("logs")
    """Log paths of containers that are not absolute start here."""
    streaming_address: str = "127.0.0.1:0"
    """Where exec, attach and port-forward are served; the URLs that CRI returns name it."""
    docker_host: str = ""
    """Empty: $DOCKER_HOST, or the usual socket."""
    debug_address: str = ""
    """Debug service over mutual TLS; empty: none."""
    pki_dir: Path | None = None
    clock_file: Path | None = None
    verbose: bool = False

    @property
    def engine_address(self) -> str:
        return self.docker_host or default_docker_host()

    @property
    def network_name(self) -> str:
        return self.network or f"orrery-{self.cluster}"

    @property
    def node_container_name(self) -> str:
        return self.node_container or f"orrery-{self.cluster}-{self.node_name}"
