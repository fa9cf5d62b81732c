"""What goes into a pod's resolv.conf. Pure. Rules: Kubernetes documentation, "Pod's DNS Policy"."""

from __future__ import annotations

from dataclasses import dataclass

from api.pod import Pod, PodDNSConfig
from proto import cri_pb2 as pb

MAX_NAMESERVERS = 3
MAX_SEARCHES = 32
MAX_SEARCH_CHARACTERS = 2048
NDOTS = "ndots:5"


@dataclass(frozen=True, slots=True)
class Resolver:
    """A resolv.conf: the node's own, or what a pod gets."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> Resolver:
    """The node's. Unknown lines are left out; the last `search` wins, as in the C library."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words or words[0].startswith(";"):
            continue
        if words[0] == "nameserver" and len(words) > 1:
            servers.append(words[1])
        elif words[0] == "search":
            searches = tuple(word.rstrip(".") or "." for word in words[1:])
        elif words[0] == "options":
            options = tuple(words[1:])
    return Resolver(tuple(servers), searches, options)


def pod_resolver(pod: Pod, cluster_dns: tuple[str, ...], cluster_domain: str, node: Resolver) -> Resolver:
    """By dnsPolicy, then dnsConfig on top."""
    policy = pod.spec.dns_policy
    if policy == "None":
        found = Resolver()
    elif policy == "Default" or (policy == "ClusterFirst" and pod.spec.host_network) or not cluster_dns:
        found = node
    else:
        domains = (f"{pod.namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain)
        found = Resolver(cluster_dns, (*domains, *node.searches), (NDOTS,))
    if pod.spec.dns_config is not None:
        found = _with_config(found, pod.spec.dns_config)
    return _limited(found)


def _with_config(base: Resolver, config: PodDNSConfig) -> Resolver:
    options = {word.partition(":")[0]: word for word in base.options}
    for one in config.options:
        options[one.name] = one.name if one.value is None else f"{one.name}:{one.value}"
    return Resolver(
        _unique((*base.servers, *config.nameservers)),
        _unique((*base.searches, *config.searches)),
        tuple(options.values()),
    )


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _limited(found: Resolver) -> Resolver:
    searches = found.searches[:MAX_SEARCHES]
    while len(" ".join(searches)) > MAX_SEARCH_CHARACTERS:
        searches = searches[:-1]
    return Resolver(found.servers[:MAX_NAMESERVERS], searches, found.options)


def to_message(found: Resolver) -> pb.DNSConfig:
    return pb.DNSConfig(servers=found.servers, searches=found.searches, options=found.options)
