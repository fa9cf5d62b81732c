"""Topology spread: domains (nodes, zones) should hold about as many pods of a kind. KEPs 895, 3022, 3094 and 3243.

What a constraint counts is counted once per cycle, for all nodes: before the filters, and again before scoring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from apimachinery.selectors import LabelSelector
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
from scheduler.limits import MAX_NODE_SCORE
from scheduler.node_table import NodeTable
from scheduler.plugins.spread_constraints import (
    HOSTNAME,
    Constraint,
    eligible_rows,
    explicit,
    matching_pods,
    system_defaults,
)
from scheduler.pod_info import PodInfo

REASON: Final = "node(s) didn't match pod topology spread constraints"
REASON_LABEL: Final = f"{REASON} (missing required label)"
_FILTER, _SCORE = "PodTopologySpread/filter", "PodTopologySpread/score"


class _Scores(NamedTuple):
    """Per feasible node."""

    raw: Ints
    ignored: Mask
    """It lacks a topology key: it gets nothing."""


class PodTopologySpread:
    name = "PodTopologySpread"

    def pre_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> PreFilterResult:
        constraints = explicit(pod, "DoNotSchedule")
        if not constraints:
            return PreFilterResult(SKIP)
        state.data[_FILTER] = _refusals(constraints, pod, nodes)
        return PreFilterResult()

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        found: list[Refusal] = state.data[_FILTER]
        return found

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Status:
        own = bool(pod.pod.spec.topology_spread_constraints)
        constraints = explicit(pod, "ScheduleAnyway") if own else system_defaults(pod, nodes)
        if not constraints:
            return SKIP
        state.data[_SCORE] = _scores(constraints, pod, nodes, rows, all_keys=own)
        return SUCCESS

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        """How full the node's domains are: less is better."""
        found: _Scores = state.data[_SCORE]
        return found.raw

    def normalize_score(self, state: CycleState, pod: PodInfo, scores: Ints) -> Ints:
        found: _Scores = state.data[_SCORE]
        judged = scores[~found.ignored]
        lowest, highest = (int(judged.min()), int(judged.max())) if len(judged) else (0, 0)
        if highest == 0:
            return np.where(found.ignored, 0, MAX_NODE_SCORE)
        return np.where(found.ignored, 0, MAX_NODE_SCORE * (highest + lowest - scores) // highest)

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [
            ClusterEvent("AssignedPod", Action.ADD | Action.DELETE | Action.UPDATE_LABEL),
            ClusterEvent("Node", Action.ADD | Action.DELETE | Action.UPDATE_LABEL | Action.UPDATE_TAINT),
            ClusterEvent("UnscheduledPod", Action.UPDATE_LABEL | Action.UPDATE_TOLERATION),
        ]


def _refusals(constraints: Sequence[Constraint], pod: PodInfo, nodes: NodeTable) -> list[Refusal]:
    """Each node is refused by the first constraint that it breaks."""
    complete = _with_all_keys(constraints, nodes)
    unlabelled, skewed, left = nodes.none(), nodes.none(), ~nodes.none()
    for constraint in constraints:
        domains = nodes.domains(constraint.topology_key)
        missing = left & (domains == 0)
        unlabelled |= missing
        left &= ~missing
        broken = left & (_skew(constraint, pod, nodes, domains, complete) > constraint.max_skew)
        skewed |= broken
        left &= ~broken
    return [Refusal(unlabelled, Code.UNRESOLVABLE, REASON_LABEL), Refusal(skewed, Code.UNSCHEDULABLE, REASON)]


def _skew(constraint: Constraint, pod: PodInfo, nodes: NodeTable, domains: Ints, complete: Mask) -> Ints:
    """Per row by how much its domain would be ahead of the emptiest with this pod in it."""
    counted = complete & eligible_rows(constraint, pod, nodes)
    here = np.where(counted, matching_pods(constraint, pod, nodes), 0)
    totals = nodes.domain_totals(domains, here)
    enough = len(np.unique(domains[counted])) >= constraint.min_domains
    least = int(totals[counted].min()) if enough else 0
    return totals + int(constraint.selector.matches(pod.pod.metadata.labels)) - least


def _scores(
    constraints: Sequence[Constraint], pod: PodInfo, nodes: NodeTable, rows: Ints, *, all_keys: bool
) -> _Scores:
    complete = _with_all_keys(constraints, nodes) if all_keys else ~nodes.none()
    feasible = nodes.none()
    feasible[rows] = True
    feasible &= complete
    total = np.zeros(len(rows), np.float64)
    matching: dict[LabelSelector, Ints] = {}
    for constraint in constraints:
        domains = nodes.domains(constraint.topology_key)
        counts = matching.get(constraint.selector)
        if counts is None:
            counts = matching[constraint.selector] = matching_pods(constraint, pod, nodes)
        size = int(feasible.sum())
        if constraint.topology_key != HOSTNAME:
            size = len(np.unique(domains[feasible]))
            counted = complete & eligible_rows(constraint, pod, nodes)
            counts = nodes.domain_totals(domains, np.where(counted, counts, 0))
        # Few domains hold more pods each: the logarithm keeps zones from drowning out nodes.
        filled = counts[rows] * math.log(size + 2) + (constraint.max_skew - 1)
        total += np.where(domains[rows] > 0, filled, 0.0)
    ignored = ~complete[rows]
    return _Scores(np.where(ignored, 0, np.floor(total + 0.5).astype(np.int64)), ignored)


def _with_all_keys(constraints: Iterable[Constraint], nodes: NodeTable) -> Mask:
    complete = nodes.present.copy()
    for constraint in constraints:
        complete &= nodes.domains(constraint.topology_key) > 0
    return complete
