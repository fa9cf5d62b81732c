"""Taints keep pods away (NoSchedule, NoExecute) or make a node less welcome (PreferNoSchedule).

Nodes of a cluster carry few distinct sets of taints: each set is judged once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scheduler.framework import Action, ClusterEvent, Code, CycleState, Ints, Mask, Refusal
from scheduler.node_table import NodeTable
from scheduler.plugins.normalize import normalize
from scheduler.plugins.tolerations import tolerated
from scheduler.pod_info import PodInfo

REASON = "node(s) had untolerated taint(s)"
_HARD = ("NoSchedule", "NoExecute")


class TaintToleration:
    name = "TaintToleration"

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        refused = untolerated_rows(pod, nodes)
        return [Refusal(refused, Code.UNRESOLVABLE, REASON)] if refused.any() else []

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        """The number of soft taints that the pod does not tolerate."""
        tolerations = [one for one in pod.pod.spec.tolerations if one.effect in ("", "PreferNoSchedule")]
        counts = [
            sum(taint.effect == "PreferNoSchedule" and not tolerated(taint, tolerations) for taint in taints)
            for taints in nodes.taint_sets
        ]
        return np.array(counts, np.int64)[nodes.taint_set[rows]]

    def normalize_score(self, state: CycleState, pod: PodInfo, scores: Ints) -> Ints:
        return normalize(scores, reverse=True)

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [
            ClusterEvent("Node", Action.ADD | Action.UPDATE_TAINT),
            ClusterEvent("UnscheduledPod", Action.UPDATE_TOLERATION),
        ]


def untolerated_rows(pod: PodInfo, nodes: NodeTable) -> Mask:
    """Nodes with a hard taint that the pod does not tolerate."""
    tolerations = pod.pod.spec.tolerations
    refused = [
        any(taint.effect in _HARD and not tolerated(taint, tolerations) for taint in taints)
        for taints in nodes.taint_sets
    ]
    return np.array(refused, np.bool_)[nodes.taint_set] if any(refused) else nodes.none()
