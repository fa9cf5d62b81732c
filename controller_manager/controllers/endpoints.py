"""Endpoints: the addresses behind a Service in one object, for those who still read it.

Watches: Services, Pods, Endpoints. Owns: the Endpoints of Services with a selector. Writes: those.
Invariant: an address is ready exactly if its pod is, or the Service publishes all; terminating pods are left out.
Source of the rules: pkg/controller/endpoint of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from api.service import Endpoints, Service
from apimachinery.errors import ApiError
from apimachinery.resources import split_key
from client.in_order import after
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.decisions import UNSETTLED, count, decide
from controller_manager.limits import ENDPOINTS_PER_OBJECT, POD_WORKERS
from controller_manager.own_writes import OwnWrites
from controller_manager.pods import PodView, is_ready
from controller_manager.service_pods import (
    Port,
    belongs,
    copied_labels,
    has_endpoints,
    hostname_of,
    is_headless,
    ports_of,
    selected,
    services_to_wake,
    target_reference,
)
from controller_manager.settling import wake

JSON = dict[str, Any]

HEADLESS: Final = "service.kubernetes.io/headless"
MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
MANAGER: Final = "endpoint-controller"
OVER_CAPACITY: Final = "endpoints.kubernetes.io/over-capacity"


def compute_subsets(service: Service, pods: Iterable[PodView]) -> tuple[list[JSON], bool]:
    """The subsets, in an order that does not depend on the pods'; and whether some did not fit."""
    publish_all = service.spec.publish_not_ready_addresses
    by_ports: dict[tuple[Port, ...], tuple[list[JSON], list[JSON]]] = {}
    behind = [pod for pod in pods if belongs(pod, include_terminating=publish_all)]
    behind.sort(key=lambda pod: (not is_ready(pod), pod.status.pod_ip, pod.name))
    for pod in behind[:ENDPOINTS_PER_OBJECT]:
        ports = ports_of(service, pod)
        if service.spec.ports and not ports:
            continue
        ready, not_ready = by_ports.setdefault(tuple(sorted(ports)), ([], []))
        (ready if publish_all or is_ready(pod) else not_ready).append(_address(service, pod))
    subsets = [_subset(ports, *addresses) for ports, addresses in sorted(by_ports.items())]
    return subsets, len(behind) > ENDPOINTS_PER_OBJECT


def _address(service: Service, pod: PodView) -> JSON:
    address: JSON = {"ip": pod.status.pod_ip, "targetRef": target_reference(pod)}
    hostname = hostname_of(service, pod)
    if hostname:
        address["hostname"] = hostname
    if pod.spec.node_name:
        address["nodeName"] = pod.spec.node_name
    return address


def _subset(ports: tuple[Port, ...], ready: list[JSON], not_ready: list[JSON]) -> JSON:
    subset: JSON = {"addresses": ready} if ready else {}
    if not_ready:
        subset["notReadyAddresses"] = not_ready
    return subset | ({"ports": [port.to_json() for port in ports]} if ports else {})


def compute_labels(service: Service) -> dict[str, str]:
    labels = copied_labels(service, (HEADLESS, MANAGED_BY)) | {MANAGED_BY: MANAGER}
    return labels | ({HEADLESS: ""} if is_headless(service) else {})


class EndpointsController:
    name = "endpoints"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._pods = context.pods
        self._services = context.informers.get(Service)
        self._endpoints = context.informers.get(Endpoints)
        self._written = OwnWrites(context.clock, self._endpoints)
        self._sizes: dict[str, int] = {}
        """Pods behind a Service when it was last looked at."""
        self.queue = context.queue(self.name)
        self._services.add_handler(lambda event: self.queue.add(event.object.key))
        self._endpoints.add_handler(self._on_endpoints)
        self._pods.add_handler(after(self._services, self._on_pod))

    def _on_endpoints(self, event: Event[Endpoints]) -> None:
        """Someone removed or changed ours; a key without a Service with a selector is none of ours."""
        service = self._services.get(event.object.key)
        if service is not None and has_endpoints(service):
            wake(self.queue, service.key, self._sizes.get(service.key, 0))

    def _on_pod(self, event: Event[PodView]) -> None:
        for key in services_to_wake(event, self._services):
            wake(self.queue, key, self._sizes.get(key, 0))

    async def reconcile(self, key: str) -> float | None:
        service = self._services.get(key)
        if service is None:
            self._sizes.pop(key, None)
            self._written.forget(key)
            await self._delete(key)
            return None
        if not has_endpoints(service):
            return None
        pause = self._written.pause(key)
        if pause is not None:
            decide(why=UNSETTLED)
            return pause
        pods = [
            pod for pod in self._pods.by_index("namespace", service.namespace) if selected(service, pod.metadata.labels)
        ]
        self._sizes[key] = len(pods)
        await self._write(service, pods)
        return None

    async def _write(self, service: Service, pods: list[PodView]) -> None:
        subsets, cut = compute_subsets(service, pods)
        labels, annotations = compute_labels(service), {OVER_CAPACITY: "truncated"} if cut else {}
        present = self._endpoints.get(service.key)
        if present is None:
            metadata: JSON = {"name": service.name, "namespace": service.namespace, "labels": labels}
            metadata |= {"annotations": annotations} if annotations else {}
            decide("create", why=f"{count(len(pods), 'pod')} selected")
            created = await self._api.create(Endpoints, {"metadata": metadata, "subsets": subsets})
            self._written.note(service.key, created)
            return
        same = _same(present, subsets, labels) and (OVER_CAPACITY in present.metadata.annotations) == cut
        decide("" if same else "update", why=f"{count(len(pods), 'pod')} selected")
        if same:
            return
        metadata = {
            "resourceVersion": present.metadata.resource_version,
            "labels": labels | dict.fromkeys(present.metadata.labels.keys() - labels.keys()),
            "annotations": {OVER_CAPACITY: "truncated" if cut else None},
        }
        patch = {"metadata": metadata, "subsets": subsets or None}
        patched = await self._api.patch(Endpoints, service.name, patch, namespace=service.namespace)
        self._written.note(service.key, patched)

    async def _delete(self, key: str) -> None:
        """Of a Service that is gone. Only what this controller made."""
        present = self._endpoints.get(key)
        if present is None or present.metadata.labels.get(MANAGED_BY) != MANAGER:
            return
        decide("delete", why="its Service is gone")
        namespace, name = split_key(key)
        try:
            await self._api.delete(
                Endpoints, name, namespace=namespace, options={"preconditions": {"uid": present.uid}}
            )
        except ApiError as error:
            if error.code != 404:
                raise


def _same(present: Endpoints, subsets: list[JSON], labels: dict[str, str]) -> bool:
    wanted = msgspec.convert({"subsets": subsets}, Endpoints)
    return present.subsets == wanted.subsets and present.metadata.labels == labels


def build(context: Context) -> Managed:
    controller = EndpointsController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
