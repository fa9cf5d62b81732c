"""What a change to a node or a pod means to pods that wait: pure functions from old and new to events."""

from __future__ import annotations

from api.node import Node
from api.pod import Pod
from scheduler.framework import Action, ClusterEvent
from scheduler.pod_info import pod_info


def node_event(old: Node | None, new: Node | None) -> ClusterEvent | None:
    """None if nothing changed that could matter to a waiting pod."""
    if old is None:
        return ClusterEvent("Node", Action.ADD)
    if new is None:
        return ClusterEvent("Node", Action.DELETE)
    action = Action(0)
    if _allocatable(old) != _allocatable(new):
        action |= Action.UPDATE_ALLOCATABLE
    if old.metadata.labels != new.metadata.labels:
        action |= Action.UPDATE_LABEL
    if old.spec.taints != new.spec.taints or old.spec.unschedulable != new.spec.unschedulable:
        action |= Action.UPDATE_TAINT
    if old.status.images != new.status.images:
        action |= Action.UPDATE_IMAGES
    if _conditions(old) != _conditions(new):
        action |= Action.UPDATE_CONDITION
    return ClusterEvent("Node", action) if action else None


def assigned_pod_event(old: Pod | None, new: Pod | None) -> ClusterEvent | None:
    """About a pod that has its node: one that leaves or shrinks makes room."""
    if old is None:
        return ClusterEvent("AssignedPod", Action.ADD)
    if new is None:
        return ClusterEvent("AssignedPod", Action.DELETE)
    action = _pod_action(old, new)
    return ClusterEvent("AssignedPod", action) if action else None


def waiting_pod_event(old: Pod, new: Pod) -> ClusterEvent:
    """About a waiting pod itself."""
    action = _pod_action(old, new)
    if old.spec.tolerations != new.spec.tolerations:
        action |= Action.UPDATE_TOLERATION
    if old.spec.scheduling_gates and not new.spec.scheduling_gates:
        action |= Action.GATES_ELIMINATED
    return ClusterEvent("UnscheduledPod", action)


def worth_retrying(old: Pod, new: Pod) -> bool:
    """Did anything but the status of a waiting pod change? Its own condition must not wake it."""
    return old.spec != new.spec or old.metadata.labels != new.metadata.labels


def _pod_action(old: Pod, new: Pod) -> Action:
    action = Action(0)
    if old.metadata.labels != new.metadata.labels:
        action |= Action.UPDATE_LABEL
    if old.spec != new.spec:
        before, after = pod_info(old).requests, pod_info(new).requests
        shrunk = any(after.get(name, 0) < amount for name, amount in before.items())
        action |= Action.SCALE_DOWN if shrunk else Action.UPDATE_OTHER
    return action


def _allocatable(node: Node) -> dict[str, str | int | float]:
    return node.status.allocatable or node.status.capacity


def _conditions(node: Node) -> set[tuple[str, str]]:
    return {(one.type, one.status) for one in node.status.conditions}
