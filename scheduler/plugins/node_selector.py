"""Node selector terms over all nodes at once. Rules: API reference, `NodeSelectorTerm`."""

from __future__ import annotations

import re

import numpy as np

from api.placement import NodeSelectorRequirement, NodeSelectorTerm
from scheduler.framework import Mask
from scheduler.node_table import NodeTable

_INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch


def term_rows(term: NodeSelectorTerm, nodes: NodeTable) -> Mask:
    """Rows whose node meets all of the term. A term that asks for nothing matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return nodes.none()
    matching = ~nodes.none()
    for requirement in term.match_expressions:
        matching &= _label_rows(requirement, nodes)
    for requirement in term.match_fields:
        matching &= _field_rows(requirement, nodes)
    return matching


def _label_rows(requirement: NodeSelectorRequirement, nodes: NodeTable) -> Mask:
    column = nodes.label_column(requirement.key)
    match requirement.operator:
        case "In":
            return np.isin(column, nodes.label_ids(requirement.values))
        case "NotIn":
            return ~np.isin(column, nodes.label_ids(requirement.values))
        case "Exists":
            return column.astype(np.bool_)
        case "DoesNotExist":
            return ~column.astype(np.bool_)
        case "Gt" | "Lt":
            return _compared_rows(requirement, nodes)
        case _:
            return nodes.none()


def _compared_rows(requirement: NodeSelectorRequirement, nodes: NodeTable) -> Mask:
    """Values that are no integers compare to nothing."""
    bound = requirement.values[0] if len(requirement.values) == 1 else ""
    matching = nodes.none()
    if not _INTEGER(bound):
        return matching
    for row, node in enumerate(nodes.nodes):
        value = node.metadata.labels.get(requirement.key, "") if node else ""
        if _INTEGER(value):
            matching[row] = int(value) > int(bound) if requirement.operator == "Gt" else int(value) < int(bound)
    return matching


def _field_rows(requirement: NodeSelectorRequirement, nodes: NodeTable) -> Mask:
    """Only `metadata.name` with one value is allowed by the API."""
    named = nodes.none()
    if requirement.key != "metadata.name" or requirement.operator not in ("In", "NotIn"):
        return named
    named[[row for row in map(nodes.row_of, requirement.values) if row is not None]] = True
    return named if requirement.operator == "In" else ~named
