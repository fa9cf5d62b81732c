"""Tables of services, endpoints, ingresses and network policies."""

from __future__ import annotations

from apiserver.registry.tables.cells import (
    AGE,
    JSON,
    NAME,
    NONE,
    UNSET,
    Cells,
    Column,
    Table,
    age,
    first_few,
    joined,
    labels,
    metadata,
    name,
    selector,
    spec,
    status,
    wide,
)

SHOWN = 3
CLASS_ANNOTATION = "kubernetes.io/ingress.class"


def _service(obj: JSON, now: float) -> Cells:
    found = spec(obj)
    addresses = found.get("clusterIPs") or ()
    return [
        name(obj),
        found.get("type") or "",
        (addresses[0] if addresses else found.get("clusterIP")) or NONE,
        _external(obj),
        joined((_port(port) for port in found.get("ports") or ()), empty=NONE),
        age(obj, now),
        labels(found.get("selector")),
    ]


def _port(port: JSON) -> str:
    numbers = f"{port.get('port')}:{port['nodePort']}" if port.get("nodePort") else str(port.get("port"))
    return f"{numbers}/{port.get('protocol') or 'TCP'}"


def _external(obj: JSON) -> str:
    found = spec(obj)
    given = list(found.get("externalIPs") or ())
    if found.get("type") == "ExternalName":
        return str(found.get("externalName") or "")
    if found.get("type") == "LoadBalancer":
        return joined([*_ingress_points(obj), *given], empty="<pending>")
    return joined(given, empty=NONE)


def _ingress_points(obj: JSON) -> list[str]:
    points = (status(obj).get("loadBalancer") or {}).get("ingress") or ()
    return [
        str(point.get("ip") or point.get("hostname")) for point in points if point.get("ip") or point.get("hostname")
    ]


def _endpoints(obj: JSON, now: float) -> Cells:
    found: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [one.get("ip", "") for one in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        found += [_joined(ip, port.get("port")) for port in ports for ip in addresses] if ports else addresses
    return [name(obj), first_few(found, SHOWN, empty=NONE), age(obj, now)]


def _joined(ip: str, port: int | None) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _slice(obj: JSON, now: float) -> Cells:
    ports = [str(port.get("port") or port.get("name") or "*") for port in obj.get("ports") or ()]
    addresses = [ip for endpoint in obj.get("endpoints") or () for ip in endpoint.get("addresses") or ()]
    shown = [first_few(items, SHOWN, empty=UNSET) for items in (ports, addresses)]
    return [name(obj), obj.get("addressType") or "", *shown, age(obj, now)]


def _ingress(obj: JSON, now: float) -> Cells:
    chosen = spec(obj).get("ingressClassName") or (metadata(obj).get("annotations") or {}).get(CLASS_ANNOTATION)
    hosts = [rule["host"] for rule in spec(obj).get("rules") or () if rule.get("host")]
    ports = "80, 443" if spec(obj).get("tls") else "80"
    return [name(obj), chosen or NONE, first_few(hosts, SHOWN, empty="*"), joined(_ingress_points(obj)), ports,
            age(obj, now)]  # fmt: skip


def _ingressclass(obj: JSON, now: float) -> Cells:
    reference = spec(obj).get("parameters")
    shown = NONE
    if reference:
        kind = ".".join(part for part in (reference.get("kind"), reference.get("apiGroup")) if part)
        shown = f"{kind}/{reference.get('name')}"
    return [name(obj), spec(obj).get("controller") or "", shown, age(obj, now)]


def _policy(obj: JSON, now: float) -> Cells:
    return [name(obj), selector(spec(obj).get("podSelector") or {}), age(obj, now)]


def _address(obj: JSON, now: float) -> Cells:
    parent = spec(obj).get("parentRef") or {}
    parts = (parent.get("group"), parent.get("resource"), parent.get("namespace"), parent.get("name"))
    return [name(obj), "/".join(part for part in parts if part), age(obj, now)]


def _cidr(obj: JSON, now: float) -> Cells:
    return [name(obj), joined(spec(obj).get("cidrs") or ()), age(obj, now)]


TABLES = {
    ("", "Service"): Table(
        (
            NAME,
            Column("Type", "How the service is exposed."),
            Column("Cluster-IP", "Its address within the cluster."),
            Column("External-IP", "Its address from outside."),
            Column("Port(s)", "Port, node port if any, and protocol of each."),
            AGE,
            wide("Selector", "Labels of the pods that it leads to."),
        ),
        _service,
    ),
    ("", "Endpoints"): Table((NAME, Column("Endpoints", "Addresses that are ready."), AGE), _endpoints),
    ("discovery.k8s.io", "EndpointSlice"): Table(
        (
            NAME,
            Column("AddressType", "What kind of address the endpoints have."),
            Column("Ports", "Ports of every endpoint."),
            Column("Endpoints", "Addresses of the endpoints."),
            AGE,
        ),
        _slice,
    ),
    ("networking.k8s.io", "Ingress"): Table(
        (
            NAME,
            Column("Class", "Which controller serves it."),
            Column("Hosts", "Host names that it answers to."),
            Column("Address", "Where it is served."),
            Column("Ports", "Ports on which it is served."),
            AGE,
        ),
        _ingress,
    ),
    ("networking.k8s.io", "IngressClass"): Table(
        (
            NAME,
            Column("Controller", "Who serves ingresses of this class."),
            Column("Parameters", "Object with further settings."),
            AGE,
        ),
        _ingressclass,
    ),
    ("networking.k8s.io", "NetworkPolicy"): Table(
        (NAME, Column("Pod-Selector", "Labels of the pods that it protects."), AGE), _policy
    ),
    ("networking.k8s.io", "IPAddress"): Table((NAME, Column("ParentRef", "Who holds the address."), AGE), _address),
    ("networking.k8s.io", "ServiceCIDR"): Table((NAME, Column("CIDRs", "Ranges of addresses."), AGE), _cidr),
}
