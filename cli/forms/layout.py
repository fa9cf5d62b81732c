"""Where a cluster under Compose keeps what, and where it is reached: a pure function of what `docker inspect` says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.errors import UserError
from cli.forms.containers import JSON, Part, flag, parts, port_of

SEAMS = "/seams"  # where components have the clock's and rules' files
_KEYS = {"apiserver": "apiserver-rpc", "dns": "dns-debug"}
"""Under which name of `port_names` a component's Debug service is."""


@dataclass(frozen=True)
class Layout:
    """Where a cluster under Compose keeps what."""

    project: str
    state: Path
    seams: Path
    etcd: Path
    published: str
    """host:port of this host at which the apiserver is."""
    direct: str
    """The apiserver's own REST address."""
    gateway: str
    """This host's address on the cluster's network."""


def layout(inspected: Sequence[JSON]) -> Layout:
    """Raises UserError if there is no apiserver, or none that could be debugged."""
    found = {part.kind: (part, one) for part in parts(inspected) for one in inspected if one["Id"] == part.id}
    if "apiserver" not in found or "etcd" not in found:
        raise UserError("the cluster under Compose has no apiserver or no etcd; docker-compose up -d makes them")
    apiserver, tree = found["apiserver"]
    if SEAMS not in apiserver.mounts:
        raise UserError("the cluster under Compose is of an older docker-compose.yml; docker-compose up -d renews it")
    secure = port_of(flag(apiserver.argv, "--secure-address"))
    return Layout(
        project=tree["Config"]["Labels"]["com.docker.compose.project"],
        state=Path(apiserver.mounts["/pki"]).parent,
        seams=Path(apiserver.mounts[SEAMS]),
        etcd=Path(found["etcd"][0].mounts["/data"]),
        published=_published(tree, secure) or f"{apiserver.host}:{secure}",
        direct=f"{apiserver.host}:{secure}",
        gateway=_gateway(inspected),
    )


def _published(one: JSON, port: int) -> str:
    bindings = (one["HostConfig"]["PortBindings"] or {}).get(f"{port}/tcp") or []
    return next((f"{each['HostIp'] or '127.0.0.1'}:{each['HostPort']}" for each in bindings), "")


def _gateway(inspected: Iterable[JSON]) -> str:
    """Known as long as anything runs."""
    every = [network["Gateway"] for one in inspected for network in one["NetworkSettings"]["Networks"].values()]
    return next(filter(None, every), "")


def addresses(found: Iterable[Part], laid: Layout) -> dict[str, str]:
    """As `Cluster.addresses`."""
    served = {_KEYS.get(one.component, one.component): one.address for one in found if one.kind != "node"}
    return {**served, "apiserver": laid.published}
