"""Cordoned nodes take no pod, unless it tolerates the taint `node.kubernetes.io/unschedulable`."""

from __future__ import annotations

from collections.abc import Sequence

from api.node import Taint
from scheduler.framework import Action, ClusterEvent, Code, CycleState, Refusal
from scheduler.node_table import NodeTable
from scheduler.plugins.tolerations import tolerated
from scheduler.pod_info import PodInfo

REASON = "node(s) were unschedulable"
_CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class NodeUnschedulable:
    name = "NodeUnschedulable"

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        if not nodes.unschedulable.any() or tolerated(_CORDON, pod.pod.spec.tolerations):
            return []
        return [Refusal(nodes.unschedulable, Code.UNRESOLVABLE, REASON)]

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [
            ClusterEvent("Node", Action.ADD | Action.UPDATE_TAINT),
            ClusterEvent("UnscheduledPod", Action.UPDATE_TOLERATION),
        ]
