"""Taking a pod away from outside: first say why on the pod itself (KEP-3329), then delete it."""

from __future__ import annotations

from typing import Any

from api.meta import Condition
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_time
from client.api import ApiClient
from controller_manager.pods import PodView, conditions_with, find_condition, is_terminal

JSON = dict[str, Any]


async def mark_disrupted(
    api: ApiClient, pod: PodView, reason: str, message: str, now: float, *, fail: bool = False
) -> None:
    """Set the condition DisruptionTarget, and the phase Failed if `fail` and the pod has not ended."""
    status: JSON = {"phase": "Failed"} if fail and not is_terminal(pod) else {}
    present = find_condition(pod.status.conditions, "DisruptionTarget")
    if present is None or (present.status, present.reason) != ("True", reason):
        target = Condition(
            type="DisruptionTarget",
            status="True",
            reason=reason,
            message=message,
            last_transition_time=format_time(now),
        )
        status["conditions"] = conditions_with(pod.status.conditions, target)
    if not status:
        return
    patch = {"metadata": {"uid": pod.uid}, "status": status}
    try:
        await api.patch(PodView, pod.name, patch, namespace=pod.namespace, subresource="status")
    except ApiError as error:
        if error.code != 404:
            raise


async def delete_pod(api: ApiClient, pod: PodView, *, at_once: bool = False) -> None:
    """`at_once`: without waiting for a kubelet, because there is none."""
    options: JSON = {"preconditions": {"uid": pod.uid}} | ({"gracePeriodSeconds": 0} if at_once else {})
    try:
        await api.delete(PodView, pod.name, namespace=pod.namespace, options=options)
    except ApiError as error:
        if error.code not in (404, 409):
            raise
