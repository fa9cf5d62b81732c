"""Whether the node takes a pod that was bound to it: the scheduler may have been wrong, or not asked at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.container import Container
from api.node import Node
from api.placement import NodeSelectorRequirement, NodeSelectorTerm
from api.pod import Pod
from apimachinery import quantity
from kubelet.pods import is_sidecar

Amounts = dict[str, int]
"""Thousandths, by resource name."""


def admit(pod: Pod, others: Iterable[Pod], node: Node, allocatable: Mapping[str, str]) -> tuple[str, str] | None:
    """Reason and message of the refusal, None if the pod may run. Wording: upstream's predicate failures."""
    if not _matches_node(pod, node):
        return "NodeAffinity", "Pod was rejected: Predicate NodeAffinity failed"
    others = list(others)
    if refusal := _port_conflict(pod, others):
        return refusal
    return _does_not_fit(pod, others, {name: quantity.to_milli(amount) for name, amount in allocatable.items()})


def requested(pod: Pod) -> Amounts:
    """What the pod asks for as a whole. Rule: documentation, "Sidecar containers", resource sharing."""
    total: Amounts = {}
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in pod.spec.containers:
        _add(total, _of(container))
    for container in pod.spec.init_containers:
        own = _of(container)
        if is_sidecar(container):
            _add(total, own)
            _add(sidecars, own)
        else:
            _add(own, sidecars)
        for name, amount in own.items():
            peak[name] = max(peak.get(name, 0), amount)
    whole = {name: max(total.get(name, 0), peak.get(name, 0)) for name in (*total, *peak)}
    _add(whole, {name: quantity.to_milli(amount) for name, amount in pod.spec.overhead.items()})
    return whole


def _of(container: Container) -> Amounts:
    wanted = container.resources
    both = {**wanted.limits, **wanted.requests}
    return {name: quantity.to_milli(amount) for name, amount in both.items()}


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _does_not_fit(pod: Pod, others: list[Pod], allocatable: Amounts) -> tuple[str, str] | None:
    used: Amounts = {"pods": 1000 * len(others)}
    for other in others:
        _add(used, requested(other))
    for name, amount in {"pods": 1000, **requested(pod)}.items():
        capacity = allocatable.get(name, 0)
        if amount and used.get(name, 0) + amount > capacity:
            scale = 1 if name == "cpu" else 1000
            figures = (amount // scale, used.get(name, 0) // scale, capacity // scale)
            words = f"requested: {figures[0]}, used: {figures[1]}, capacity: {figures[2]}"
            return f"OutOf{name}", f"Pod was rejected: Node didn't have enough resource: {name}, {words}"
    return None


def _port_conflict(pod: Pod, others: list[Pod]) -> tuple[str, str] | None:
    taken = {port for other in others for port in _host_ports(other)}
    for address, protocol, port in _host_ports(pod):
        for other in taken:
            clash = other[1:] == (protocol, port) and (address == other[0] or "0.0.0.0" in (address, other[0]))
            if clash:
                return "NodePorts", "Pod was rejected: Predicate NodePorts failed"
    return None


def _host_ports(pod: Pod) -> list[tuple[str, str, int]]:
    return [
        (port.host_ip or "0.0.0.0", port.protocol, port.host_port)
        for container in pod.spec.containers
        for port in container.ports
        if port.host_port
    ]


def _matches_node(pod: Pod, node: Node) -> bool:
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in pod.spec.node_selector.items()):
        return False
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if required is None:
        return True
    return any(_matches_term(term, node) for term in required.node_selector_terms)


def _matches_term(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.name}
    return all(_holds(one, node.metadata.labels) for one in term.match_expressions) and all(
        _holds(one, fields) for one in term.match_fields
    )


def _holds(wanted: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(wanted.key)
    if wanted.operator == "In":
        return value in wanted.values
    if wanted.operator == "NotIn":
        return value not in wanted.values
    if wanted.operator == "Exists":
        return value is not None
    if wanted.operator == "DoesNotExist":
        return value is None
    return value is not None and _compares(wanted, value)


def _compares(wanted: NodeSelectorRequirement, value: str) -> bool:
    """Gt and Lt compare whole numbers; what is none never matches."""
    try:
        found, bound = int(value), int(wanted.values[0])
    except (ValueError, IndexError):
        return False
    return found > bound if wanted.operator == "Gt" else found < bound
