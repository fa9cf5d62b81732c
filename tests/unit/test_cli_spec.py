"""Addresses, ports and command lines of a cluster."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest

from cli import spec as specs
from cli.components import components
from cli.errors import UserError
from cli.spec import ClusterSpec, Paths


def make(name: str = "orrery", index: int = 0, nodes: int = 2, runtime: str = "docker") -> ClusterSpec:
    names = specs.port_names([f"worker-{i + 1}" for i in range(nodes)])
    return ClusterSpec(name, index, runtime, "test", nodes, {one: 20000 + i for i, one in enumerate(names)})


def test_clusters_side_by_side_share_no_address() -> None:
    subnets = [make(index=i).subnet for i in range(specs.MAX_CLUSTERS)]
    services = ipaddress.IPv4Network(specs.SERVICE_CIDR)
    for i, subnet in enumerate(subnets):
        assert not subnet.overlaps(services)
        assert ipaddress.IPv4Network(make(index=i).pod_cidr).subnet_of(subnet)
        assert not any(subnet.overlaps(other) for other in subnets[:i])


def test_the_first_cluster_has_the_documented_addresses() -> None:
    spec = make()
    assert (str(spec.subnet), spec.gateway, spec.pod_cidr) == ("10.240.0.0/12", "10.240.0.1", "10.244.0.0/16")
    assert spec.node_ip("worker-2") == "10.240.0.12"


def test_every_component_has_its_own_port_and_log_name() -> None:
    made = components(make(nodes=3), Paths(Path("/c")), "/usr/bin/etcd")
    assert len({one.name for one in made}) == len(made) == 5 + 3 * 3
    assert len({one.port for one in made}) == len(made)
    assert [one.name for one in made[:2]] == ["etcd", "apiserver"]


def test_simulated_nodes_need_no_namespace() -> None:
    made = {one.name: one.argv for one in components(make(runtime="sim"), Paths(Path("/c")), "etcd")}
    assert "memory" in made["kube-proxy-worker-1"]
    assert "--netns-file" not in made["kube-proxy-worker-1"]


def test_spec_survives_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    spec = make("lab", index=specs.choose_index("lab", None))
    specs.save(spec)
    assert specs.load("lab") == spec
    assert specs.load("none") is None


def test_chosen_ports_are_distinct_and_avoid_the_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        chosen = specs.choose_ports(["a", "b", "c"], {"a": port})
        assert port not in chosen.values()
        assert len(set(chosen.values())) == 3
        taken.listen()
        with pytest.raises(UserError, match=f"port {port} for the apiserver is in use"):
            specs.require_free(port, "apiserver")
