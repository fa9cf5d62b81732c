"""`nodeSelector` and node affinity: where a pod must go, and where it would rather."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from api.placement import NodeAffinity as Affinity
from api.placement import NodeSelectorTerm
from scheduler.framework import (
    SKIP,
    SUCCESS,
    Action,
    ClusterEvent,
    Code,
    CycleState,
    Ints,
    Mask,
    PreFilterResult,
    Refusal,
    Status,
)
from scheduler.node_table import NodeTable
from scheduler.plugins.node_selector import term_rows
from scheduler.plugins.normalize import normalize
from scheduler.pod_info import PodInfo

REASON = "node(s) didn't match Pod's node affinity/selector"


class NodeAffinity:
    name = "NodeAffinity"

    def pre_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> PreFilterResult:
        terms = required_terms(pod)
        if terms is None and not pod.pod.spec.node_selector:
            return PreFilterResult(SKIP)
        return PreFilterResult(SUCCESS, _named_nodes(terms, nodes) if terms else None)

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        return [Refusal(~matching_rows(pod, nodes), Code.UNRESOLVABLE, REASON)]

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Status:
        affinity = _affinity(pod)
        return SUCCESS if affinity and affinity.preferred_during_scheduling_ignored_during_execution else SKIP

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        """The weights of the preferences that the node meets, together."""
        affinity = _affinity(pod)
        total = np.zeros(nodes.size, np.int64)
        for preferred in affinity.preferred_during_scheduling_ignored_during_execution if affinity else ():
            total[term_rows(preferred.preference, nodes)] += preferred.weight
        return total[rows]

    def normalize_score(self, state: CycleState, pod: PodInfo, scores: Ints) -> Ints:
        return normalize(scores)

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [ClusterEvent("Node", Action.ADD | Action.UPDATE_LABEL)]


def required_terms(pod: PodInfo) -> tuple[NodeSelectorTerm, ...] | None:
    """Terms of which a node must match one; None if the pod asks for nothing."""
    affinity = _affinity(pod)
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    return required.node_selector_terms if required else None


def matching_rows(pod: PodInfo, nodes: NodeTable) -> Mask:
    matching = ~nodes.none()
    for key, value in pod.pod.spec.node_selector.items():
        matching &= np.isin(nodes.label_column(key), nodes.label_ids([value]))
    terms = required_terms(pod)
    if terms is None:
        return matching
    any_term = nodes.none()
    for term in terms:
        any_term |= term_rows(term, nodes)
    return matching & any_term


def _affinity(pod: PodInfo) -> Affinity | None:
    return pod.pod.spec.affinity.node_affinity if pod.pod.spec.affinity else None


def _named_nodes(terms: Iterable[NodeSelectorTerm], nodes: NodeTable) -> Mask | None:
    """If every term names its nodes, as those of a DaemonSet's pods do: these are all that need looking at."""
    candidates = nodes.none()
    for term in terms:
        names = _names(term)
        if names is None:
            return None
        candidates[[row for row in map(nodes.row_of, names) if row is not None]] = True
    return candidates


def _names(term: NodeSelectorTerm) -> set[str] | None:
    wanted = [set(one.values) for one in term.match_fields if one.key == "metadata.name" and one.operator == "In"]
    return set.intersection(*wanted) if wanted else None
