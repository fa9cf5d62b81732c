"""Flags of the apiserver."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """The API server of an Orrery cluster: stateless, over etcd."""

    secure_address: str = field(metadata={"help": "host:port of the HTTPS REST front door"})
    rpc_address: str = field(metadata={"help": "host:port of the gRPC front door and the Debug service"})
    etcd: str = field(metadata={"help": "host:port of etcd"})
    pki_dir: Path = field(metadata={"help": "directory of the cluster's certificates and keys"})
    cache_dir: Path = field(
        default=Path(".cache"), metadata={"help": "directory for what is derived from the published schemas"}
    )
    service_cidr: str = field(default="10.96.0.0/12", metadata={"help": "range of cluster IPs"})
    node_port_range: str = field(default="30000-32767", metadata={"help": "range of node ports, low-high"})
    advertise_address: str = field(
        default="127.0.0.1", metadata={"help": "IP at which pods reach this apiserver; what `kubernetes` points to"}
    )
    advertise_port: int = field(
        default=0, metadata={"help": "port at which pods reach this apiserver; 0 is the secure port"}
    )
    clock_file: Path | None = field(default=None, metadata={"help": "file with the state of the cluster's clock"})
    verbose: bool = field(default=False, metadata={"help": "log debug messages"})

    @property
    def node_ports(self) -> tuple[int, int]:
        """Raises ValueError if the range is none."""
        low, _, high = self.node_port_range.partition("-")
        return int(low), int(high or low)
