"""Configuration of the controller-manager."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """The controller-manager: all control loops in one process."""

    debug_address: str
    """host:port of its own gRPC server: health, reflection, channelz, Debug."""
    pki_dir: Path
    """Directory of `ca.crt` and `controller-manager.crt` and `.key`."""
    apiserver: str
    """host:port of the apiserver's gRPC front door."""
    clock_file: Path | None = None
    """The cluster's clock state, for a process that starts while time stands still."""
    verbose: bool = False
    cluster_cidr: str = "10.244.0.0/16"
    """Range from which each node gets its pods' subnet."""
    node_cidr_mask_size: int = 24
    leader_elect: bool = True
    """Of several replicas one works; without it this one does, alone or not."""
    node_monitor_grace_period: float = 50.0
    """Seconds of silence after which a node is Unknown."""
    root_ca_file: Path | None = None
    """Certificate published to every namespace; by default the cluster CA's."""

    @property
    def root_ca(self) -> Path:
        return self.root_ca_file or self.pki_dir / "ca.crt"
