"""ReplicaSet: keeps the number of pods of a template at `spec.replicas`.

Watches: ReplicaSets, Pods. Owns: Pods with a controller reference to a ReplicaSet. Writes: those Pods (create, delete,
adopt, release), `replicasets/status`, Events.
Invariant: while a creation or deletion of its own has not been seen in the cache, it starts no other.
Source of the rules: pkg/controller/replicaset of Kubernetes v1.36.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.apps import ReplicaSet, ReplicaSetStatus
from api.meta import Condition, controller_of, owner_reference
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_time
from client.informer import Informer
from controller_manager.conditions import remove_condition, set_condition, status_patch
from controller_manager.context import Context, Managed
from controller_manager.decisions import UNSETTLED, decide, each
from controller_manager.limits import BURST_REPLICAS, POD_WORKERS
from controller_manager.pod_control import PodControl
from controller_manager.pod_ranking import choose_to_delete
from controller_manager.pods import (
    OWNER_INDEX,
    PodView,
    available_in,
    is_active,
    is_available,
    is_ready,
    is_terminating,
    orphans,
    pod_from_template,
    template_labels,
)
from controller_manager.settling import soonest

OWNER = "owner"
"""Index of ReplicaSets by the uid of the Deployment that controls them."""


@dataclass(frozen=True)
class CreatePods:
    count: int

    def __str__(self) -> str:
        return f"create {self.count}"


@dataclass(frozen=True)
class DeletePods:
    pods: tuple[PodView, ...]

    def __str__(self) -> str:
        return each("delete", (pod.name for pod in self.pods))


Action = CreatePods | DeletePods
REASONS: Final = {CreatePods: "FailedCreate", DeletePods: "FailedDelete"}


def plan(
    replica_set: ReplicaSet, active: Sequence[PodView], related_on_node: dict[str, int], now: float
) -> Action | None:
    """What brings the number of active pods to what is wanted, at most a burst at a time."""
    if replica_set.metadata.deletion_timestamp is not None:
        return None
    missing = replica_set.spec.replicas - len(active)
    if missing > 0:
        return CreatePods(min(missing, BURST_REPLICAS))
    if missing < 0:
        surplus = min(-missing, BURST_REPLICAS)
        return DeletePods(tuple(choose_to_delete(active, surplus, related_on_node, now)))
    return None


def compute_status(
    replica_set: ReplicaSet, owned: Sequence[PodView], failure: tuple[str, str] | None, now: float
) -> ReplicaSetStatus:
    """The status that the pods call for. `failure` is (reason, message) of what the last plan could not do."""
    active = [pod for pod in owned if is_active(pod)]
    wanted = template_labels(replica_set.spec.template).items()
    minimum = replica_set.spec.min_ready_seconds
    return ReplicaSetStatus(
        replicas=len(active),
        fully_labeled_replicas=sum(wanted <= pod.metadata.labels.items() for pod in active),
        ready_replicas=sum(map(is_ready, active)),
        available_replicas=sum(is_available(pod, minimum, now) for pod in active),
        terminating_replicas=sum(map(is_terminating, owned)),
        observed_generation=replica_set.metadata.generation,
        conditions=_conditions(replica_set.status.conditions, failure, now),
    )


def _conditions(present: tuple[Condition, ...], failure: tuple[str, str] | None, now: float) -> tuple[Condition, ...]:
    if failure is None:
        return remove_condition(present, "ReplicaFailure")
    if any(one.type == "ReplicaFailure" for one in present):
        return present
    reason, message = failure
    new = Condition(
        type="ReplicaFailure", status="True", reason=reason, message=message, last_transition_time=format_time(now)
    )
    return set_condition(present, new)


class ReplicaSetController:
    name = "replicaset"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._pods = context.pods
        self._sets = replica_set_informer(context)
        self.queue = context.queue(self.name)
        self._control = PodControl(
            context,
            ReplicaSet.KIND,
            self._sets,
            self.queue,
            context.recorder("replicaset-controller"),
            selector_of=lambda one: one.spec.selector,
            size_of=lambda one: one.spec.replicas,
        )

    async def reconcile(self, key: str) -> float | None:
        replica_set = self._sets.get(key)
        if replica_set is None:
            return None
        owned = await self._control.owned(replica_set)
        action: Action | None = None
        failure: ApiError | None = None
        if self._control.unsettled_for(replica_set) is not None:
            decide(why=UNSETTLED)
        else:
            active = [pod for pod in owned if is_active(pod)]
            action = plan(replica_set, active, self._related_on_node(replica_set), self._clock.time())
            decide(action or "", why=f"{len(active)} of {replica_set.spec.replicas} pods are active")
            failure = await self._perform(replica_set, action)
        now = self._clock.time()
        told = (REASONS[type(action)], failure.message) if failure is not None else None
        await self._write_status(replica_set, compute_status(replica_set, owned, told, now))
        if failure is not None:
            raise failure
        minimum = replica_set.spec.min_ready_seconds
        waits = (available_in(pod, minimum, now) for pod in owned)
        return soonest(self._control.unsettled_for(replica_set), *waits)

    def _related_on_node(self, replica_set: ReplicaSet) -> dict[str, int]:
        """Active pods by node, of all ReplicaSets with the same controller: a rollout spreads over nodes again."""
        owner = controller_of(replica_set.metadata)
        family = self._sets.by_index(OWNER, owner.uid) if owner is not None else [replica_set]
        pods = [pod for one in family for pod in self._pods.by_index(OWNER_INDEX, one.uid) if is_active(pod)]
        return Counter(pod.spec.node_name for pod in pods)

    async def _perform(self, replica_set: ReplicaSet, action: Action | None) -> ApiError | None:
        if isinstance(action, CreatePods):
            bodies = [
                pod_from_template(
                    replica_set.spec.template, owner_reference(replica_set), generate_name=f"{replica_set.name}-"
                )
                for _ in range(action.count)
            ]
            return await self._control.create(replica_set, bodies)
        if isinstance(action, DeletePods):
            return await self._control.delete(replica_set, action.pods)
        return None

    async def _write_status(self, replica_set: ReplicaSet, status: ReplicaSetStatus) -> None:
        patch = status_patch(replica_set.status, status)
        if not patch:
            return
        patch["status"]["replicas"] = status.replicas  # the one count that the API shows even at zero
        try:
            await self._api.patch(
                ReplicaSet, replica_set.name, patch, namespace=replica_set.namespace, subresource="status"
            )
        except ApiError as error:
            if error.code != 404:
                raise


def replica_set_informer(context: Context) -> Informer[ReplicaSet]:
    """The shared cache, indexed by controller; Deployments read it too."""
    return context.informers.get(ReplicaSet, indexes={OWNER: _controller_uid})


def _controller_uid(replica_set: ReplicaSet) -> tuple[str, ...]:
    owner = controller_of(replica_set.metadata)
    return (owner.uid,) if owner is not None else (orphans(replica_set.namespace),)


def build(context: Context) -> Managed:
    controller = ReplicaSetController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
