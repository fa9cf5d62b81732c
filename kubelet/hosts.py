"""The pod's host name and the /etc/hosts that the kubelet keeps for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from api.pod import Pod

_HEADER = "# Kubernetes-managed hosts file.\n"
_HEADER_HOST = "# Kubernetes-managed hosts file (host network).\n"
_LOOPBACK = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
MAX_HOSTNAME = 63


def hostname_and_domain(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """The pod's short host name, and its domain if it has a subdomain."""
    name = (pod.spec.hostname or pod.name)[:MAX_HOSTNAME].rstrip("-.")
    domain = f"{pod.spec.subdomain}.{pod.namespace}.svc.{cluster_domain}" if pod.spec.subdomain else ""
    return name, domain


def sandbox_hostname(pod: Pod, cluster_domain: str, node_name: str) -> str:
    """What the kernel is told: the node's own name on the host's network."""
    if pod.spec.host_network:
        return node_name
    name, domain = hostname_and_domain(pod, cluster_domain)
    return f"{name}.{domain}" if domain and pod.spec.set_hostname_as_fqdn else name


def hosts_file(pod: Pod, ips: Sequence[str], cluster_domain: str, node_hosts: str = "") -> str:
    """The whole file; for a pod on the host's network the node's own entries come first."""
    if pod.spec.host_network:
        return _HEADER_HOST + node_hosts + _aliases(pod)
    name, domain = hostname_and_domain(pod, cluster_domain)
    names = f"{name}.{domain}\t{name}" if domain else name
    return _HEADER + _LOOPBACK + "".join(f"{ip}\t{names}\n" for ip in ips) + _aliases(pod)


def _aliases(pod: Pod) -> str:
    if not pod.spec.host_aliases:
        return ""
    lines = "".join("\t".join((one.ip, *one.hostnames)) + "\n" for one in pod.spec.host_aliases)
    return "\n# Entries added by HostAliases.\n" + lines
