"""What a fresh cluster holds beyond the apiserver's own bootstrap: the cluster DNS Service."""

from __future__ import annotations

from typing import Any

from apimachinery.errors import ApiError
from cli.rest import Rest
from cli.spec import DNS_ADDRESS

JSON = dict[str, Any]


def dns_objects(address: str, port: int) -> list[tuple[str, JSON]]:
    """The selector-less `kube-dns` Service and the EndpointSlice that names the DNS process; (collection, object)."""
    labels = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    ports = [{"name": "dns", "protocol": "UDP"}, {"name": "dns-tcp", "protocol": "TCP"}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {"clusterIP": DNS_ADDRESS, "ports": [{**one, "port": 53, "targetPort": port} for one in ports]},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "orrery"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{**one, "port": port} for one in ports],
    }
    return [
        ("/api/v1/namespaces/kube-system/services", service),
        ("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", endpoints),
    ]


def install(rest: Rest, objects: list[tuple[str, JSON]]) -> None:
    """Create each object; one that is there already is brought up to date.

    In that order: the apiserver would refuse to create what is there because its address is taken.
    """
    for collection, obj in objects:
        path = f"{collection}/{obj['metadata']['name']}"
        try:
            rest.call("PATCH", path, obj, "application/merge-patch+json")
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            rest.call("POST", collection, obj)
