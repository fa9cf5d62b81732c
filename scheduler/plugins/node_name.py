"""A pod that names its node goes there or nowhere. (Such a pod only gets here through `nodeName` set late.)"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.framework import SKIP as SKIP_STATUS
from scheduler.framework import Action, ClusterEvent, Code, CycleState, PreFilterResult, Refusal
from scheduler.node_table import NodeTable
from scheduler.pod_info import PodInfo

REASON = "node(s) didn't match the requested node name"


class NodeName:
    name = "NodeName"

    def pre_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> PreFilterResult:
        return PreFilterResult() if pod.pod.spec.node_name else PreFilterResult(SKIP_STATUS)

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        refused = ~nodes.none()
        row = nodes.row_of(pod.pod.spec.node_name)
        if row is not None:
            refused[row] = False
        return [Refusal(refused, Code.UNRESOLVABLE, REASON)]

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [ClusterEvent("Node", Action.ADD)]
