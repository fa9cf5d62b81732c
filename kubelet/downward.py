"""The downward API: a pod's own fields and its containers' resources as text. Pure.

Fields: API documentation of `ObjectFieldSelector` and `ResourceFieldSelector`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from api.container import Container, ResourceFieldSelector
from api.pod import Pod
from apimachinery import quantity

_SUBSCRIPT = re.compile(r"(metadata\.(?:labels|annotations))\['(.*)'\]")


class NodeFacts(NamedTuple):
    """What the node lends to its pods' fields: name, address, and what stands in for absent limits."""

    name: str
    ip: str
    cpu: str
    memory: str
    ephemeral_storage: str = "0"


class UnknownField(Exception):
    """A field path or resource that the downward API does not have."""


def field_value(pod: Pod, path: str, node: NodeFacts, pod_ips: tuple[str, ...]) -> str:
    """Raises UnknownField."""
    if found := _SUBSCRIPT.fullmatch(path):
        table = pod.metadata.labels if found[1].endswith("labels") else pod.metadata.annotations
        return table.get(found[2], "")
    plain: dict[str, str] = {
        "metadata.name": pod.name,
        "metadata.namespace": pod.namespace,
        "metadata.uid": pod.uid,
        "metadata.labels": format_map(pod.metadata.labels),
        "metadata.annotations": format_map(pod.metadata.annotations),
        "spec.nodeName": node.name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "spec.restartPolicy": pod.spec.restart_policy,
        "status.phase": pod.status.phase,
        "status.hostIP": node.ip,
        "status.hostIPs": node.ip,
        "status.podIP": pod_ips[0] if pod_ips else "",
        "status.podIPs": ",".join(pod_ips),
    }
    if path not in plain:
        raise UnknownField(f"unsupported fieldPath: {path}")
    return plain[path]


def format_map(table: Mapping[str, str]) -> str:
    """`key="value"` lines in order of keys, quoted as Go quotes."""
    return "\n".join(f"{key}={_quote(value)}" for key, value in sorted(table.items()))


def _quote(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(one) or (one if one.isprintable() else f"\\x{ord(one):02x}") for one in text) + '"'


def resource_value(pod: Pod, selector: ResourceFieldSelector, container: Container | None, node: NodeFacts) -> str:
    """A request or limit, divided and rounded up. Raises UnknownField.

    A limit that is not set is the node's allocatable amount; a request that is not set is the limit, or 0.
    """
    if selector.container_name:
        everyone = (*pod.spec.containers, *pod.spec.init_containers)
        container = next((one for one in everyone if one.name == selector.container_name), None)
    if container is None:
        raise UnknownField(f"container {selector.container_name} not found")
    side, _, name = selector.resource.partition(".")
    if side not in ("limits", "requests") or not name:
        raise UnknownField(f"unsupported container resource : {selector.resource}")
    node_amounts = {"cpu": node.cpu, "memory": node.memory, "ephemeral-storage": node.ephemeral_storage}
    limits, requests = container.resources.limits, container.resources.requests
    if side == "limits":
        amount = limits.get(name, node_amounts.get(name, "0"))
    else:
        amount = requests.get(name, limits.get(name, "0"))
    divisor = quantity.parse(selector.divisor or "1")
    unit = divisor.value if divisor.value else quantity.parse("1").value
    return str(quantity.Quantity(quantity.parse(amount).value / unit).to_int())
