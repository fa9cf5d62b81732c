"""The kubelet's flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubelet.limits import MAX_PODS


@dataclass(frozen=True)
class Config:
    """Kubelet of one node."""

    node_name: str
    cri_socket: str
    """Path of the runtime's unix socket."""
    apiserver: str
    """gRPC address, host:port."""
    serve_address: str
    """Where the Kubelet and Debug services are served, host:port."""
    pki_dir: Path
    node_ip: str = ""
    """The node's address as pods and other nodes see it; empty: that of `serve_address`."""
    state_dir: Path = Path("state")
    """Volumes and pod directories. The runtime must see the same path."""
    log_root: Path | None = None
    """Container logs, NAMESPACE_NAME_UID/CONTAINER/ATTEMPT.log; empty: `pod-logs` in the state directory."""
    cluster_dns: str = ""
    """Comma-separated DNS servers of pods; empty: the node's own."""
    cluster_domain: str = "cluster.local"
    resolv_conf: Path = Path("/etc/resolv.conf")
    host_mount_namespace: str = ""
    """Of a kubelet in a container: the mount namespace that the container engine is in; empty: the kubelet's own."""
    cpu: str = ""
    """What the node claims to have; empty: what the machine has."""
    memory: str = ""
    max_pods: int = MAX_PODS
    node_labels: str = ""
    """`key=value,...`, set when the node registers."""
    register_with_taints: str = ""
    """`key=value:Effect,...`, set when the node registers."""
    debug_address: str = ""
    """Not used: the Debug service is served on `serve_address`."""
    clock_file: Path | None = None
    verbose: bool = False


def parse_labels(text: str) -> dict[str, str]:
    """Raises ValueError for what is not `key=value`."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise ValueError(f"--node-labels: {part!r} is not key=value")
        found[key] = value
    return found


def parse_taints(text: str) -> tuple[dict[str, str], ...]:
    """Raises ValueError for what is not `key=value:Effect` or `key:Effect`."""
    found: list[dict[str, str]] = []
    for part in filter(None, text.split(",")):
        pair, colon, effect = part.rpartition(":")
        key, _, value = pair.partition("=")
        if not colon or effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute") or not key:
            raise ValueError(f"--register-with-taints: {part!r} is not key=value:Effect")
        found.append({"key": key, "effect": effect} | ({"value": value} if value else {}))
    return tuple(found)
