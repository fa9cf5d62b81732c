"""NetworkPolicies: which traffic pods take and make."""

from __future__ import annotations

import ipaddress

from apiserver.registry.checks import (
    JSON,
    Errors,
    each,
    enum,
    forbidden,
    invalid,
    label_selector,
    port_or_name,
    required,
)
from apiserver.registry.core.container_validation import PROTOCOLS
from apiserver.registry.strategy import Strategy

_DIRECTIONS = (("ingress", "from"), ("egress", "to"))


class NetworkPolicyStrategy(Strategy):
    tracks_generation = True

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        for direction, _ in _DIRECTIONS:
            for rule in spec.get(direction) or ():
                for port in rule.get("ports") or ():
                    if not port.get("protocol"):
                        port["protocol"] = "TCP"
        if not spec.get("policyTypes"):
            spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = label_selector("spec.podSelector", spec.get("podSelector"))
        for direction, peers in _DIRECTIONS:
            for index, rule in enumerate(spec.get(direction) or ()):
                at = f"spec.{direction}[{index}]"
                errors += each(f"{at}.ports", rule.get("ports"), _port)
                errors += each(f"{at}.{peers}", rule.get(peers), _peer)
        for index, kind in enumerate(spec.get("policyTypes") or ()):
            errors += enum(f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress"))
        return errors


def _port(path: str, port: JSON) -> Errors:
    errors = enum(f"{path}.protocol", port.get("protocol"), PROTOCOLS, needed=False)
    if port.get("port") is not None:
        errors += port_or_name(f"{path}.port", port["port"])
    end = port.get("endPort")
    if end is not None:
        if isinstance(port.get("port"), str):
            errors.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric"))
        elif port.get("port") is None:
            errors.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified"))
        elif end < port["port"]:
            errors.append(invalid(f"{path}.endPort", end, "must be greater than or equal to `port`"))
    return errors


def _peer(path: str, peer: JSON) -> Errors:
    given = [key for key in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(key) is not None]
    if not given:
        return [required(path, "must specify a peer")]
    errors = label_selector(f"{path}.podSelector", peer.get("podSelector"))
    errors += label_selector(f"{path}.namespaceSelector", peer.get("namespaceSelector"))
    if "ipBlock" in given:
        if len(given) > 1:
            errors.append(forbidden(path, "may not specify both ipBlock and another peer"))
        errors += _block(f"{path}.ipBlock", peer["ipBlock"])
    return errors


def _block(path: str, block: JSON) -> Errors:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [required(f"{path}.cidr")]
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return [invalid(f"{path}.cidr", cidr, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    errors: Errors = []
    for index, text in enumerate(block.get("except") or ()):
        at = f"{path}.except[{index}]"
        try:
            inner = ipaddress.ip_network(text)
        except ValueError:
            why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            errors.append(invalid(at, text, why))
            continue
        within = inner.version == network.version and inner.subnet_of(network)  # type: ignore[arg-type]
        if not within or inner == network:
            errors.append(invalid(at, text, f'must be a strict subset of `cidr` with value "{cidr}"'))
    return errors
