"""What a cluster is: its name, size, addresses and ports. Written to `cluster.json`, read by every subcommand."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

import msgspec

from cli.config import orrery_home
from cli.errors import UserError

DEFAULT_NAME = "orrery"
MAX_CLUSTERS = 7  # each takes a /12 of 10.0.0.0/8, downwards from 10.240.0.0; Compose has the eighth, 10.128.0.0
MAX_NODES = 200  # host processes: three per node
SERVICE_CIDR = "10.96.0.0/12"  # the same in every cluster: service addresses live inside node namespaces only
DNS_ADDRESS = "10.96.0.10"
FIRST_NODE_HOST = 11
NAME_CHARACTERS = 40  # of a cluster's name, which becomes part of names of containers, networks and hosts
SOCKET_PATH_BYTES = 107  # the kernel's limit for the path of a unix socket


@dataclass(frozen=True)
class ClusterSpec:
    """One cluster of host processes."""

    name: str
    index: int
    runtime: str  # docker or sim
    runtime_why: str  # why this runtime, as told to the user
    nodes: int
    ports: dict[str, int] = field(default_factory=dict)  # by component, see `port_names`

    @property
    def subnet(self) -> IPv4Network:
        """Nodes and pods."""
        return subnet_of(self.index)

    @property
    def gateway(self) -> str:
        """The host's own address on the cluster network."""
        return str(self.subnet.network_address + 1)

    @property
    def pod_cidr(self) -> str:
        return f"10.{244 - 16 * self.index}.0.0/16"

    @property
    def network(self) -> str:
        """Name of the Docker network."""
        return full_name(self.name)

    @property
    def context(self) -> str:
        """Name of the kubeconfig context."""
        return full_name(self.name)

    @property
    def node_names(self) -> list[str]:
        return [f"worker-{i + 1}" for i in range(self.nodes)]

    def node_ip(self, node: str) -> str:
        return str(self.subnet.network_address + FIRST_NODE_HOST + self.node_names.index(node))


@dataclass(frozen=True)
class Paths:
    """Where one cluster keeps its files."""

    root: Path
    seams: Path | None = None
    """The folder of what ends with a cluster's life (clock, rules, what is wanted), if that is not `root`."""

    @classmethod
    def of(cls, name: str) -> Paths:
        return cls(orrery_home() / "clusters" / name)

    @property
    def spec(self) -> Path:
        return self.root / "cluster.json"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def lock(self) -> Path:
        """Held by the command that starts or stops the cluster."""
        return self.root / "lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the cluster's supervisor, as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def clock(self) -> Path:
        return (self.seams or self.root) / "clock.json"

    @property
    def rules(self) -> Path:
        """Holds and faults in force; components look for it beside the clock."""
        return (self.seams or self.root) / "rules.json"

    @property
    def tracing(self) -> Path:
        """Whether spans are kept; components look for it beside the clock."""
        return (self.seams or self.root) / "tracing.json"

    @property
    def spans(self) -> Path:
        """What components leave of their spans; they look for it beside the clock."""
        return (self.seams or self.root) / "spans"

    @property
    def hidden(self) -> Path:
        """What a lab broke and keeps to itself, in processes that run now."""
        return (self.seams or self.root) / "hidden.json"

    @property
    def wanted(self) -> Path:
        """What is wanted of components beyond the usual; the supervisor carries it out."""
        return (self.seams or self.root) / "wanted.json"

    @property
    def cache(self) -> Path:
        """Shared by all clusters: what is derived from the published schema."""
        return self.root.parent.parent / "cache"

    def node(self, name: str) -> Path:
        return self.root / "nodes" / name


def port_names(nodes: list[str]) -> list[str]:
    """Every port a cluster needs, by the component that listens there."""
    control_plane = ["etcd", "etcd-peer", "apiserver", "apiserver-rpc", "scheduler", "controller-manager"]
    of_nodes = [f"{part}-{node}" for node in nodes for part in ("kubelet", "runtime", "kube-proxy")]
    return [*control_plane, "dns", "dns-debug", *of_nodes]


def full_name(name: str) -> str:
    """As kind does it: the default cluster has the short one."""
    return name if name == DEFAULT_NAME else f"orrery-{name}"


