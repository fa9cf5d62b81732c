"""What the command takes from its environment."""

from __future__ import annotations

import os
from pathlib import Path


def orrery_home() -> Path:
    """Where clusters keep their state: `$ORRERY_HOME`, else `~/.orrery`."""
    return Path(os.environ.get("ORRERY_HOME") or Path.home() / ".orrery")


def kubeconfig_path() -> Path:
    """The kubeconfig to merge into: the first file of `$KUBECONFIG`, else `~/.kube/config`."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


def child_environment(root: Path) -> dict[str, str]:
    """The environment of a component: ours, with the repository importable and gRPC's own logging down to errors."""
    return {
        **os.environ,
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
        "GRPC_VERBOSITY": os.environ.get("GRPC_VERBOSITY", "ERROR"),
    }
