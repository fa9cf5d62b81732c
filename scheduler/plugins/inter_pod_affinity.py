"""Inter-pod affinity: pods that must, must not, or would rather share a topology domain with certain others.

Anti-affinity works both ways: a pod already there keeps away newcomers that its own terms are about. What is hit is
counted once per cycle, per topology key and row, and then summed over each domain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

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
from scheduler.limits import HARD_POD_AFFINITY_WEIGHT, MAX_NODE_SCORE
from scheduler.node_table import NodeTable
from scheduler.pod_info import PodInfo
from scheduler.pod_table import PodGroup
from scheduler.pod_terms import Term

REASON_AFFINITY: Final = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY: Final = "node(s) didn't match pod anti-affinity rules"
REASON_EXISTING: Final = "node(s) didn't satisfy existing pods anti-affinity rules"
_FILTER, _SCORE = "InterPodAffinity/filter", "InterPodAffinity/score"


class InterPodAffinity:
    name = "InterPodAffinity"

    def pre_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> PreFilterResult:
        existing = _refused_by_existing(pod, nodes)
        if existing is None and not pod.terms.near and not pod.terms.apart:
            return PreFilterResult(SKIP)
        # The first rule that a node breaks is the one that is told.
        far = _without_company(pod, nodes)
        close = _too_close(pod, nodes) & ~far
        unwelcome = (nodes.none() if existing is None else existing) & ~far & ~close
        state.data[_FILTER] = [
            Refusal(far, Code.UNRESOLVABLE, REASON_AFFINITY),
            Refusal(close, Code.UNSCHEDULABLE, REASON_ANTI_AFFINITY),
            Refusal(unwelcome, Code.UNSCHEDULABLE, REASON_EXISTING),
        ]
        return PreFilterResult()

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        found: list[Refusal] = state.data[_FILTER]
        return found

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Status:
        hits = _preferred_hits(pod, nodes)
        if not hits:
            return SKIP
        total = np.zeros(nodes.size, np.int64)
        for key, per_row in hits.items():
            total += nodes.domain_totals(nodes.domains(key), per_row)
        state.data[_SCORE] = total[rows]
        return SUCCESS

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        """The weights of the preferences that hold in the node's domains, the pod's own and those of pods there."""
        found: Ints = state.data[_SCORE]
        return found

    def normalize_score(self, state: CycleState, pod: PodInfo, scores: Ints) -> Ints:
        lowest = int(scores.min())
        span = int(scores.max()) - lowest
        scaled: Ints = MAX_NODE_SCORE * (scores - lowest) // span if span else np.zeros_like(scores)
        return scaled

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [
            ClusterEvent("AssignedPod", Action.ADD | Action.DELETE | Action.UPDATE_LABEL),
            ClusterEvent("Node", Action.ADD | Action.UPDATE_LABEL),
            ClusterEvent("Namespace", Action.ADD | Action.UPDATE_LABEL),
            ClusterEvent("UnscheduledPod", Action.UPDATE_LABEL),
        ]


class _Hits(defaultdict[str, Ints]):
    """Topology key to one number per row."""

    def __init__(self, size: int) -> None:
        super().__init__(lambda: np.zeros(size, np.int64))


def _about(term: Term, pod: PodInfo, nodes: NodeTable) -> bool:
    namespace = pod.pod.namespace
    return term.matches(namespace, nodes.pods.namespace_labels(namespace), pod.pod.metadata.labels)


def _per_row(groups: Iterable[PodGroup], nodes: NodeTable) -> Ints:
    totals = np.zeros(nodes.size, np.int64)
    for group in groups:
        group.add_to(totals)
    return totals


def _refused_by_existing(pod: PodInfo, nodes: NodeTable) -> Mask | None:
    """Domains with a pod whose required anti-affinity is about this one; None if there is no such pod."""
    hits = _Hits(nodes.size)
    for group in nodes.pods.with_terms:
        for term in group.terms.apart:
            if _about(term, pod, nodes):
                group.add_to(hits[term.topology_key])
    return _any_hit(hits, nodes) if hits else None


def _too_close(pod: PodInfo, nodes: NodeTable) -> Mask:
    hits = _Hits(nodes.size)
    for term in pod.terms.apart:
        hits[term.topology_key] += _per_row(nodes.pods.matching([term]), nodes)
    return _any_hit(hits, nodes)


def _without_company(pod: PodInfo, nodes: NodeTable) -> Mask:
    """Nodes that lack a pod, in one of the domains, which all required terms are about."""
    terms = pod.terms.near
    refused = nodes.none()
    if not terms:
        return refused
    company = _per_row(nodes.pods.matching(terms), nodes)
    domains = [nodes.domains(term.topology_key) for term in terms]
    totals = [nodes.domain_totals(one, company) for one in domains]
    # The first of a group that wants its own company may start it, wherever the topology exists.
    first = not any(total.any() for total in totals) and all(_about(term, pod, nodes) for term in terms)
    for domain, total in zip(domains, totals, strict=True):
        refused |= domain == 0 if first else total == 0
    return refused


def _any_hit(hits: _Hits, nodes: NodeTable) -> Mask:
    found = nodes.none()
    for key, per_row in hits.items():
        found |= nodes.domain_totals(nodes.domains(key), per_row) > 0
    return found


def _preferred_hits(pod: PodInfo, nodes: NodeTable) -> _Hits:
    hits = _Hits(nodes.size)
    for weight, term in pod.terms.preferences:
        for group in nodes.pods.matching([term]):
            group.add_to(hits[term.topology_key], weight)
    for group in nodes.pods.with_terms:
        for term in group.terms.near:
            if _about(term, pod, nodes):
                group.add_to(hits[term.topology_key], HARD_POD_AFFINITY_WEIGHT)
        for weight, term in group.terms.preferences:
            if _about(term, pod, nodes):
                group.add_to(hits[term.topology_key], weight)
    return hits
