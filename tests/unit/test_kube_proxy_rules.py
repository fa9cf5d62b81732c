"""Rule texts: what is rendered for a service port, and that a change touches only what changed."""

from __future__ import annotations

from dataclasses import replace

from kube_proxy.rules import Options, chain_name, render, skeleton
from kube_proxy.ruleset import Ruleset, change_text, full_text, merge
from kube_proxy.services import PortRules, Target

OPTIONS = Options("10.244.0.0/16", "10.96.0.0/12")
WEB = PortRules(
    "default/web",
    "http",
    "tcp",
    "10.96.0.20",
    80,
    30080,
    (),
    (Target("10.244.1.5", 8080), Target("10.244.2.6", 8080)),
    (Target("10.244.1.5", 8080),),
    False,
    False,
    0,
)


def chain(rules: Ruleset, kind: str) -> tuple[str, ...]:
    (found,) = [body for name, body in rules.chains.items() if name.startswith(f"{kind}-")]
    return found


def test_a_service_with_two_endpoints() -> None:
    rules = render(WEB, OPTIONS)
    cluster = chain_name("cluster", WEB)
    assert rules.maps["service-ips"] == {"10.96.0.20 . tcp . 80": f"goto {cluster}"}
    assert rules.maps["service-nodeports"].keys() == {"tcp . 30080"}
    service = chain_name("service", WEB)
    assert rules.chains[cluster] == ("jump mark-for-masquerade", f"goto {service}")
    assert chain(rules, "external") == ("jump mark-for-masquerade", f"goto {service}")
    (pick,) = rules.chains[service]
    assert pick.startswith("numgen random mod 2 vmap { 0 : goto endpoint-")
    endpoint = chain_name("endpoint", WEB, "__10.244.1.5/8080")
    assert rules.chains[endpoint] == (
        "ip saddr 10.244.1.5 jump mark-for-masquerade",
        "meta l4proto tcp dnat to 10.244.1.5:8080",
    )


def test_chain_names_are_readable_and_unique() -> None:
    assert chain_name("service", WEB).startswith("service-")
    assert chain_name("service", WEB).endswith("-default/web/tcp/http")
    long = replace(WEB, service="n" * 63 + "/" + "s" * 63)
    names = {chain_name("endpoint", long, f"__10.0.0.{number}/80") for number in range(50)}
    assert len(names) == 50
    assert max(map(len, names)) <= 120


def test_without_endpoints_the_kernel_refuses() -> None:
    rules = render(replace(WEB, cluster=(), local=()), OPTIONS)
    assert rules.maps == {
        "no-endpoint-services": {"10.96.0.20 . tcp . 80": "goto refuse"},
        "no-endpoint-nodeports": {"tcp . 30080": "goto refuse"},
    }


def test_a_local_policy_without_local_endpoints_drops() -> None:
    rules = render(replace(WEB, local=(), internal_local=True, external_local=True), OPTIONS)
    assert rules.maps["no-endpoint-services"] == {"10.96.0.20 . tcp . 80": "drop"}
    assert chain(rules, "external")[-1] == "drop"


def test_clients_keep_their_endpoint() -> None:
    rules = render(replace(WEB, affinity_seconds=60), OPTIONS)
    assert set(rules.clients.values()) == {60}
    name = next(iter(rules.clients))
    assert chain(rules, "service")[0].startswith(f"ip saddr @{name} goto endpoint-")
    assert any(f"update @{name} {{ ip saddr }}" in body for body in rules.chains.values())


def test_no_change_is_no_text() -> None:
    rules = render(WEB, OPTIONS)
    assert change_text(rules, merge([rules])) == ""


def test_a_change_touches_only_what_changed() -> None:
    other = render(replace(WEB, service="default/other", cluster_ip="10.96.0.30", node_port=0), OPTIONS)
    before = merge([render(WEB, OPTIONS), other])
    smaller = replace(WEB, cluster=WEB.cluster[1:])
    text = change_text(before, merge([render(smaller, OPTIONS), other]))
    assert "other" not in text
    service = chain_name("service", WEB)
    gone = chain_name("endpoint", WEB, "__10.244.1.5/8080")
    assert text.splitlines() == [
        f"flush chain ip orrery-proxy {service}",
        f"add rule ip orrery-proxy {service} goto {chain_name('endpoint', WEB, '__10.244.2.6/8080')}",
        f"flush chain ip orrery-proxy {gone}",
        f"delete chain ip orrery-proxy {gone}",
    ]


def test_the_first_claim_to_an_address_stands() -> None:
    rival = replace(WEB, service="default/rival", cluster_ip="10.96.0.31")
    merged = merge([render(WEB, OPTIONS), render(rival, OPTIONS)])
    assert merged.maps["service-nodeports"]["tcp . 30080"] == f"goto {chain_name('external', WEB)}"


def test_the_whole_text_replaces_the_table_in_one_transaction() -> None:
    lines = full_text(skeleton(OPTIONS), render(WEB, OPTIONS)).splitlines()
    assert lines[:3] == [f"{verb} table ip orrery-proxy" for verb in ("add", "delete", "add")]
    assert "add rule ip orrery-proxy prerouting jump services" in lines
    assert any(
        line.startswith("add element ip orrery-proxy service-ips { 10.96.0.20 . tcp . 80 : goto") for line in lines
    )
