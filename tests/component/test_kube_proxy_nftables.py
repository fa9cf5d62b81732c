"""The nftables backend in real network namespaces: packets go where services say."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kube_proxy.backends.namespace import Namespace
from kube_proxy.backends.nftables import NftablesBackend
from kube_proxy.rules import Options
from kube_proxy.services import PortRules, Target
from tests.support.lan import Lan, can_make_namespaces, make_lan
from tests.support.need import need

NODE, CLIENT, POD1, POD2 = "10.250.0.11", "10.250.0.1", "10.250.4.1", "10.250.4.2"
VIP = "10.96.0.20"
WEB = PortRules(
    service="default/web",
    port_name="http",
    protocol="tcp",
    cluster_ip=VIP,
    port=80,
    node_port=30080,
    external_ips=("192.0.2.7",),
    cluster=(Target(POD1, 8080), Target(POD2, 8080)),
    local=(Target(POD1, 8080),),
    internal_local=False,
    external_local=False,
    affinity_seconds=0,
)
DNS = replace(
    WEB, service="kube-system/kube-dns", port_name="dns", protocol="udp", port=53, node_port=0, external_ips=()
)
OPTIONS = Options("10.250.4.0/24", "10.96.0.0/12")


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    need(can_make_namespaces(), "network namespaces and nft, as root")
    with make_lan() as made:
        made.add("node", NODE)
        made.add("client", CLIENT)
        made.add("pod1", POD1)
        made.add("pod2", POD2)
        for pod in ("pod1", "pod2"):
            made.route(pod, "add", "10.96.0.0/12", "via", NODE)
            made.route(pod, "add", "192.0.2.0/24", "via", NODE)
            made.serve(pod, 8080)
        made.route("node", "add", "default", "via", CLIENT)
        made.route("client", "add", "192.0.2.0/24", "via", NODE)
        yield made


@pytest.fixture
def backend(lan: Lan, tmp_path: Path) -> Iterator[NftablesBackend]:
    netns = tmp_path / "netns"
    netns.write_text(f"{lan.path('node')}\n")
    yield NftablesBackend(Namespace(netns), OPTIONS)
    subprocess.run(["ip", "netns", "exec", lan.netns("node"), "nft", "flush", "ruleset"], check=True)


def answers(lan: Lan, host: str, ip: str, port: int, times: int = 40) -> set[str]:
    return {lan.ask(host, ip, port) for _ in range(times)}


def names(found: set[str]) -> set[str]:
    return {one.split()[0] for one in found}


async def test_every_way_in(lan: Lan, backend: NftablesBackend) -> None:
    assert await backend.apply({"default/web": [WEB]})
    assert answers(lan, "pod1", VIP, 80) == {f"pod1 {NODE}", f"pod2 {NODE}"}
    assert names(answers(lan, "node", VIP, 80)) == {"pod1", "pod2"}
    assert answers(lan, "client", NODE, 30080) == {f"pod1 {NODE}", f"pod2 {NODE}"}
    assert names(answers(lan, "pod2", NODE, 30080)) == {"pod1", "pod2"}
    assert names(answers(lan, "client", "192.0.2.7", 80)) == {"pod1", "pod2"}
    assert not await backend.apply({"default/web": [WEB]})
    assert lan.run("node", "cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"


async def test_a_load_balancer_lets_in_whom_it_should(lan: Lan, backend: NftablesBackend) -> None:
    balanced = replace(WEB, external_ips=(), balancer_ips=("192.0.2.9",), source_ranges=(f"{POD1}/32",))
    await backend.apply({"default/web": [balanced]})
    assert names(answers(lan, "pod1", "192.0.2.9", 80)) == {"pod1", "pod2"}
    assert lan.ask("client", "192.0.2.9", 80) == "timeout"
    assert names(answers(lan, "client", NODE, 30080)) == {"pod1", "pod2"}


async def test_nobody_there_is_a_refusal(lan: Lan, backend: NftablesBackend) -> None:
    nobody = replace(WEB, cluster=(), local=())
    await backend.apply({"default/web": [nobody]})
    assert lan.ask("pod1", VIP, 80) == "refused"
    assert lan.ask("node", VIP, 80) == "refused"
    assert lan.ask("client", NODE, 30080) == "refused"
    assert lan.ask("pod1", VIP, 81) == "refused"
    assert lan.ask("pod1", VIP, 53, "udp") == "refused"
    assert lan.ask("pod1", "10.96.0.99", 80) == "timeout"


async def test_local_policies(lan: Lan, backend: NftablesBackend) -> None:
    local = replace(WEB, internal_local=True, external_local=True)
    await backend.apply({"default/web": [local]})
    assert names(answers(lan, "pod2", VIP, 80)) == {"pod1"}
    assert names(answers(lan, "client", NODE, 30080)) == {"pod1"}
    assert names(answers(lan, "pod2", NODE, 30080)) == {"pod1", "pod2"}
    await backend.apply({"default/web": [replace(local, local=())]})
    assert lan.ask("pod2", VIP, 80) == "timeout"
    assert lan.ask("client", NODE, 30080) == "timeout"


async def test_a_client_keeps_its_endpoint_through_changes(lan: Lan, backend: NftablesBackend) -> None:
    sticky = replace(WEB, affinity_seconds=600)
    await backend.apply({"default/web": [sticky]})
    (first,) = names(answers(lan, "pod1", VIP, 80))
    await backend.apply(
        {
            "default/web": [sticky],
            "default/other": [replace(WEB, service="default/other", cluster_ip="10.96.0.21", node_port=0)],
        }
    )
    assert names(answers(lan, "pod1", VIP, 80)) == {first}
    other = [one for one in sticky.cluster if first not in ("pod1" if one.ip == POD1 else "pod2")]
    await backend.apply({"default/web": [replace(sticky, cluster=tuple(other))]})
    assert names(answers(lan, "pod1", VIP, 80)) == {"pod1", "pod2"} - {first}


async def test_changes_add_and_remove(lan: Lan, backend: NftablesBackend) -> None:
    await backend.apply({"default/web": [WEB]})
    await backend.apply({"default/web": [replace(WEB, cluster=WEB.cluster[1:])]})
    assert names(answers(lan, "pod1", VIP, 80)) == {"pod2"}
    await backend.apply({"default/web": [replace(WEB, port=8000)]})
    assert lan.ask("pod1", VIP, 80) == "refused"
    assert names(answers(lan, "pod1", VIP, 8000)) == {"pod1", "pod2"}
    await backend.apply({})
    assert lan.ask("pod1", VIP, 8000) == "timeout"


async def test_udp_flows_leave_a_dead_endpoint(lan: Lan, backend: NftablesBackend) -> None:
    await backend.apply({"kube-system/kube-dns": [replace(DNS, cluster=(Target(POD2, 8080),))]})
    assert lan.ask("pod1", VIP, 53, "udp", 40000) == f"pod2 {NODE}"
    await backend.apply({"kube-system/kube-dns": [replace(DNS, cluster=(Target(POD1, 8080),))]})
    assert lan.ask("pod1", VIP, 53, "udp", 40000) == f"pod1 {NODE}"


async def test_a_restart_replaces_and_theft_is_noticed(lan: Lan, backend: NftablesBackend, tmp_path: Path) -> None:
    await backend.apply({"default/web": [WEB]})
    assert await backend.check()
    successor = NftablesBackend(Namespace(tmp_path / "netns"), OPTIONS)
    await successor.apply({"default/web": [replace(WEB, cluster=WEB.cluster[1:])]})
    assert names(answers(lan, "pod1", VIP, 80)) == {"pod2"}
    lan.run("node", "nft", "flush", "ruleset")
    assert not await successor.check()
    await successor.apply({"default/web": [WEB]})
    assert names(answers(lan, "pod1", VIP, 80)) == {"pod1", "pod2"}


async def test_clients_are_seen_where_pods_reach_everything_through_their_node(lan: Lan, tmp_path: Path) -> None:
    netns = tmp_path / "netns"
    netns.write_text(str(lan.path("node")))
    backend = NftablesBackend(Namespace(netns), replace(OPTIONS, masquerade_all=False))
    routes = (("add", f"{NODE}/32", "dev", "eth0"), ("add", "10.250.0.0/17", "via", NODE))
    for pod in ("pod1", "pod2"):
        for route in routes:
            lan.route(pod, *route)
    try:
        await backend.apply({"default/web": [WEB]})
        assert answers(lan, "pod1", VIP, 80) == {f"pod1 {NODE}", f"pod2 {POD1}"}
        assert answers(lan, "client", NODE, 30080) == {f"pod1 {NODE}", f"pod2 {NODE}"}
        await backend.apply({"default/web": [replace(WEB, external_local=True)]})
        assert answers(lan, "client", NODE, 30080) == {f"pod1 {CLIENT}"}
    finally:
        for pod in ("pod1", "pod2"):
            lan.route(pod, "del", "10.250.0.0/17")
        lan.run("node", "nft", "flush", "ruleset")
