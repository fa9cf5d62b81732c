"""The nftables rules of one service port, and the frame they are set in. Pure.

    prerouting, output -> services -> [service-ips | service-nodeports] -> service-..., external-... -> endpoint-...
    forward, input, output -> no-endpoints: reject, or drop where only this node has nothing
    postrouting -> masquerade what was marked

Verdict maps take a packet to its service in one step, however many there are. Every node here shares one flat bridge
with all pods, so the reply to a forwarded packet would go straight to its sender and never be translated back: hence
`masquerade_all`. Where pods reach everything through their node, it can be off, and servers see their clients.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kube_proxy.limits import CHAIN_NAME_LENGTH
from kube_proxy.ruleset import Ruleset, Skeleton
from kube_proxy.services import PortRules, Target

MARK = "0x4000"
_TO_MASQUERADE = "jump mark-for-masquerade"
_SERVICE_KEY = "ip daddr . meta l4proto . th dport"
_NODE_PORT_KEY = "meta l4proto . th dport"
_TO_NODE = "ip daddr != 127.0.0.0/8 fib daddr type local"


@dataclass(frozen=True, slots=True)
class Options:
    cluster_cidr: str
    """Addresses of pods."""
    service_cidr: str
    masquerade_all: bool = True


def skeleton(options: Options) -> Skeleton:
    verdict_by_address = "type ipv4_addr . inet_proto . inet_service : verdict;"
    verdict_by_port = "type inet_proto . inet_service : verdict;"
    unreachable = (
        f"{_SERVICE_KEY} vmap @no-endpoint-services",
        f"{_TO_NODE} {_NODE_PORT_KEY} vmap @no-endpoint-nodeports",
        "ip daddr @cluster-ips goto refuse",  # an address in use, but no such port
        f"ip daddr {options.service_cidr} drop",  # an address that no service has
    )
    return Skeleton(
        hooks={
            "prerouting": "type nat hook prerouting priority dstnat;",
            "output": "type nat hook output priority -100;",
            "postrouting": "type nat hook postrouting priority srcnat;",
            "filter-input": "type filter hook input priority filter;",
            "filter-forward": "type filter hook forward priority filter;",
            "filter-output": "type filter hook output priority filter;",
        },
        types={
            "cluster-ips": "type ipv4_addr;",
            "service-ips": verdict_by_address,
            "service-nodeports": verdict_by_port,
            "no-endpoint-services": verdict_by_address,
            "no-endpoint-nodeports": verdict_by_port,
        },
        chains={
            "refuse": ("meta l4proto tcp reject with tcp reset", "reject"),
            "mark-for-masquerade": (f"meta mark set meta mark | {MARK}",),
            "services": (
                f"{_SERVICE_KEY} vmap @service-ips",
                f"{_TO_NODE} {_NODE_PORT_KEY} vmap @service-nodeports",
            ),
            "no-endpoints": unreachable,
            "prerouting": ("jump services",),
            "output": ("jump services",),
            # The mark goes as it is used, or a packet that is looked at twice would be masqueraded twice.
            "postrouting": (f"meta mark & {MARK} == {MARK} meta mark set meta mark ^ {MARK} masquerade fully-random",),
            "filter-input": ("ct state new jump no-endpoints",),
            "filter-forward": ("ct state new jump no-endpoints",),
            "filter-output": ("ct state new jump no-endpoints",),
        },
    )


def render(rules: PortRules, options: Options) -> Ruleset:
    """Chains, map elements and sets of one service port."""
    return _Renderer(rules, options).render()


def chain_name(kind: str, rules: PortRules, suffix: str = "") -> str:
    """Readable, and unique by its hash: `service-1A2B3C4D-default/web/tcp/http`."""
    text = f"{rules.service}/{rules.protocol}/{rules.port_name}"
    digest = hashlib.sha256(f"{text}{suffix}".encode()).hexdigest()[:8].upper()
    readable = f"{text}{suffix}".rstrip("/")
    return f"{kind}-{digest}-{readable}"[:CHAIN_NAME_LENGTH].rstrip("/-._")


class _Renderer:
    def __init__(self, rules: PortRules, options: Options) -> None:
        self._rules = rules
        self._options = options
        self._chains: dict[str, tuple[str, ...]] = {}
        self._clients: dict[str, int] = {}
        self._maps: dict[str, dict[str, str]] = {}

    def render(self) -> Ruleset:
        rules = self._rules
        self._claim_address(rules.cluster_ip, self._internal_verdict(), bool(rules.internal))
        if rules.external_ips or rules.balancer_ips or rules.node_port:
            verdict, reachable = self._external_verdict()
            for ip in rules.external_ips:
                self._claim_address(ip, verdict, reachable)
            guarded = self._guard(verdict) if reachable and rules.source_ranges else verdict
            for ip in rules.balancer_ips:
                self._claim_address(ip, guarded, reachable)
            if rules.node_port:
                name = "service-nodeports" if reachable else "no-endpoint-nodeports"
                self._claim(name, f"{rules.protocol} . {rules.node_port}", verdict)
        return Ruleset(self._chains, self._maps, {"cluster-ips": frozenset((rules.cluster_ip,))}, self._clients)

    def _claim_address(self, ip: str, verdict: str, reachable: bool) -> None:
        name = "service-ips" if reachable else "no-endpoint-services"
        self._claim(name, f"{ip} . {self._rules.protocol} . {self._rules.port}", verdict)

    def _claim(self, name: str, key: str, verdict: str) -> None:
        self._maps.setdefault(name, {})[key] = verdict

    def _internal_verdict(self) -> str:
        rules = self._rules
        if not rules.internal:
            return self._unreachable()
        name = self._balance("local" if rules.internal_local else "service", rules.internal)
        own = (f"ip saddr != {self._options.cluster_cidr} {_TO_MASQUERADE}",)
        self._chains[chain_name("cluster", rules)] = (
            *((_TO_MASQUERADE,) if self._options.masquerade_all else own),
            f"goto {name}",
        )
        return f"goto {chain_name('cluster', rules)}"

    def _external_verdict(self) -> tuple[str, bool]:
        """Traffic from outside; with the Local policy what comes from pods and from this node may go anywhere."""
        rules = self._rules
        if not rules.cluster:
            return self._unreachable(), False
        everywhere = self._balance("service", rules.cluster)
        if not rules.external_local:
            chain: tuple[str, ...] = (_TO_MASQUERADE, f"goto {everywhere}")
        else:
            inside = f"ip saddr {self._options.cluster_cidr}"
            here = "fib saddr type local"
            chain = (
                *((_TO_MASQUERADE,) if self._options.masquerade_all else (f"{here} {_TO_MASQUERADE}",)),
                f"{inside} goto {everywhere}",
                f"{here} goto {everywhere}",
                f"goto {self._balance('local', rules.local)}" if rules.local else "drop",
            )
        name = chain_name("external", rules)
        self._chains[name] = chain
        return f"goto {name}", True

    def _guard(self, verdict: str) -> str:
        """Only clients from `loadBalancerSourceRanges` get through to the load balancer's addresses."""
        name = chain_name("firewall", self._rules)
        allowed = ", ".join(self._rules.source_ranges)
        self._chains[name] = (f"ip saddr {{ {allowed} }} {verdict}", "drop")
        return f"goto {name}"

    def _unreachable(self) -> str:
        """Nobody anywhere: say so. Somebody, but not here: as if nobody listened, so that clients try elsewhere."""
        return "drop" if self._rules.cluster else "goto refuse"

    def _balance(self, kind: str, targets: tuple[Target, ...]) -> str:
        """The chain that picks one of `targets`: the client's last one if it has affinity, else any."""
        name = chain_name(kind, self._rules)
        if name in self._chains:
            return name
        endpoints = [self._endpoint(target) for target in targets]
        sticky = [f"ip saddr @{clients} goto {chain}" for chain, clients in endpoints if clients]
        choice = ", ".join(f"{number} : goto {chain}" for number, (chain, _) in enumerate(endpoints))
        pick = f"numgen random mod {len(endpoints)} vmap {{ {choice} }}"
        self._chains[name] = (*sticky, pick if len(endpoints) > 1 else f"goto {endpoints[0][0]}")
        return name

    def _endpoint(self, target: Target) -> tuple[str, str]:
        """(chain, set of its clients or "")"""
        rules = self._rules
        name = chain_name("endpoint", rules, f"__{target.ip}/{target.port}")
        clients = ""
        if rules.affinity_seconds:
            # The timeout is part of the name: a set cannot change it while rules refer to it.
            clients = chain_name("clients", rules, f"__{target.ip}/{target.port}/{rules.affinity_seconds}s")
            self._clients[clients] = rules.affinity_seconds
        remember = (f"update @{clients} {{ ip saddr }}",) if clients else ()
        self._chains[name] = (
            f"ip saddr {target.ip} {_TO_MASQUERADE}",  # a pod that reaches itself must not see its own address
            *remember,
            f"meta l4proto {rules.protocol} dnat to {target.ip}:{target.port}",
        )
        return name, clients
