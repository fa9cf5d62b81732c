"""What Docker is asked to create for a sandbox, and for a node. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cri.docker.identity import KIND, KIND_NODE
from proto import cri_pb2 as pb

NODE_MODE: Final = 2  # runtime.v1.NamespaceMode.NODE
POD_MODE: Final = 0
_HOSTNAME_BYTES: Final = 63


class Plug(NamedTuple):
    """Where a sandbox that makes its own network namespace plugs itself in: a Docker network's bridge."""

    bridge: str
    prefix: int
    gateway: str


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What every sandbox of a node has in common."""

    network: str
    node_container: str
    node_ip: str
    service_cidr: str
    pause_image: str
    owner: Mapping[str, str]
    """Labels that say whose containers these are."""


def sandbox_body(
    config: pb.PodSandboxConfig, settings: NodeSettings, labels: Mapping[str, str], ip: str, plug: Plug | None
) -> dict[str, Any]:
    """As little as possible: every namespace, mount and filter costs time at the start of each pod.

    With a `plug` the pause program makes the network namespace itself, which takes the engine most of a start's time;
    without, the engine does.
    """
    options = config.linux.security_context.namespace_options
    host: dict[str, Any] = {
        "LogConfig": {"Type": "none"},
        # The program is ours and does one system call; a filter would only cost its compilation.
        "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"],
        "CapDrop": ["ALL"],
        "IpcMode": f"container:{settings.node_container}" if options.ipc == NODE_MODE else "shareable",
    }
    sysctls = dict(config.linux.sysctls)
    body: dict[str, Any] = {"Image": settings.pause_image, "Labels": dict(labels), "HostConfig": host}
    if options.network == NODE_MODE:
        host["NetworkMode"] = f"container:{settings.node_container}"
        host["Sysctls"] = sysctls
        return body
    body["Hostname"] = (config.hostname or config.metadata.name)[:_HOSTNAME_BYTES].rstrip("-.")
    env = {"SERVICE_CIDR": settings.service_cidr, "NODE_IP": settings.node_ip}
    if plug is not None:
        net = {name: value for name, value in sysctls.items() if name.startswith("net.")}
        env |= {"BRIDGE": plug.bridge, "POD_IP": ip, "PREFIX": str(plug.prefix), "GATEWAY": plug.gateway}
        env["SYSCTLS"] = "\n".join(f"{name}={value}" for name, value in net.items())
        host["NetworkMode"] = (
            "host"  # where the bridge is; the program leaves it at once, and then all its capabilities
        )
        host["CapAdd"] = ["NET_ADMIN", "SYS_ADMIN"]
        host["MaskedPaths"], host["ReadonlyPaths"] = [], []
        host["Sysctls"] = {name: value for name, value in sysctls.items() if name not in net}
    else:
        host["NetworkMode"] = settings.network
        host["CapAdd"] = ["NET_ADMIN"]
        host["Sysctls"] = sysctls
        body["NetworkingConfig"] = _attach(settings.network, ip)
    body["Env"] = [f"{name}={value}" for name, value in env.items()]
    return body


def node_body(settings: NodeSettings, image: str, node: str) -> dict[str, Any]:
    """The container that owns a node's network namespace and forwards for its pods."""
    return {
        "Image": image,
        "Hostname": node,
        "Labels": {**settings.owner, KIND: KIND_NODE},
        "HostConfig": {
            "NetworkMode": settings.network,
            "IpcMode": "shareable",
            "CapDrop": ["ALL"],
            "CapAdd": ["NET_ADMIN"],
            "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"],
            "LogConfig": {"Type": "none"},
            "Sysctls": {"net.ipv4.ip_forward": "1"},
        },
        "NetworkingConfig": _attach(settings.network, settings.node_ip),
    }


def _attach(network: str, ip: str) -> dict[str, Any]:
    return {"EndpointsConfig": {network: {"IPAMConfig": {"IPv4Address": ip} if ip else None}}}
