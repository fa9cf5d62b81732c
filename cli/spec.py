"""What a cluster is: its name, size, addresses and ports. Written to `cluster.json`, read by every subcommand."""

from __future__ import annotations

import ipaddress
import json
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cli.config import orrery_home
from cli.errors import UserError

DEFAULT_NAME = "orrery"
MAX_CLUSTERS = 7  # each takes a /12 of 10.0.0.0/8, downwards from 10.240.0.0; Compose has the eighth, 10.128.0.0
MAX_NODES = 200  # host processes: three per node
SERVICE_CIDR = "10.96.0.0/12"  # the same in every cluster: service addresses live inside node namespaces only
DNS_ADDRESS = "10.96.0.10"
FIRST_NODE_HOST = 11


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
    def subnet(self) -> ipaddress.IPv4Network:
        """Nodes and pods: 10.240.0.0/12 for the first cluster, 10.224.0.0/12 for the second, and so on."""
        return ipaddress.IPv4Network(f"10.{240 - 16 * self.index}.0.0/12")

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
        return f"orrery-{self.name}" if self.name != DEFAULT_NAME else "orrery"

    @property
    def context(self) -> str:
        """Name of the kubeconfig context, as kind does it: the default cluster has the short one."""
        return self.name if self.name == DEFAULT_NAME else f"orrery-{self.name}"

    @property
    def node_names(self) -> list[str]:
        return [f"worker-{i + 1}" for i in range(self.nodes)]

    def node_ip(self, node: str) -> str:
        return str(self.subnet.network_address + FIRST_NODE_HOST + self.node_names.index(node))


@dataclass(frozen=True)
class Paths:
    """Where one cluster keeps its files."""

    root: Path

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
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def clock(self) -> Path:
        return self.root / "clock.json"

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


def load(name: str) -> ClusterSpec | None:
    path = Paths.of(name).spec
    return ClusterSpec(**json.loads(path.read_text())) if path.exists() else None


def save(spec: ClusterSpec) -> None:
    path = Paths.of(spec.name).spec
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(spec), indent=1))


def existing() -> list[ClusterSpec]:
    directory = orrery_home() / "clusters"
    found = (load(path.name) for path in sorted(directory.iterdir())) if directory.exists() else ()
    return [spec for spec in found if spec is not None]


def free_index() -> int:
    """The lowest address range no cluster has. Raises UserError if all are taken."""
    taken = {spec.index for spec in existing()}
    for index in range(MAX_CLUSTERS):
        if index not in taken:
            return index
    raise UserError(f"{MAX_CLUSTERS} clusters exist already; take one down first: orrery down --name NAME")


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
    """Raise UserError if someone listens on `port` of this host already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} for the {what} is in use ({error.strerror}); choose another") from None