def subnet_of(index: int) -> IPv4Network:
    """10.240.0.0/12 for the first cluster, 10.224.0.0/12 for the second, and so on."""
    return IPv4Network(f"10.{240 - 16 * index}.0.0/12")


def require_name(name: str) -> None:
    """Raise UserError unless it can be part of every name that is made of it."""
    if len(name) > NAME_CHARACTERS or not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
        rule = f"at most {NAME_CHARACTERS} of a-z, 0-9 and '-', beginning and ending with a letter or digit"
        raise UserError(f"--name {name!r}: a cluster's name is {rule}")


def require_home(name: str) -> None:
    """Make the cluster's folder. Raises UserError if nothing can be written there, or if its path is too long."""
    root = Paths.of(name).root
    longest = len(os.fsencode(Paths.of(name).node(f"worker-{MAX_NODES}") / "cri.sock"))
    if longest > SOCKET_PATH_BYTES:
        excess = longest - SOCKET_PATH_BYTES
        raise UserError(f"{root} is {excess} bytes too long for sockets in it; choose a shorter ORRERY_HOME")
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"{root} cannot be written ({error.strerror}); ORRERY_HOME names another place") from None


def load(name: str) -> ClusterSpec | None:
    """None if there is no such cluster. Raises UserError for a file that is broken."""
    path = Paths.of(name).spec
    spec = read(path)
    if spec is not None and (spec.name != name or "apiserver" not in spec.ports):
        raise UserError(f"{path} is not of cluster {name}; orrery down --name {name} clears the cluster away")
    return spec


def read(path: Path) -> ClusterSpec | None:
    """None if there is no such file. Raises UserError for one that is broken."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClusterSpec)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        away = f"orrery down --name {path.parent.name} clears the cluster away"
        raise UserError(f"{path} is broken ({error}); {away}") from None


def save(spec: ClusterSpec) -> None:
    path = Paths.of(spec.name).spec
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(spec), indent=1))
    fresh.replace(path)


def existing() -> list[ClusterSpec]:
    """Those that are up, or keep data for their next time. One whose file is broken is left out."""
    directory = orrery_home() / "clusters"
    names = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    return [spec for name in names if Paths.of(name).etcd.exists() and (spec := _load_if_whole(name)) is not None]


def _load_if_whole(name: str) -> ClusterSpec | None:
    try:
        return load(name)
    except UserError:
        return None  # whoever asks for that very cluster is told


def choose_index(
    name: str, wanted: int | None, networks: Sequence[IPv4Network] = (), claim: Callable[[int], bool] = lambda _: True
) -> int:
    """An address range that no other cluster and none of `networks` has, and that `claim` grants. Raises UserError if
    all are taken."""
    taken = {spec.index for spec in existing() if spec.name != name}
    candidates: list[int] = [*range(MAX_CLUSTERS)] if wanted is None else [wanted, *range(MAX_CLUSTERS)]
    for index in candidates:
        if index not in taken and not any(subnet_of(index).overlaps(one) for one in networks) and claim(index):
            return index
    used = ", ".join(str(one) for one in networks if any(subnet_of(i).overlaps(one) for i in range(MAX_CLUSTERS)))
    also = f" and other networks of this host have {used}" if used else ""
    raise UserError(f"no address range is left: {len(taken)} other clusters exist{also}; orrery down --name NAME")


def choose_ports(names: list[str], wanted: dict[str, int]) -> dict[str, int]:
    """A free port for each name, distinct; `wanted` ones are kept where they are still free."""
    held: list[socket.socket] = []
    chosen: dict[str, int] = {}
    try:
        for name in names:
            chosen[name] = _hold(wanted.get(name, 0), held)
    finally:
        for one in held:
            one.close()
    return chosen


def _hold(port: int, held: list[socket.socket]) -> int:
    listener = socket.socket()
    held.append(listener)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    return int(listener.getsockname()[1])


def require_free(port: int, what: str) -> None:
    """Raise UserError if someone listens on `port` of this host already, or if there can be no such port."""
    if not 1 <= port <= 65535:
        raise UserError(f"port {port} for the {what}: must be between 1 and 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} for the {what} is in use ({error.strerror}); choose another") from None
