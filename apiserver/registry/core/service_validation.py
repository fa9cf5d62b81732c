"""What a Service must be."""

from __future__ import annotations

import ipaddress
from typing import Any, Final, Protocol

from apimachinery import names
from apiserver.registry.checks import (
    JSON,
    Errors,
    duplicate,
    enum,
    forbidden,
    invalid,
    labels,
    named,
    not_supported,
    port_number,
    port_or_name,
    required,
    unchanged,
)
from apiserver.registry.core.container_validation import PROTOCOLS
from apiserver.registry.core.pod_validation import ip_address

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
HEADLESS: Final = "None"
AFFINITY_MAX_SECONDS: Final = 86400
FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
OUT_OF_RANGE: Final = "the provided IP is not in the valid range. The range of valid IPs is "
TRAFFIC_POLICIES: Final = ("Cluster", "Local")


class Ranges(Protocol):
    """What may be allocated."""

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network: ...

    @property
    def node_ports(self) -> tuple[int, int]: ...


def validate_service(obj: JSON, ranges: Ranges) -> Errors:
    spec = obj.get("spec") or {}
    kind = spec.get("type")
    headless = spec.get("clusterIP") == HEADLESS
    errors = enum("spec.type", kind, TYPES)
    if not spec.get("ports") and not headless and kind != "ExternalName":
        errors.append(required("spec.ports"))
    errors += _type_rules(spec, headless=headless)
    errors += _ports(spec, ranges)
    errors += labels("spec.selector", spec.get("selector"))
    errors += enum("spec.sessionAffinity", spec.get("sessionAffinity"), ("ClientIP", "None"))
    errors += _affinity(spec) + _addresses(spec, ranges) + _traffic(spec)
    return errors


def _type_rules(spec: JSON, *, headless: bool) -> Errors:
    kind = spec.get("type")
    if kind == "LoadBalancer" and headless:
        return [invalid("spec.clusterIPs[0]", HEADLESS, "may not be set to 'None' for LoadBalancer services")]
    if kind == "NodePort" and headless:
        return [invalid("spec.clusterIPs[0]", HEADLESS, "may not be set to 'None' for NodePort services")]
    if kind == "ExternalName":
        name = (spec.get("externalName") or "").rstrip(".")
        return named("spec.externalName", name, names.dns1123_subdomain)
    return []


def _ports(spec: JSON, ranges: Ranges) -> Errors:
    ports = spec.get("ports") or []
    errors: Errors = []
    names_seen: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        at = f"spec.ports[{index}]"
        errors += _port_name(at, port, names_seen, needed=len(ports) > 1)
        errors += port_number(f"{at}.port", port.get("port"))
        errors += enum(f"{at}.protocol", port.get("protocol"), PROTOCOLS)
        errors += port_or_name(f"{at}.targetPort", port.get("targetPort"))
        identity = (port.get("protocol") or "", port.get("port") or 0)
        if identity in numbers:
            errors.append(duplicate(at, {"port": identity[1], "protocol": identity[0]}))
        numbers.add(identity)
        errors += _node_port(at, port, node_ports, ranges)
    return errors


def _port_name(path: str, port: JSON, seen: set[str], *, needed: bool) -> Errors:
    name = port.get("name") or ""
    errors = named(f"{path}.name", name, names.dns1123_label, needed=needed)
    if name and name in seen:
        errors.append(duplicate(f"{path}.name", name))
    seen.add(name)
    return errors


def _node_port(path: str, port: JSON, seen: set[tuple[str, int]], ranges: Ranges) -> Errors:
    number = port.get("nodePort")
    if not number:
        return []
    low, high = ranges.node_ports
    if not low <= number <= high:
        why = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
        return [invalid(f"{path}.nodePort", number, why)]
    identity = (port.get("protocol") or "", number)
    if identity in seen:
        return [duplicate(f"{path}.nodePort", number)]
    seen.add(identity)
    return []


def _affinity(spec: JSON) -> Errors:
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP")
    if spec.get("sessionAffinity") != "ClientIP" or config is None:
        return []
    seconds = config.get("timeoutSeconds") or 0
    if 0 < seconds <= AFFINITY_MAX_SECONDS:
        return []
    why = f"must be greater than 0 and less than {AFFINITY_MAX_SECONDS}"
    return [invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, why)]


def _addresses(spec: JSON, ranges: Ranges) -> Errors:
    errors: Errors = []
    cluster_ip, cluster_ips = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if cluster_ips and cluster_ip != cluster_ips[0]:
        errors.append(invalid("spec.clusterIPs", cluster_ips, "first value must match `clusterIP`"))
    if cluster_ip and cluster_ip != HEADLESS:
        wrong = ip_address("spec.clusterIPs[0]", cluster_ip)
        if not wrong and ipaddress.ip_address(cluster_ip) not in ranges.network:
            why = f"failed to allocate IP {cluster_ip}: {OUT_OF_RANGE}{ranges.network}"
            wrong = [invalid("spec.clusterIPs", [cluster_ip], why)]
        errors += wrong
    for index, address in enumerate(spec.get("externalIPs") or ()):
        errors += ip_address(f"spec.externalIPs[{index}]", address)
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in ("IPv4", "IPv6"):
            errors.append(not_supported(f"spec.ipFamilies[{index}]", family, ("IPv4", "IPv6")))
    return errors + enum("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), FAMILY_POLICIES, needed=False)


def _traffic(spec: JSON) -> Errors:
    errors: Errors = []
    for field in ("internalTrafficPolicy", "externalTrafficPolicy"):
        errors += enum(f"spec.{field}", spec.get(field), TRAFFIC_POLICIES, needed=False)
    ranges = spec.get("loadBalancerSourceRanges") or []
    if ranges and spec.get("type") != "LoadBalancer":
        errors.append(forbidden("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'"))
    return errors


def validate_service_update(old: JSON, new: JSON) -> Errors:
    """A cluster IP stays as long as the Service has one."""
    was, now = (service.get("spec") or {} for service in (old, new))
    errors: Errors = []
    if "ExternalName" in (was.get("type"), now.get("type")):
        return errors
    had: list[Any] = was.get("clusterIPs") or ([was["clusterIP"]] if was.get("clusterIP") else [])
    has: list[Any] = now.get("clusterIPs") or ([now["clusterIP"]] if now.get("clusterIP") else [])
    if had and has and had[0] != has[0]:
        errors.append(invalid("spec.clusterIPs[0]", has, "may not change once set"))
    if had and not has:
        errors.append(invalid("spec.clusterIPs[0]", has, "primary clusterIP can not be unset"))
    if was.get("type") == now.get("type") == "LoadBalancer":
        errors += unchanged("spec.loadBalancerClass", was.get("loadBalancerClass"), now.get("loadBalancerClass"),
                            "may not change once set")  # fmt: skip
    return errors
