"""Does a node match what a pod requires of it: `nodeSelector` and required node affinity. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from api.node import Node
from api.placement import Affinity, NodeSelectorRequirement, NodeSelectorTerm


def matches_node(node_selector: Mapping[str, str], affinity: Affinity | None, node: Node) -> bool:
    if not node_selector.items() <= node.metadata.labels.items():
        return False
    if affinity is None or affinity.node_affinity is None:
        return True
    required = affinity.node_affinity.required_during_scheduling_ignored_during_execution
    return required is None or any(_term(term, node) for term in required.node_selector_terms)


def _term(term: NodeSelectorTerm, node: Node) -> bool:
    """All of its requirements; a term without any matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.name}
    return all(_holds(one, node.metadata.labels) for one in term.match_expressions) and all(
        _holds(one, fields) for one in term.match_fields
    )


def _holds(requirement: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    if requirement.operator == "In":
        return value is not None and value in requirement.values
    if requirement.operator == "NotIn":
        return value not in requirement.values
    if requirement.operator == "Exists":
        return value is not None
    if requirement.operator == "DoesNotExist":
        return value is None
    return _compares(requirement, value)


def _compares(requirement: NodeSelectorRequirement, value: str | None) -> bool:
    """Gt and Lt, over whole numbers."""
    try:
        number, bound = int(value or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return number > bound if requirement.operator == "Gt" else number < bound
