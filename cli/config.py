"""What the command takes from its environment."""

from __future__ import annotations

import os
from pathlib import Path

CLUSTER_MARK = "ORRERY_CLUSTER_ROOT"  # set for every process of a cluster, so that it can be found without its parent


def orrery_home() -> Path:
    """Where clusters keep their state: `$ORRERY_HOME`, else `~/.orrery`. Absolute: components run elsewhere."""
    return Path(os.environ.get("ORRERY_HOME") or Path.home() / ".orrery").resolve()


def kubeconfig_path() -> Path:
    """The kubeconfig to merge into: the first file of `$KUBECONFIG`, else `~/.kube/config`."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


def bears_mark(cluster: Path) -> bool:
    """Was this process started as one of the cluster's?"""
    return os.environ.get(CLUSTER_MARK) == str(cluster)


def child_environment(root: Path, cluster: Path | None = None, *, modules: bool = False) -> dict[str, str]:
    """The environment of a component: ours, with the repository importable and gRPC's own logging down to errors.

    `cluster` is the folder of the cluster that the process belongs to, if it is to end with that cluster. With
    `modules`, what our own PYTHONPATH names stays importable.
    """
    ours = os.environ.get("PYTHONPATH", "") if modules else ""
    return {
        **os.environ,
        **({CLUSTER_MARK: str(cluster)} if cluster else {}),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), ours])),
        "PYTHONUNBUFFERED": "1",
        "GRPC_VERBOSITY": os.environ.get("GRPC_VERBOSITY", "ERROR"),
    }


def kubeconfig_files() -> list[Path]:
    """All files of `$KUBECONFIG`, or `~/.kube/config`: what kubectl merges."""
    named = [Path(one) for one in os.environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    return named or [Path.home() / ".kube" / "config"]


def with_kubeconfig(files: list[Path]) -> dict[str, str]:
    """Our environment, but with these files for `$KUBECONFIG`."""
    return {**os.environ, "KUBECONFIG": os.pathsep.join(map(str, files))}
