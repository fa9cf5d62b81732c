"""Flags of the apiserver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """The API server of an Orrery cluster: stateless, over etcd."""

    secure_address: str
    """Host:port of the HTTPS REST front door."""
    rpc_address: str
    """Host:port of the gRPC front door and the Debug service."""
    etcd: str
    """Host:port of etcd."""
    pki_dir: Path
    """Directory of the cluster's certificates and keys."""
    cache_dir: Path = Path(".cache")
    """Directory for what is derived from the published schemas."""
    service_cidr: str = "10.96.0.0/12"
    """Range of cluster IPs."""
    node_port_range: str = "30000-32767"
    """Range of node ports, low-high."""
    advertise_address: str = "127.0.0.1"
    """IP at which pods reach this apiserver; what `kubernetes` points to."""
    advertise_port: int = 0
    """Port at which pods reach this apiserver; 0 is the secure port."""
    pod_address: str = ""
    """Host:port where pods reach the REST front door, if not at secure_address. It need not exist yet."""
    clock_file: Path | None = None
    """File with the state of the cluster's clock."""
    verbose: bool = False
    """Log debug messages."""

    @property
    def node_ports(self) -> tuple[int, int]:
        """Raises ValueError if the range is none."""
        low, _, high = self.node_port_range.partition("-")
        return int(low), int(high or low)
