"""Service and Endpoints, core/v1; EndpointSlice, discovery.k8s.io/v1."""

from __future__ import annotations

from typing import ClassVar

from api.meta import KubeObject, Struct
from apimachinery.resources import GVR


class ServicePort(Struct, frozen=True):
    name: str = ""
    protocol: str = "TCP"
    port: int = 0
    target_port: int | str = 0
    node_port: int = 0
    app_protocol: str | None = None


class ClientIPConfig(Struct, frozen=True):
    timeout_seconds: int = 10800


class SessionAffinityConfig(Struct, frozen=True):
    client_ip: ClientIPConfig | None = None


class ServiceSpec(Struct, frozen=True):
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = {}
    cluster_ip: str = ""
    cluster_ips: tuple[str, ...] = ()
    type: str = "ClusterIP"
    external_ips: tuple[str, ...] = ()
    session_affinity: str = "None"
    session_affinity_config: SessionAffinityConfig | None = None
    external_name: str = ""
    external_traffic_policy: str = ""
    internal_traffic_policy: str | None = None
    load_balancer_source_ranges: tuple[str, ...] = ()
    publish_not_ready_addresses: bool = False
    ip_families: tuple[str, ...] = ()


class LoadBalancerIngress(Struct, frozen=True):
    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Struct, frozen=True):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Struct, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "services")
    KIND: ClassVar[str] = "Service"

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class ObjectReference(Struct, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class EndpointAddress(Struct, frozen=True):
    ip: str = ""
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(Struct, frozen=True):
    """Of Endpoints and of EndpointSlice alike."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None
    app_protocol: str | None = None


class EndpointSubset(Struct, frozen=True):
    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "endpoints")
    KIND: ClassVar[str] = "Endpoints"

    subsets: tuple[EndpointSubset, ...] = ()


class EndpointConditions(Struct, frozen=True):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Struct, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: ObjectReference | None = None


class EndpointSlice(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("discovery.k8s.io", "v1", "endpointslices")
    KIND: ClassVar[str] = "EndpointSlice"

    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
