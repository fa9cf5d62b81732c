"""pods/eviction: a deletion that asks the pod's disruption budget first."""

from __future__ import annotations

from typing import Final

from apimachinery import selectors
from apimachinery.errors import ApiError, internal
from apimachinery.resources import GVR, join_key
from apimachinery.timestamps import format_time
from apiserver.registry.deletion import options_of
from apiserver.registry.request import JSON, StoredObject, WriteOutcome
from apiserver.registry.subresources.call import Call, CreateOnly, Whole

BUDGETS: Final = GVR("policy", "v1", "poddisruptionbudgets")
_SUCCESS: Final[JSON] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
_UNPROTECTED: Final = ("Succeeded", "Failed", "Pending")
_MAX_DISRUPTED: Final = 2000
"""Pods in a budget's status.disruptedPods, as upstream bounds it."""


class Eviction(CreateOnly):
    async def create(self, call: Call) -> WriteOutcome:
        pod = (await call.object()).tree
        options = options_of(call.body.get("deleteOptions"))
        if _needs_budget(pod):
            budget = _budget_of(call, pod)
            if budget is not None and not _may_go_unready(pod, budget):
                await self._take_from(call, budget["metadata"]["name"], pod)
        # The deletion may be a dry run without the eviction being one; either keeps the pod.
        write = call.make_write(call.resource.storage, None)
        await call.registry.delete(write, call.key, options)
        return WriteOutcome(_SUCCESS, 201)

    async def _take_from(self, call: Call, name: str, pod: JSON) -> None:
        """Count the disruption in the budget's status, so that two evictions cannot share one allowance."""

        async def decrement(current: StoredObject) -> JSON:
            return _decremented(current.copy(), pod["metadata"]["name"], call.ctx.now)

        write = call.make_write(BUDGETS, Whole())
        await call.registry.update(write, join_key(call.request.namespace, name), decrement)


def _needs_budget(pod: JSON) -> bool:
    """Finished, deleted and not yet running pods are no loss."""
    return pod.get("status", {}).get("phase") not in _UNPROTECTED and not pod["metadata"].get("deletionTimestamp")


def _budget_of(call: Call, pod: JSON) -> JSON | None:
    labels = pod["metadata"].get("labels") or {}
    found = [
        budget
        for budget in call.ctx.objects.list(BUDGETS, call.request.namespace)
        if (selector := budget.get("spec", {}).get("selector")) is not None
        and selectors.from_json(selector).matches(labels)
    ]
    if len(found) > 1:
        raise internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    return found[0] if found else None


def _may_go_unready(pod: JSON, budget: JSON) -> bool:
    """A pod that is not ready may go without being counted, as far as the budget's policy lets it (KEP-3017)."""
    conditions = pod.get("status", {}).get("conditions") or []
    if any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status", {})
    return int(status.get("currentHealthy", 0)) >= int(status.get("desiredHealthy", 0)) > 0


def _decremented(budget: JSON, pod: str, now: float) -> JSON:
    """Raises ApiError 429 if the budget has nothing left."""
    status, name = budget.get("status") or {}, budget["metadata"]["name"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _blocked(f"The disruption budget {name} is still being processed by the server.")
    if status.get("disruptionsAllowed", 0) <= 0:
        raise _blocked(
            f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods and has"
            f" {status.get('currentHealthy', 0)} currently"
        )
    disrupted = {**(status.get("disruptedPods") or {}), pod: format_time(now)}
    if len(disrupted) > _MAX_DISRUPTED:
        raise internal(f"DisruptedPods map too big - too many evictions not confirmed by PDB controller: {name}")
    budget["status"] = {
        **status,
        "disruptionsAllowed": status["disruptionsAllowed"] - 1,
        "disruptedPods": disrupted,
    }
    return budget


def _blocked(why: str) -> ApiError:
    cause = {"reason": "DisruptionBudget", "message": why}
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return ApiError("TooManyRequests", message, details={"causes": [cause]})
