"""Does the pod fit into what is left? And the emptier the node would stay, the better (LeastAllocated)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scheduler.framework import Action, ClusterEvent, Code, CycleState, Ints, Mask, Refusal
from scheduler.limits import MAX_NODE_SCORE
from scheduler.node_table import NodeTable
from scheduler.pod_info import PodInfo

TOO_MANY_PODS = "Too many pods"
CPU_AND_MEMORY = slice(0, 2)
"""Columns of the two resources that are scored."""


class NodeResourcesFit:
    name = "NodeResourcesFit"

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        full = Refusal(nodes.pod_count + 1 > nodes.allowed_pods, Code.UNSCHEDULABLE, TOO_MANY_PODS)
        return [full, *(refusal for one in pod.requests.items() for refusal in _insufficient(*one, nodes))]

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        allocatable = nodes.allocatable[rows, CPU_AND_MEMORY]
        free = allocatable - nodes.nonzero[rows] - np.array(pod.nonzero)
        countable = allocatable > 0
        percent = MAX_NODE_SCORE * np.maximum(free, 0) // np.where(countable, allocatable, 1)
        weights = countable.sum(axis=1)
        scores: Ints = (percent * countable).sum(axis=1) // np.maximum(weights, 1)
        return scores

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [
            ClusterEvent("AssignedPod", Action.DELETE | Action.SCALE_DOWN),
            ClusterEvent("UnscheduledPod", Action.SCALE_DOWN),
            ClusterEvent("Node", Action.ADD | Action.UPDATE_ALLOCATABLE),
        ]


def _insufficient(resource: str, amount: int, nodes: NodeTable) -> Iterator[Refusal]:
    """A node that is too small even when empty is refused for good."""
    reason = f"Insufficient {resource}"
    column = nodes.resources.get(resource)
    if column is None:
        yield Refusal(~nodes.none(), Code.UNRESOLVABLE, reason)
        return
    allocatable = nodes.allocatable[:, column]
    too_small: Mask = amount > allocatable
    yield Refusal(too_small, Code.UNRESOLVABLE, reason)
    yield Refusal((amount > allocatable - nodes.requested[:, column]) & ~too_small, Code.UNSCHEDULABLE, reason)
