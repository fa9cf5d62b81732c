"""The flags of the cluster DNS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """The cluster DNS: names of services and pods."""

    apiserver: str
    """gRPC address of the apiserver, host:port."""
    debug_address: str
    """Where health, reflection and Debug are served, host:port."""
    pki_dir: Path
    """Directory of `ca.crt`, `dns.crt` and `dns.key`."""
    listen: tuple[str, ...] = ("127.0.0.1:53",)
    """Where DNS is served, over UDP and TCP, host:port."""
    cluster_domain: str = "cluster.local"
    """The zone."""
    resolv_conf: Path = Path("/etc/resolv.conf")
    """Its `nameserver` lines say who is asked about other names."""
    clock_file: Path | None = None
    """State of the cluster's clock at start; without it, real time."""
    verbose: bool = False
