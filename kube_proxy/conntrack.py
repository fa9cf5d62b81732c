"""UDP flows that the kernel would go on sending to where they no longer belong. Pure.

TCP clients notice a dead endpoint and connect anew; UDP has no connections, so an entry of a flow is used for as long
as datagrams come: also when its endpoint is gone, or when there was none as the first datagram came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kube_proxy.services import PortRules


class StaleFlow(NamedTuple):
    """Flows to `ip`:`port`; only those that go to `endpoint`, unless it is ""."""

    ip: str
    port: int
    endpoint: str = ""


def stale_flows(old: Iterable[PortRules], new: Iterable[PortRules]) -> list[StaleFlow]:
    """What must be forgotten once the rules have gone from `old` to `new`. An `ip` of "" is a node port's."""
    now = {(one.service, one.protocol, one.port_name): one for one in new}
    found: list[StaleFlow] = []
    for before in old:
        if before.protocol != "udp":
            continue
        after = now.get((before.service, before.protocol, before.port_name))
        gone = {target.ip for target in before.cluster} - {target.ip for target in (after.cluster if after else ())}
        found += [StaleFlow(ip, port, endpoint) for endpoint in sorted(gone) for ip, port in _frontends(before)]
        if after is not None and after.cluster and not before.cluster:
            found += [StaleFlow(ip, port) for ip, port in _frontends(after)]
    return found


def _frontends(rules: PortRules) -> list[tuple[str, int]]:
    found = [(ip, rules.port) for ip in (rules.cluster_ip, *rules.external_ips, *rules.balancer_ips)]
    return [*found, ("", rules.node_port)] if rules.node_port else found


def delete_command(flow: StaleFlow) -> list[str]:
    """Arguments of conntrack(8)."""
    arguments = ["-D", "-p", "udp", "--orig-port-dst", str(flow.port)]
    if flow.ip:
        arguments += ["--orig-dst", flow.ip]
    if flow.endpoint:
        arguments += ["--dst-nat", flow.endpoint]
    return arguments
