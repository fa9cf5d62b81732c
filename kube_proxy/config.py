"""kube-proxy's flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """kube-proxy of one node: makes Services reachable there."""

    apiserver: str
    """gRPC address of the apiserver, host:port."""
    debug_address: str
    """Where health, reflection and Debug are served, host:port."""
    pki_dir: Path
    """Directory of `ca.crt`, `kube-proxy-NODE.crt` and `.key`."""
    node_name: str
    """Which endpoints are local."""
    node_ip: str
    """The node's address in the cluster."""
    service_cidr: str = "10.96.0.0/12"
    cluster_cidr: str = "10.244.0.0/16"
    """Addresses of pods."""
    backend: str = "nftables"
    """`nftables`, or `memory` for a simulated node."""
    netns_file: str = ""
    """File that holds the path of the node's network namespace; empty: the namespace of this process."""
    masquerade_all: bool = True
    """Hide clients from servers; needed unless pods reach everything through their node."""
    clock_file: Path | None = None
    """State of the cluster's clock at start; without it, real time."""
    verbose: bool = False
