"""What of the host's own addresses a cluster must keep away from."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

from cli.host_networks import host_networks, nameservers, routed
from cli.spec import choose_index

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0000E00A\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_routes_but_for_the_default_and_dockers_own() -> None:
    assert routed(ROUTES) == [IPv4Network("192.0.2.0/24"), IPv4Network("10.224.0.0/12")]


def test_nameservers_of_version_4() -> None:
    text = "# a comment\nsearch example.com\nnameserver 10.255.255.53\nnameserver fe80::1%eth0\nnameserver\n"
    assert nameservers(text) == [IPv4Network("10.255.255.53/32")]


def test_a_cluster_takes_a_range_that_shadows_neither(tmp_path: Path) -> None:
    routes, resolver = tmp_path / "route", tmp_path / "resolv.conf"
    routes.write_text(ROUTES)
    resolver.write_text("nameserver 10.255.255.53\n")
    taken = host_networks(routes, resolver)
    assert choose_index("a-name-nobody-has", None, taken) == 2
    assert host_networks(tmp_path / "none", tmp_path / "none") == []
