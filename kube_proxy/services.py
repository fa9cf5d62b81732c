"""What each port of a Service means on one node: pure, from the Service and its EndpointSlices.

Rules: Kubernetes documentation, "Virtual IPs and Service Proxies"; KEP-1669 (terminating endpoints), KEP-2086
(internal traffic policy).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from api.service import Endpoint, EndpointSlice, Service, ServicePort

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
SERVICE_PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
_HEADLESS = ("", "None")


class Target(NamedTuple):
    """Where a packet ends up."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class PortRules:
    """One port of one Service. `protocol` is lower case; a `node_port` of 0 is none."""

    service: str
    """namespace/name"""
    port_name: str
    protocol: str
    cluster_ip: str
    port: int
    node_port: int
    external_ips: tuple[str, ...]
    cluster: tuple[Target, ...]
    """All endpoints that may be used."""
    local: tuple[Target, ...]
    """Those of them on this node."""
    internal_local: bool
    """Traffic from inside stays on the node (internalTrafficPolicy: Local)."""
    external_local: bool
    """Traffic from outside does."""
    affinity_seconds: int
    """How long a client keeps its endpoint; 0: not at all."""
    balancer_ips: tuple[str, ...] = ()
    """Addresses of the load balancer."""
    source_ranges: tuple[str, ...] = ()
    """Who may use those; none: everybody."""

    @property
    def internal(self) -> tuple[Target, ...]:
        return self.local if self.internal_local else self.cluster

    @property
    def external(self) -> tuple[Target, ...]:
        return self.local if self.external_local else self.cluster


def port_rules(service: Service, slices: Iterable[EndpointSlice], node: str) -> tuple[PortRules, ...]:
    """Nothing for services that need no proxy: headless ones, external names, and those of another proxy."""
    spec = service.spec
    if spec.cluster_ip in _HEADLESS or spec.type == "ExternalName":
        return ()
    if SERVICE_PROXY_NAME_LABEL in service.metadata.labels:
        return ()
    usable = [one for one in slices if one.address_type == "IPv4"]
    return tuple(_one_port(service, port, usable, node) for port in spec.ports if ":" not in spec.cluster_ip)


def _one_port(service: Service, port: ServicePort, slices: list[EndpointSlice], node: str) -> PortRules:
    spec = service.spec
    found = list(_endpoints(port, slices))
    external = _ipv4(spec.external_ips)
    balancer = _ipv4(one.ip for one in service.status.load_balancer.ingress if one.ip)
    return PortRules(
        service=service.key,
        port_name=port.name,
        protocol=(port.protocol or "TCP").lower(),
        cluster_ip=spec.cluster_ip,
        port=port.port,
        node_port=port.node_port if spec.type in ("NodePort", "LoadBalancer") else 0,
        external_ips=external,
        cluster=_usable(found),
        local=_usable([one for one in found if one[0].node_name == node]),
        internal_local=spec.internal_traffic_policy == "Local",
        external_local=spec.external_traffic_policy == "Local",
        affinity_seconds=_affinity(service),
        balancer_ips=tuple(ip for ip in balancer if ip not in external),
        source_ranges=_ipv4(one.strip() for one in spec.load_balancer_source_ranges),
    )


def _ipv4(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in addresses if ":" not in one))


def _endpoints(port: ServicePort, slices: list[EndpointSlice]) -> Iterable[tuple[Endpoint, Target]]:
    for one in slices:
        numbers = [
            candidate.port
            for candidate in one.ports
            if (candidate.name or "") == port.name and (candidate.protocol or "TCP") == (port.protocol or "TCP")
        ]
        for endpoint in one.endpoints:
            for number in numbers:
                if number and endpoint.addresses:
                    yield endpoint, Target(endpoint.addresses[0], number)


def _usable(endpoints: list[tuple[Endpoint, Target]]) -> tuple[Target, ...]:
    """The ready ones; if there are none, those that still serve while they terminate."""
    ready = {target for endpoint, target in endpoints if endpoint.conditions.ready is not False}
    if not ready:
        ready = {
            target for endpoint, target in endpoints if endpoint.conditions.serving and endpoint.conditions.terminating
        }
    return tuple(sorted(ready))


def _affinity(service: Service) -> int:
    spec = service.spec
    if spec.session_affinity != "ClientIP":
        return 0
    configured = spec.session_affinity_config
    return configured.client_ip.timeout_seconds if configured and configured.client_ip else 10800
