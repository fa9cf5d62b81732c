"""PodDisruptionBudget: keeps the numbers by which the apiserver grants or refuses evictions.

Watches: PodDisruptionBudgets, Pods, and the ReplicaSets, Deployments and Jobs that say how many pods there should be.
Owns: `poddisruptionbudgets/status`. Writes: that.
Invariant: an eviction that the apiserver granted (`disruptedPods`) counts against the budget until its pod is seen to
go, for at most two minutes.
Source of the rules: pkg/controller/disruption of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from api.apps import Deployment
from api.meta import Condition, controller_of
from api.policy import PodDisruptionBudget, PodDisruptionBudgetStatus
from apimachinery.errors import ApiError
from apimachinery.resources import join_key
from apimachinery.timestamps import format_time, parse_time
from client.in_order import after
from client.informer import Event
from controller_manager.conditions import set_condition, status_patch
from controller_manager.context import Context, Managed
from controller_manager.controllers.deployment_sets import resolve
from controller_manager.controllers.replicaset import replica_set_informer
from controller_manager.decisions import count, decide
from controller_manager.ownership import compile_selector
from controller_manager.pods import PodView, is_active, is_ready

DISRUPTED_SECONDS: Final = 120.0
"""How long a granted eviction counts before its pod is seen to go."""


def compute_status(
    budget: PodDisruptionBudget, pods: Sequence[PodView], expected: int, now: float
) -> PodDisruptionBudgetStatus:
    """`pods`: those selected; `expected`: how many there should be."""
    spec = budget.spec
    if spec.max_unavailable is not None:
        desired = max(expected - resolve(spec.max_unavailable, expected, round_up=True), 0)
    elif isinstance(spec.min_available, str):
        desired = resolve(spec.min_available, expected, round_up=True)
    else:
        desired, expected = spec.min_available or 0, len(pods)
    disrupted = _still_disrupted(budget.status.disrupted_pods, pods, now)
    healthy = sum(is_ready(pod) and pod.name not in disrupted for pod in pods if is_active(pod))
    allowed = max(healthy - desired, 0) if expected > 0 else 0
    return msgspec.structs.replace(
        budget.status,
        observed_generation=budget.metadata.generation,
        disrupted_pods=disrupted,
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=expected,
        conditions=_conditions(budget, allowed, now),
    )


def _still_disrupted(disrupted: Mapping[str, str], pods: Iterable[PodView], now: float) -> dict[str, str]:
    present = {pod.name for pod in pods if is_active(pod)}
    recent = {name: time for name, time in disrupted.items() if now - parse_time(time) < DISRUPTED_SECONDS}
    return {name: time for name, time in recent.items() if name in present}


def _conditions(budget: PodDisruptionBudget, allowed: int, now: float) -> tuple[Condition, ...]:
    new = Condition(
        type="DisruptionAllowed",
        status="True" if allowed else "False",
        reason="SufficientPods" if allowed else "InsufficientPods",
        observed_generation=budget.metadata.generation,
        last_transition_time=format_time(now),
    )
    return set_condition(budget.status.conditions, new)


class DisruptionBudgetController:
    name = "disruption"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._pods = context.pods
        self._sets = replica_set_informer(context)
        self._deployments = context.informers.get(Deployment)
        self._budgets = context.informers.get(PodDisruptionBudget)
        self.queue = context.queue(self.name)
        self._budgets.add_handler(lambda event: self.queue.add(event.object.key))
        self._pods.add_handler(after(self._budgets, self._on_pod))

    def _on_pod(self, event: Event[PodView]) -> None:
        for budget in self._budgets.by_index("namespace", event.object.namespace):
            selector = compile_selector(budget.spec.selector)
            if any(selector.matches(pod.metadata.labels) for pod in (event.old, event.new) if pod is not None):
                self.queue.add(budget.key)

    async def reconcile(self, key: str) -> float | None:
        budget = self._budgets.get(key)
        if budget is None:
            return None
        selector = compile_selector(budget.spec.selector)
        pods = [
            pod for pod in self._pods.by_index("namespace", budget.namespace) if selector.matches(pod.metadata.labels)
        ]
        now = self._clock.time()
        status = compute_status(budget, pods, self._expected(pods), now)
        patch = status_patch(budget.status, status)
        decide(
            f"allow {count(status.disruptions_allowed or 0, 'disruption')}" if patch else "",
            why=f"{status.current_healthy} healthy, {status.desired_healthy} needed",
        )
        if patch:
            patch["metadata"] = {"resourceVersion": budget.metadata.resource_version}
            await self._write(budget, patch)
        left = [parse_time(time) + DISRUPTED_SECONDS - now for time in status.disrupted_pods.values()]
        return min(left, default=None)

    async def _write(self, budget: PodDisruptionBudget, patch: dict[str, object]) -> None:
        try:
            await self._api.patch(
                PodDisruptionBudget, budget.name, patch, namespace=budget.namespace, subresource="status"
            )
        except ApiError as error:
            if error.code != 404:
                raise

    def _expected(self, pods: Iterable[PodView]) -> int:
        """The sum of what the pods' controllers want; a pod without a known controller counts for itself."""
        wanted: dict[str, int] = {}
        for pod in pods:
            owner, replicas = self._scale_of(pod)
            wanted[owner] = replicas
        return sum(wanted.values())

    def _scale_of(self, pod: PodView) -> tuple[str, int]:
        owner = controller_of(pod.metadata)
        if owner is None or owner.kind != "ReplicaSet":
            return pod.uid, 1
        found = self._sets.get(join_key(pod.namespace, owner.name))
        above = controller_of(found.metadata) if found is not None else None
        if found is None or above is None:
            return owner.uid, found.spec.replicas if found is not None else 1
        deployment = self._deployments.get(join_key(pod.namespace, above.name))
        return above.uid, deployment.spec.replicas if deployment is not None else found.spec.replicas


def build(context: Context) -> Managed:
    controller = DisruptionBudgetController(context)
    return Managed(controller, controller.queue)
