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

from api.apps import ReplicaSet, ReplicaSetStatus
from api.meta import Condition, controller_of, owner_reference
from apimachinery.errors import ApiError
from apimachinery.resources import join_key
from apimachinery.timestamps import format_time
from client.informer import Event, Informer
from controller_manager.batches import for_all, slow_start
from controller_manager.conditions import remove_condition, set_condition, status_patch
from controller_manager.context import Context, Managed
from controller_manager.expectations import Expectations
from controller_manager.limits import BURST_REPLICAS, POD_WORKERS
from controller_manager.ownership import claim, compile_selector
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
from controller_manager.refusals import namespace_is_going
from controller_manager.settling import wake

OWNER = "owner"
"""Index of ReplicaSets by the uid of the Deployment that controls them."""


@dataclass(frozen=True)
class CreatePods:
    count: int


@dataclass(frozen=True)
class DeletePods:
    pods: tuple[PodView, ...]


Action = CreatePods | DeletePods


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
        self._recorder = context.recorder("replicaset-controller")
        self._expectations = Expectations(context.clock)
        self.queue = context.queue(self.name)
        self._sets.add_handler(self._on_replica_set)
        self._pods.add_handler(self._on_pod)

    # --- observe -----------------------------------------------------------------------------------------------------

    def _on_replica_set(self, event: Event[ReplicaSet]) -> None:
        if event.type == "DELETED":
            self._expectations.forget(event.object.key)
        old, new = event.old, event.new
        status_only = old is not None and new is not None and old.metadata.generation == new.metadata.generation
        wake(self.queue, event.object.key, event.object.spec.replicas if status_only else 0)

    def _on_pod(self, event: Event[PodView]) -> None:
        pod = event.object
        keys = {key for key in (self._owner_key(event.old), self._owner_key(event.new)) if key}
        for key in keys:
            if event.type == "ADDED" and not is_terminating(pod):
                self._expectations.creation_seen(key)
            if event.type == "DELETED" or is_terminating(pod):
                self._expectations.deletion_seen(key, pod.uid)
            replica_set = self._sets.get(key)
            wake(self.queue, key, replica_set.spec.replicas if replica_set is not None else 0)
        if event.new is not None and controller_of(event.new.metadata) is None:
            self._wake_adopters(event.new)

    def _owner_key(self, pod: PodView | None) -> str:
        """The key of the ReplicaSet that controls the pod, or "". Its uid is checked: names come again."""
        owner = controller_of(pod.metadata) if pod is not None else None
        if pod is None or owner is None or owner.kind != ReplicaSet.KIND:
            return ""
        key = join_key(pod.namespace, owner.name)
        found = self._sets.get(key)
        return key if found is not None and found.uid == owner.uid else ""

    def _wake_adopters(self, pod: PodView) -> None:
        if not pod.metadata.labels:
            return
        for one in self._sets.by_index("namespace", pod.namespace):
            if compile_selector(one.spec.selector).matches(pod.metadata.labels):
                self.queue.add(one.key)

    # --- decide and act ----------------------------------------------------------------------------------------------

    async def reconcile(self, key: str) -> float | None:
        replica_set = self._sets.get(key)
        if replica_set is None:
            return None
        owned = await self._claim(replica_set)
        failure: ApiError | None = None
        reason = ""
        if self._expectations.satisfied(key):
            active = [pod for pod in owned if is_active(pod)]
            action = plan(replica_set, active, self._related_on_node(replica_set), self._clock.time())
            if action is not None:
                reason = "FailedCreate" if isinstance(action, CreatePods) else "FailedDelete"
                failure = await self._perform(replica_set, action)
        now = self._clock.time()
        status = compute_status(replica_set, owned, (reason, failure.message) if failure else None, now)
        await self._write_status(replica_set, status)
        if failure is not None:
            raise failure
        minimum = replica_set.spec.min_ready_seconds
        waits = [wait for pod in owned if (wait := available_in(pod, minimum, now)) is not None]
        return min(waits, default=None)

    async def _claim(self, replica_set: ReplicaSet) -> list[PodView]:
        candidates = self._pods.by_index(OWNER_INDEX, replica_set.uid)
        candidates += self._pods.by_index(OWNER_INDEX, orphans(replica_set.namespace))
        return await claim(self._api, replica_set, compile_selector(replica_set.spec.selector), candidates)

    def _related_on_node(self, replica_set: ReplicaSet) -> dict[str, int]:
        """Active pods by node, of all ReplicaSets with the same controller: a rollout spreads over nodes again."""
        owner = controller_of(replica_set.metadata)
        family = self._sets.by_index(OWNER, owner.uid) if owner is not None else [replica_set]
        pods = [pod for one in family for pod in self._pods.by_index(OWNER_INDEX, one.uid) if is_active(pod)]
        return Counter(pod.spec.node_name for pod in pods)

    async def _perform(self, replica_set: ReplicaSet, action: Action) -> ApiError | None:
        if isinstance(action, CreatePods):
            return await self._create(replica_set, action.count)
        return await self._delete(replica_set, action.pods)

    async def _create(self, replica_set: ReplicaSet, count: int) -> ApiError | None:
        self._expectations.expect_creations(replica_set.key, count)
        succeeded, failure = await slow_start(count, lambda _: self._create_one(replica_set))
        self._expectations.creation_seen(replica_set.key, count - succeeded)
        if failure is not None and namespace_is_going(failure):
            return None
        return failure

    async def _create_one(self, replica_set: ReplicaSet) -> None:
        body = pod_from_template(
            replica_set.spec.template, owner_reference(replica_set), generate_name=f"{replica_set.name}-"
        )
        try:
            pod = await self._api.create(PodView, body, namespace=replica_set.namespace)
        except ApiError as error:
            if not namespace_is_going(error):
                self._recorder.event(replica_set, "Warning", "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.event(replica_set, "Normal", "SuccessfulCreate", f"Created pod: {pod.name}")

    async def _delete(self, replica_set: ReplicaSet, pods: Sequence[PodView]) -> ApiError | None:
        self._expectations.expect_deletions(replica_set.key, (pod.uid for pod in pods))
        return await for_all(pods, lambda pod: self._delete_one(replica_set, pod))

    async def _delete_one(self, replica_set: ReplicaSet, pod: PodView) -> None:
        try:
            await self._api.delete(
                PodView, pod.name, namespace=pod.namespace, options={"preconditions": {"uid": pod.uid}}
            )
        except ApiError as error:
            self._expectations.deletion_seen(replica_set.key, pod.uid)
            if error.code == 404:
                return
            self._recorder.event(replica_set, "Warning", "FailedDelete", f"Error deleting: {error.message}")
            raise
        self._recorder.event(replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {pod.name}")

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
