"""A host port can be held by one pod per node, address and protocol."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.framework import SKIP, Action, ClusterEvent, Code, CycleState, PreFilterResult, Refusal
from scheduler.node_table import NodeTable
from scheduler.pod_info import PodInfo

REASON = "node(s) didn't have free ports for the requested pod ports"


class NodePorts:
    name = "NodePorts"

    def pre_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> PreFilterResult:
        return PreFilterResult() if pod.host_ports else PreFilterResult(SKIP)

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]:
        refused = nodes.none()
        for wanted in pod.host_ports:
            for row, taken in nodes.host_ports.get((wanted.protocol, wanted.port), {}).items():
                refused[row] |= any(wanted.conflicts(one) for one in taken)
        return [Refusal(refused, Code.UNSCHEDULABLE, REASON)]

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [ClusterEvent("AssignedPod", Action.DELETE), ClusterEvent("Node", Action.ADD)]
