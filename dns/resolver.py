"""From a question to its answer. Pure. Rules: "Kubernetes DNS-Based Service Discovery", version 1.1.0.

    SERVICE.NAMESPACE.svc.ZONE             A: its cluster IP, or every ready endpoint of a headless service
    HOST.SERVICE.NAMESPACE.svc.ZONE        A: one endpoint of a headless service, by host name or dashed address
    _PORT._PROTOCOL.SERVICE....svc.ZONE    SRV: one per port, or per endpoint of a headless service
    1-2-3-4.NAMESPACE.pod.ZONE             A: that address, whether or not there is such a pod
    4.3.2.1.in-addr.arpa                   PTR: of cluster IPs and of endpoints

A name that exists without records of the type asked for is answered with none (NODATA); one that does not exist with
NXDOMAIN; both carry the SOA, so that they are remembered no longer than its minimum says.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from api.service import Endpoint, EndpointSlice, Service
from dns.limits import CNAME_DEPTH, TTL_SECONDS
from dns.records import Answer, Question, Rcode, Record
from dns.zone import Zone, ready_endpoints, service_name

SCHEMA_VERSION = "1.1.0"
_REVERSE = ".in-addr.arpa"
_SOA_TIMES = (7200, 1800, 86400, TTL_SECONDS)


class Found:
    """What there is at a name: `records` of every type; no object at all means that there is no such name."""

    def __init__(self, records: Iterable[Record] = (), additional: Iterable[Record] = ()) -> None:
        self.records = list(records)
        self.additional = tuple(additional)


class Resolver:
    """Answers for `domain` (`cluster.local`); knows nothing but `zone`."""

    def __init__(self, domain: str, zone: Zone) -> None:
        self._domain = domain.strip(".").lower()
        self._zone = zone

    def is_ours(self, name: str) -> bool:
        lower = name.lower()
        return lower == self._domain or lower.endswith(f".{self._domain}")

    def answer(self, question: Question, serial: int) -> Answer | None:
        """None if the name is not ours to answer for. `serial` is the SOA's."""
        if self.is_ours(question.name):
            return self._answer_ours(question, serial)
        if question.lower.endswith(_REVERSE):
            return self._answer_reverse(question)
        return None

    # --- forward -------------------------------------------------------------------------------------------------

    def _answer_ours(self, question: Question, serial: int) -> Answer:
        found = self._find(question.name)
        if found is None:
            return Answer(Rcode.NXDOMAIN, authority=(self._soa(serial),))
        if question.name.lower() == self._domain and question.type == "SOA":
            return Answer(answers=(self._soa(serial),))
        return self._select(found, question.type, serial)

    def _select(self, found: Found, type_: str, serial: int) -> Answer:
        answers: list[Record] = []
        for _ in range(CNAME_DEPTH):
            matching = [one for one in found.records if type_ in (one.type, "ANY")]
            answers += matching
            alias = next((one for one in found.records if one.type == "CNAME"), None)
            if matching or alias is None:
                break
            answers.append(alias)
            target = str(alias.data)
            if not self.is_ours(target):
                return Answer(answers=tuple(answers), follow=target)
            found = self._find(target) or Found()
        if not answers:
            return Answer(authority=(self._soa(serial),))
        additional = found.additional if type_ in ("SRV", "NS", "ANY") else ()
        return Answer(answers=tuple(answers), additional=additional)

    def _find(self, name: str) -> Found | None:
        """`name` is in the zone. Answers repeat it in the case it was asked in."""
        relative = name.lower()[: -len(self._domain)].rstrip(".")
        labels = relative.split(".") if relative else []
        match labels:
            case []:
                return self._apex(name)
            case ["dns-version"]:
                return Found([Record(name, "TXT", SCHEMA_VERSION)])
            case ["dns"] | ["svc"] | ["pod"]:
                return Found()
            case ["ns", "dns"]:
                return Found(self._name_server_addresses(name))
            case [namespace, "svc" | "pod"]:
                return Found() if self._zone.has_namespace(namespace) else None
            case [address, namespace, "pod"]:
                return self._pod(name, address, namespace)
            case [*host, service, namespace, "svc"] if len(host) <= 2:
                return self._service(name, host, service, namespace)
        return None

    def _apex(self, name: str) -> Found:
        server = f"ns.dns.{self._domain}"
        return Found([Record(name, "NS", server)], self._name_server_addresses(server))

    def _name_server_addresses(self, name: str) -> list[Record]:
        service = self._zone.service("kube-system", "kube-dns")
        return [Record(name, "A", service.spec.cluster_ip)] if service and service.spec.cluster_ip else []

    def _pod(self, name: str, dashed: str, namespace: str) -> Found | None:
        address = dashed.replace("-", ".")
        if not self._zone.has_namespace(namespace) or not _is_ipv4(address):
            return None
        return Found([Record(name, "A", address)])

    def _service(self, name: str, host: Sequence[str], service: str, namespace: str) -> Found | None:
        found = self._zone.service(namespace, service)
        if found is None:
            return None
        canonical = f"{service}.{namespace}.svc.{self._domain}"
        if found.spec.type == "ExternalName":
            return Found([Record(name, "CNAME", found.spec.external_name.rstrip("."))]) if not host else None
        ports = _port_filter(host)
        if ports is None and len(host) > 1:
            return None
        if found.spec.cluster_ip != "None":
            if host and ports is None:
                return None
            return self._cluster_ip(name, canonical, found, ports)
        return self._headless(name, canonical, found, ports, host[0] if host and ports is None else "")

    def _cluster_ip(self, name: str, canonical: str, service: Service, ports: tuple[str, str] | None) -> Found | None:
        wanted = [one for one in service.spec.ports if _matches(ports, one.name, one.protocol)]
        if ports is not None and not wanted:
            return None
        if not service.spec.cluster_ip:
            return Found()
        address = service.spec.cluster_ip
        services = [Record(name, "SRV", (0, 100, one.port, canonical)) for one in wanted]
        return Found([Record(name, "A", address), *services], [Record(canonical, "A", address)])

    def _headless(
        self, name: str, canonical: str, service: Service, ports: tuple[str, str] | None, host: str
    ) -> Found | None:
        """All ready endpoints; with `host`, only that one; with `ports`, only those that have such a port."""
        addresses: dict[str, str] = {}
        targets: dict[tuple[str, int], None] = {}
        for one in self._zone.slices(service.namespace, service.name):
            numbers = [port.port for port in one.ports if _matches(ports, port.name or "", port.protocol or "TCP")]
            for endpoint in ready_endpoints(one):
                label = endpoint_label(endpoint)
                if (host and label != host) or (ports is not None and not numbers):
                    continue
                addresses[endpoint.addresses[0]] = label
                targets.update(((label, number), None) for number in numbers if number)
        if not addresses and (host or ports is not None):
            return None
        weight = max(100 // len(targets), 1) if targets else 0
        records = [Record(name, "A", address) for address in addresses]
        records += [Record(name, "SRV", (0, weight, port, f"{label}.{canonical}")) for label, port in targets]
        return Found(records, [Record(f"{label}.{canonical}", "A", ip) for ip, label in addresses.items()])

    # --- reverse -------------------------------------------------------------------------------------------------

    def _answer_reverse(self, question: Question) -> Answer | None:
        """None if nothing of ours has the address: somebody else may know it."""
        address = ".".join(reversed(question.lower[: -len(_REVERSE)].split(".")))
        names = self._names_of(address) if _is_ipv4(address) else []
        if not names:
            return None
        if question.type not in ("PTR", "ANY"):
            return Answer()
        return Answer(answers=tuple(Record(question.name, "PTR", name) for name in names))

    def _names_of(self, address: str) -> list[str]:
        services = self._zone.services_at(address)
        if services:
            return [f"{one.name}.{one.namespace}.svc.{self._domain}" for one in services]
        slices = sorted(self._zone.slices_with(address), key=lambda one: one.key)
        return list(dict.fromkeys(name for one in slices for name in self._endpoint_names(one, address)))

    def _endpoint_names(self, one: EndpointSlice, address: str) -> list[str]:
        suffix = f"{service_name(one)}.{one.namespace}.svc.{self._domain}"
        there = [endpoint for endpoint in ready_endpoints(one) if address in endpoint.addresses]
        return [f"{endpoint_label(endpoint)}.{suffix}" for endpoint in there] if service_name(one) else []

    def _soa(self, serial: int) -> Record:
        server, mailbox = f"ns.dns.{self._domain}", f"hostmaster.{self._domain}"
        return Record(self._domain, "SOA", (server, mailbox, (serial, *_SOA_TIMES)))


def endpoint_label(endpoint: Endpoint) -> str:
    """The host name, or the address with dashes."""
    return (endpoint.hostname or endpoint.addresses[0].replace(".", "-")).lower()


def _port_filter(host: Sequence[str]) -> tuple[str, str] | None:
    """`_http._tcp` -> (`http`, `tcp`)."""
    if len(host) == 2 and host[0].startswith("_") and host[1].startswith("_"):
        return host[0][1:], host[1][1:]
    return None


def _matches(ports: tuple[str, str] | None, name: str, protocol: str) -> bool:
    return ports is None or ports == (name.lower(), (protocol or "TCP").lower())


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
