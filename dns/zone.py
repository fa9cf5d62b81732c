"""What the resolver may ask about the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from api.core import Namespace
from api.service import Endpoint, EndpointSlice, Service
from apimachinery.resources import join_key
from client.informer import InformerFactory

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
BY_ADDRESS = "address"
BY_SERVICE = "service"


class Zone(Protocol):
    def has_namespace(self, name: str) -> bool: ...

    def service(self, namespace: str, name: str) -> Service | None: ...

    def slices(self, namespace: str, name: str) -> Sequence[EndpointSlice]:
        """Endpoint slices of a service."""
        ...

    def services_at(self, ip: str) -> Sequence[Service]:
        """Services with this cluster IP."""
        ...

    def slices_with(self, ip: str) -> Sequence[EndpointSlice]:
        """Slices that list this address."""
        ...


class InformerZone:
    """The zone as informers mirror it."""

    def __init__(self, informers: InformerFactory) -> None:
        self._informers = informers
        self._namespaces = informers.get(Namespace)
        self._services = informers.get(Service, indexes={BY_ADDRESS: _cluster_ips})
        self._slices = informers.get(EndpointSlice, indexes={BY_SERVICE: _service_key, BY_ADDRESS: _addresses})

    @property
    def synced(self) -> bool:
        return self._namespaces.synced and self._services.synced and self._slices.synced

    def has_namespace(self, name: str) -> bool:
        return self._namespaces.get(name) is not None

    def service(self, namespace: str, name: str) -> Service | None:
        return self._services.get(join_key(namespace, name))

    def slices(self, namespace: str, name: str) -> Sequence[EndpointSlice]:
        return self._slices.by_index(BY_SERVICE, join_key(namespace, name))

    def services_at(self, ip: str) -> Sequence[Service]:
        return self._services.by_index(BY_ADDRESS, ip)

    def slices_with(self, ip: str) -> Sequence[EndpointSlice]:
        return self._slices.by_index(BY_ADDRESS, ip)


def ready_endpoints(one: EndpointSlice) -> list[Endpoint]:
    """Unknown counts as ready; services that publish unready addresses have them marked ready by their controller."""
    if one.address_type != "IPv4":
        return []
    return [endpoint for endpoint in one.endpoints if endpoint.addresses and endpoint.conditions.ready is not False]


def service_name(one: EndpointSlice) -> str:
    return one.metadata.labels.get(SERVICE_NAME_LABEL, "")


def _cluster_ips(service: Service) -> tuple[str, ...]:
    return () if service.spec.cluster_ip in ("", "None") else (service.spec.cluster_ip,)


def _service_key(one: EndpointSlice) -> tuple[str, ...]:
    name = service_name(one)
    return (join_key(one.namespace, name),) if name else ()


def _addresses(one: EndpointSlice) -> list[str]:
    return [address for endpoint in one.endpoints for address in endpoint.addresses]
