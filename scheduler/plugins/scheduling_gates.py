"""A pod with scheduling gates is not even queued until the last is gone (KEP-3521)."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.framework import SUCCESS, Action, ClusterEvent, Code, Status
from scheduler.pod_info import PodInfo


class SchedulingGates:
    name = "SchedulingGates"

    def pre_enqueue(self, pod: PodInfo) -> Status:
        gates = [gate.name for gate in pod.pod.spec.scheduling_gates]
        if not gates:
            return SUCCESS
        reason = f"waiting for scheduling gates: [{' '.join(gates)}]"
        return Status(Code.UNRESOLVABLE, (reason,), self.name)

    def events_to_register(self) -> Sequence[ClusterEvent]:
        return [ClusterEvent("UnscheduledPod", Action.GATES_ELIMINATED)]
