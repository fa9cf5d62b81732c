"""A small cluster's names, for tests of the DNS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from api.service import EndpointSlice, Service


def make_service(name: str, namespace: str = "default", **spec: Any) -> Service:
    ports = spec.pop("ports", [{"name": "http", "port": 80}])
    tree = {"metadata": {"name": name, "namespace": namespace}, "spec": {"ports": ports, **spec}}
    return msgspec.convert(tree, Service)


def make_slice(service: str, endpoints: list[dict[str, Any]], namespace: str = "default", **more: Any) -> EndpointSlice:
    tree = {
        "metadata": {
            "name": f"{service}-x",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        **more,
    }
    return msgspec.convert(tree, EndpointSlice)


class Names:
    """A zone of given objects."""

    def __init__(self, services: Sequence[Service], slices: Sequence[EndpointSlice]) -> None:
        self._services = services
        self._slices = slices

    def has_namespace(self, name: str) -> bool:
        return name in ("default", "kube-system") or any(one.namespace == name for one in self._services)

    def service(self, namespace: str, name: str) -> Service | None:
        return next((one for one in self._services if (one.namespace, one.name) == (namespace, name)), None)

    def slices(self, namespace: str, name: str) -> Sequence[EndpointSlice]:
        label = "kubernetes.io/service-name"
        return [one for one in self._slices if one.namespace == namespace and one.metadata.labels[label] == name]

    def services_at(self, ip: str) -> Sequence[Service]:
        return [one for one in self._services if one.spec.cluster_ip == ip]

    def slices_with(self, ip: str) -> Sequence[EndpointSlice]:
        return [one for one in self._slices if any(ip in endpoint.addresses for endpoint in one.endpoints)]


def small_cluster() -> Names:
    ready, unready = {"ready": True}, {"ready": False}
    return Names(
        [
            make_service(
                "web",
                clusterIP="10.96.0.20",
                ports=[{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}],
            ),
            make_service("db", clusterIP="None"),
            make_service("empty", clusterIP="None"),
            make_service("out", type="ExternalName", externalName="example.com."),
            make_service("alias", type="ExternalName", externalName="web.default.svc.cluster.local"),
            make_service("loop", type="ExternalName", externalName="loop.default.svc.cluster.local"),
            make_service(
                "kube-dns",
                "kube-system",
                clusterIP="10.96.0.10",
                ports=[{"name": "dns", "port": 53, "protocol": "UDP"}],
            ),
        ],
        [
            make_slice(
                "db",
                [
                    {"addresses": ["10.244.1.5"], "conditions": ready, "hostname": "db-0"},
                    {"addresses": ["10.244.2.6"], "conditions": ready},
                    {"addresses": ["10.244.2.7"], "conditions": unready, "hostname": "db-2"},
                ],
            ),
            make_slice("web", [{"addresses": ["10.244.1.9"], "conditions": ready}]),
        ],
    )
