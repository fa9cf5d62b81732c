"""The scheduler's flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """The scheduler: gives each pod without a node the best node there is."""

    apiserver: str
    """gRPC address of the apiserver, host:port."""
    debug_address: str
    """Where health, reflection and Debug are served, host:port."""
    pki_dir: Path
    """Directory of `ca.crt`, `scheduler.crt` and `scheduler.key`."""
    clock_file: Path | None = None
    """State of the cluster's clock at start; without it, real time."""
    leader_elect: bool = True
    """Schedule only while holding the lease `kube-scheduler`."""
    scheduler_name: str = "default-scheduler"
    """Only pods whose `spec.schedulerName` is this are scheduled."""
    seed: int | None = None
    """Of the choice among equally good nodes; without it, chance."""
    verbose: bool = False
