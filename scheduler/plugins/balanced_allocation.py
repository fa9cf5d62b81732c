"""Nodes whose CPU and memory would be used in like proportion come first."""

from __future__ import annotations

import numpy as np

from scheduler.framework import SKIP, SUCCESS, CycleState, Ints, Status
from scheduler.limits import MAX_NODE_SCORE
from scheduler.node_table import NodeTable
from scheduler.plugins.node_resources_fit import CPU_AND_MEMORY
from scheduler.pod_info import PodInfo


class BalancedAllocation:
    name = "NodeResourcesBalancedAllocation"

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Status:
        # A pod that requests nothing would always find the same node the most balanced.
        return SUCCESS if pod.requests.get("cpu") or pod.requests.get("memory") else SKIP

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        """100 less the deviation of the used fractions, in percent. Real requests count, not assumed ones."""
        wanted = np.array([pod.requests.get("cpu", 0), pod.requests.get("memory", 0)])
        allocatable = nodes.allocatable[rows, CPU_AND_MEMORY]
        fractions = np.minimum((nodes.requested[rows, CPU_AND_MEMORY] + wanted) / np.maximum(allocatable, 1), 1.0)
        deviation = np.where((allocatable > 0).all(axis=1), np.abs(fractions[:, 0] - fractions[:, 1]) / 2, 0.0)
        return ((1 - deviation) * MAX_NODE_SCORE).astype(np.int64)
