"""Is a node alive, what does that make of its conditions and taints, and how many may be evicted. Pure.

Source of the rules: pkg/controller/nodelifecycle of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

import msgspec

from api.meta import Condition
from api.node import Node, Taint
from apimachinery.timestamps import format_time
from controller_manager.limits import (
    EVICTION_NODES_PER_SECOND,
    EVICTION_NODES_PER_SECOND_DISRUPTED,
    LARGE_ZONE_NODES,
    UNHEALTHY_ZONE_SHARE,
)
from controller_manager.pods import find_condition

JSON = dict[str, Any]

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_PRESSURES: Final = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
_HEARTBEAT_CONDITIONS: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
_MANAGED_NO_SCHEDULE: Final = frozenset((NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURES.values()))
_MANAGED_NO_EXECUTE: Final = frozenset((NOT_READY, UNREACHABLE))
ZONE: Final = "topology.kubernetes.io/zone"
REGION: Final = "topology.kubernetes.io/region"

STOPPED: Final = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
NEVER: Final = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")


def ready_status(node: Node) -> str:
    """`True`, `False` or `Unknown`; a node that has said nothing is Unknown."""
    found = find_condition(node.status.conditions, "Ready")
    return found.status if found is not None else "Unknown"


def silenced_conditions(node: Node, now: float) -> list[JSON]:
    """The conditions of a node that is silent: all that its kubelet vouches for becomes Unknown."""
    time = format_time(now)
    conditions = {one.type: one for one in node.status.conditions}
    for type_ in _HEARTBEAT_CONDITIONS:
        old = conditions.get(type_)
        reason, message = STOPPED if old is not None else NEVER
        if old is not None and old.status == "Unknown":
            continue
        conditions[type_] = Condition(
            type=type_,
            status="Unknown",
            reason=reason,
            message=message,
            last_heartbeat_time=old.last_heartbeat_time if old is not None else node.metadata.creation_timestamp,
            last_transition_time=time,
        )
    return [msgspec.to_builtins(one) for one in conditions.values()]


def no_schedule_taints(node: Node) -> set[str]:
    """Keys of the NoSchedule taints that the node's conditions call for."""
    ready = ready_status(node)
    keys = {NOT_READY} if ready == "False" else {UNREACHABLE} if ready == "Unknown" else set()
    statuses = {one.type: one.status for one in node.status.conditions}
    keys |= {key for type_, key in _PRESSURES.items() if statuses.get(type_) == "True"}
    return keys | ({UNSCHEDULABLE} if node.spec.unschedulable else set())


def no_execute_taint(node: Node) -> str:
    """The key of the NoExecute taint that the node should get, or ""."""
    return {"False": NOT_READY, "Unknown": UNREACHABLE}.get(ready_status(node), "")


def wanted_taints(node: Node, no_execute: str, now: float) -> list[JSON] | None:
    """The node's taints, ours brought up to date; None if they are."""
    schedule = no_schedule_taints(node)
    execute = {no_execute} if no_execute else set()
    kept = [one for one in node.spec.taints if _stays(one, schedule, execute)]
    present = {(one.key, one.effect) for one in kept}
    added = [(key, "NoSchedule") for key in sorted(schedule) if (key, "NoSchedule") not in present]
    added += [(key, "NoExecute") for key in sorted(execute) if (key, "NoExecute") not in present]
    if not added and len(kept) == len(node.spec.taints):
        return None
    new = [Taint(key=key, effect=effect, time_added=format_time(now)) for key, effect in added]
    return [msgspec.to_builtins(one) for one in (*kept, *new)]


def _stays(taint: Taint, schedule: set[str], execute: set[str]) -> bool:
    if taint.effect == "NoSchedule" and taint.key in _MANAGED_NO_SCHEDULE:
        return taint.key in schedule
    if taint.effect == "NoExecute" and taint.key in _MANAGED_NO_EXECUTE:
        return taint.key in execute
    return True


# --- zones -----------------------------------------------------------------------------------------------------------


class ZoneState(Enum):
    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


def zone_of(node: Node) -> str:
    labels = node.metadata.labels
    return f"{labels.get(REGION, '')}:{labels.get(ZONE, '')}"


def zone_state(nodes: Iterable[Node]) -> ZoneState:
    """A zone that is gone altogether is more likely cut off than broken."""
    ready = [ready_status(node) == "True" for node in nodes]
    missing = ready.count(False)
    if missing and missing == len(ready):
        return ZoneState.FULL
    if missing > 2 and missing / len(ready) >= UNHEALTHY_ZONE_SHARE:
        return ZoneState.PARTIAL
    return ZoneState.NORMAL


def eviction_rate(state: ZoneState, size: int, *, all_gone: bool) -> float:
    """Nodes per second that may be given a NoExecute taint. When every zone is gone, it is we who are cut off."""
    if all_gone:
        return 0.0
    if state is ZoneState.PARTIAL:
        return EVICTION_NODES_PER_SECOND_DISRUPTED if size > LARGE_ZONE_NODES else 0.0
    return EVICTION_NODES_PER_SECOND
