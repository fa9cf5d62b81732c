"""ReplicationController: the ReplicaSet's elder, which selects by plain labels. It decides as a ReplicaSet does.

Watches: ReplicationControllers, Pods. Owns: Pods with a controller reference to a ReplicationController. Writes: those
Pods (create, delete, adopt, release), `replicationcontrollers/status`, Events.
Invariant: as ReplicaSet.
"""

from __future__ import annotations

from api.apps import ReplicaSet, ReplicaSetSpec, ReplicaSetStatus
from api.core import ReplicationController, ReplicationControllerStatus
from api.meta import LabelSelector, owner_reference
from apimachinery.errors import ApiError
from controller_manager.conditions import status_patch
from controller_manager.context import Context, Managed
from controller_manager.controllers.replicaset import REASONS, Action, CreatePods, DeletePods, compute_status, plan
from controller_manager.decisions import UNSETTLED, decide
from controller_manager.limits import POD_WORKERS
from controller_manager.pod_control import PodControl
from controller_manager.pods import available_in, is_active, pod_from_template
from controller_manager.settling import soonest


def as_replica_set(one: ReplicationController) -> ReplicaSet:
    """What it would be today."""
    spec = ReplicaSetSpec(
        replicas=one.spec.replicas, min_ready_seconds=one.spec.min_ready_seconds, template=one.spec.template
    )
    status = ReplicaSetStatus(conditions=one.status.conditions)
    return ReplicaSet(metadata=one.metadata, spec=spec, status=status)


class ReplicationControllerController:
    name = "replicationcontroller"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._owners = context.informers.get(ReplicationController)
        self.queue = context.queue(self.name)
        self._control = PodControl(
            context,
            ReplicationController.KIND,
            self._owners,
            self.queue,
            context.recorder("replication-controller"),
            selector_of=lambda one: LabelSelector(match_labels=one.spec.selector) if one.spec.selector else None,
            size_of=lambda one: one.spec.replicas,
        )

    async def reconcile(self, key: str) -> float | None:
        owner = self._owners.get(key)
        if owner is None:
            return None
        pods = await self._control.owned(owner)
        action: Action | None = None
        failure: ApiError | None = None
        if self._control.unsettled_for(owner) is not None:
            decide(why=UNSETTLED)
        else:
            active = [pod for pod in pods if is_active(pod)]
            action = plan(as_replica_set(owner), active, {}, self._clock.time())
            decide(action or "", why=f"{len(active)} of {owner.spec.replicas} pods are active")
            failure = await self._perform(owner, action)
        now = self._clock.time()
        told = (REASONS[type(action)], failure.message) if failure is not None else None
        await self._write_status(owner, compute_status(as_replica_set(owner), pods, told, now))
        if failure is not None:
            raise failure
        waits = (available_in(pod, owner.spec.min_ready_seconds, now) for pod in pods)
        return soonest(self._control.unsettled_for(owner), *waits)

    async def _perform(self, owner: ReplicationController, action: Action | None) -> ApiError | None:
        if isinstance(action, CreatePods):
            reference, prefix = owner_reference(owner), f"{owner.name}-"
            bodies = [
                pod_from_template(owner.spec.template, reference, generate_name=prefix) for _ in range(action.count)
            ]
            return await self._control.create(owner, bodies)
        if isinstance(action, DeletePods):
            return await self._control.delete(owner, action.pods)
        return None

    async def _write_status(self, owner: ReplicationController, wanted: ReplicaSetStatus) -> None:
        status = ReplicationControllerStatus(
            replicas=wanted.replicas,
            fully_labeled_replicas=wanted.fully_labeled_replicas,
            ready_replicas=wanted.ready_replicas,
            available_replicas=wanted.available_replicas,
            observed_generation=wanted.observed_generation,
            conditions=wanted.conditions,
        )
        patch = status_patch(owner.status, status)
        if not patch:
            return
        patch["status"]["replicas"] = status.replicas
        await self._api.patch(ReplicationController, owner.name, patch, namespace=owner.namespace, subresource="status")


def build(context: Context) -> Managed:
    controller = ReplicationControllerController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
