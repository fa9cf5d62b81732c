"""What Endpoints and EndpointSlices have in common: which pods are behind a Service, under which ports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from api.service import Service, ServicePort
from client.informer import Event, Informer
from controller_manager.pods import PodView, is_ready, is_terminal, is_terminating

JSON = dict[str, Any]


class Port(NamedTuple):
    """One port as endpoints show it."""

    name: str
    port: int
    protocol: str
    app_protocol: str | None

    def to_json(self) -> JSON:
        tree: JSON = {"name": self.name} if self.name else {}
        tree |= {"port": self.port, "protocol": self.protocol}
        return tree | ({"appProtocol": self.app_protocol} if self.app_protocol else {})


def has_endpoints(service: Service) -> bool:
    """Without a selector its endpoints are someone else's affair, as is an ExternalName."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def is_headless(service: Service) -> bool:
    return service.spec.cluster_ip == "None"


def selected(service: Service, labels: dict[str, str]) -> bool:
    return service.spec.selector.items() <= labels.items()


def belongs(pod: PodView, *, include_terminating: bool) -> bool:
    """Has the pod an address that the Service may give out?"""
    if is_terminal(pod) or not pod.status.pod_ip:
        return False
    return include_terminating or not is_terminating(pod)


def ports_of(service: Service, pod: PodView) -> tuple[Port, ...]:
    """The Service's ports as this pod offers them; a named port that it does not have is left out."""
    found = []
    for port in service.spec.ports:
        number = _target(port, pod)
        if number is not None:
            found.append(Port(port.name, number, port.protocol, port.app_protocol))
    return tuple(found)


def _target(port: ServicePort, pod: PodView) -> int | None:
    target = port.target_port or port.port
    if isinstance(target, int):
        return target
    sidecars = [one for one in pod.spec.init_containers if one.restart_policy == "Always"]
    for container in (*pod.spec.containers, *sidecars):
        for offered in container.ports:
            if offered.name == target and offered.protocol == port.protocol:
                return offered.container_port
    return None


def hostname_of(service: Service, pod: PodView) -> str:
    """The name under which DNS shows this pod alone, if its Service is the one that governs it."""
    return pod.spec.hostname if pod.spec.hostname and pod.spec.subdomain == service.name else ""


def target_reference(pod: PodView) -> JSON:
    return {"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid}


def services_to_wake(event: Event[PodView], services: Informer[Service]) -> Iterator[str]:
    """Keys of Services whose endpoints this change of a pod may alter."""
    old, new = event.old, event.new
    if old is not None and new is not None and _face(old) == _face(new):
        return
    labels = [pod.metadata.labels for pod in (old, new) if pod is not None]
    for service in services.by_index("namespace", event.object.namespace):
        if has_endpoints(service) and any(selected(service, one) for one in labels):
            yield service.key


def _face(pod: PodView) -> tuple[Any, ...]:
    """All of a pod that endpoints show."""
    return (
        pod.metadata.labels,
        is_ready(pod),
        is_terminating(pod),
        is_terminal(pod),
        pod.status.pod_ips or pod.status.pod_ip,
        pod.spec.node_name,
        pod.spec.hostname,
        pod.spec.subdomain,
    )


def copied_labels(service: Service, reserved: Iterable[str]) -> dict[str, str]:
    """The Service's labels, which its endpoints carry too, without those that have a meaning there."""
    return {key: value for key, value in service.metadata.labels.items() if key not in set(reserved)}
