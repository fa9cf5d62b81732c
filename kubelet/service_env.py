"""Environment variables about Services. Pure. Names: API documentation, "Accessing the Service"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from api.service import Service, ServicePort


def service_variables(services: Iterable[Service], namespace: str, *, links: bool) -> dict[str, str]:
    """Of the API's own Service always, of the namespace's others if `links`."""
    chosen: dict[str, Service] = {}
    for service in services:
        if service.spec.cluster_ip in ("", "None"):
            continue
        is_master = service.namespace == "default" and service.name == "kubernetes"
        # A Service of the pod's own namespace hides the cluster's of the same name.
        if (service.namespace == namespace and links) or (is_master and service.name not in chosen):
            chosen[service.name] = service
    return dict(pair for name in sorted(chosen) for pair in _of(chosen[name]))


def _of(service: Service) -> Iterator[tuple[str, str]]:
    if not service.spec.ports:
        return
    name, ip = _shell(service.name), service.spec.cluster_ip
    first = service.spec.ports[0]
    yield f"{name}_SERVICE_HOST", ip
    yield f"{name}_SERVICE_PORT", str(first.port)
    for port in service.spec.ports:
        if port.name:
            yield f"{name}_SERVICE_PORT_{_shell(port.name)}", str(port.port)
    yield f"{name}_PORT", _url(ip, first)
    for port in service.spec.ports:
        prefix = f"{name}_PORT_{port.port}_{port.protocol.upper()}"
        yield prefix, _url(ip, port)
        yield f"{prefix}_PROTO", port.protocol.lower()
        yield f"{prefix}_PORT", str(port.port)
        yield f"{prefix}_ADDR", ip


def _url(ip: str, port: ServicePort) -> str:
    host = f"[{ip}]" if ":" in ip else ip
    return f"{port.protocol.lower()}://{host}:{port.port}"


def _shell(name: str) -> str:
    return name.upper().replace("-", "_")
