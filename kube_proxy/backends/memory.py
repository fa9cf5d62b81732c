"""Rules of a simulated node: kept, and asked, but not enforced."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kube_proxy.backends.backend import Desired
from kube_proxy.services import PortRules, Target


class MemoryBackend:
    def __init__(self, node_ip: str) -> None:
        self._node_ip = node_ip
        self._desired: Desired = {}
        self._changed: list[str] = []

    @property
    def told(self) -> str:
        """There is no kernel: which services' rules changed, one on a line."""
        return "\n".join(f"{one}: {_shown(self._desired.get(one, ()))}" for one in self._changed)

    async def apply(self, desired: Desired) -> bool:
        before, self._desired = self._desired, dict(desired)
        self._changed = [one for one in sorted({*before, *desired}) if before.get(one) != desired.get(one)]
        return bool(self._changed)

    async def check(self) -> bool:
        return True

    def resolve(self, ip: str, port: int, protocol: str = "TCP", *, inside: bool = True) -> tuple[Target, ...]:
        """Where packets to an address may go: no targets means that they are refused or dropped.

        `inside` is whether the client is a pod or a node of the cluster. Raises LookupError for an address that is
        none of a service's.
        """
        for rules in self._all():
            if rules.protocol != protocol.lower():
                continue
            if (ip, port) == (rules.cluster_ip, rules.port):
                return rules.internal
            external = port == rules.port and ip in (*rules.external_ips, *rules.balancer_ips)
            if external or (rules.node_port and (ip, port) == (self._node_ip, rules.node_port)):
                return rules.cluster if inside else rules.external
        raise LookupError(f"{protocol} {ip}:{port} is no service's")

    def pick(self, ip: str, port: int, protocol: str, chooser: random.Random) -> Target | None:
        """One target, as a packet would find it."""
        targets = self.resolve(ip, port, protocol)
        return chooser.choice(targets) if targets else None

    def _all(self) -> list[PortRules]:
        return [rules for ports in self._desired.values() for rules in ports]


def _shown(ports: Sequence[PortRules]) -> str:
    """`10.96.0.5:80 -> 10.244.1.2:80, 10.244.2.2:80`, or that it has gone."""
    shown = [f"{one.cluster_ip}:{one.port} -> {_targets(one)}" for one in ports]
    return "; ".join(shown) or "gone"


def _targets(port: PortRules) -> str:
    return ", ".join(f"{one.ip}:{one.port}" for one in port.cluster) or "nothing"
