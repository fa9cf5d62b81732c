"""Deployment: rolls a pod template out over ReplicaSets, one revision after another.

Watches: Deployments, ReplicaSets, Pods (for Recreate). Owns: ReplicaSets. Writes: those (create, scale, annotate,
delete, adopt, release), `deployments/status`, the Deployment's revision annotation, Events.
Invariant: never more pods than replicas + maxSurge, never fewer available than replicas - maxUnavailable, as far as
the cache knows; each write to a ReplicaSet is refused if the ReplicaSet has changed since it was read.
Parts: `deployment_plan` (what next), `deployment_sets` (numbers), `deployment_status` (what to report).
"""

from __future__ import annotations

import msgspec

from api.apps import Deployment, DeploymentStatus, ReplicaSet
from api.meta import controller_of
from apimachinery.errors import ApiError
from apimachinery.resources import join_key
from client.in_order import after
from client.informer import Event
from controller_manager.conditions import set_condition, status_patch
from controller_manager.context import Context, Managed
from controller_manager.controllers.deployment_plan import (
    Action,
    CreateSet,
    DeleteSet,
    PatchSet,
    Rollout,
    SetRevision,
    plan,
    told,
)
from controller_manager.controllers.deployment_sets import REVISION, has_deadline, template_of
from controller_manager.controllers.deployment_status import compute_status, condition, deadline_in
from controller_manager.controllers.replicaset import OWNER, replica_set_informer
from controller_manager.decisions import decide
from controller_manager.limits import POD_WORKERS, STATUS_TRIES
from controller_manager.ownership import claim, compile_selector
from controller_manager.pods import OWNER_INDEX, PodView, orphans


class DeploymentController:
    name = "deployment"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._pods = context.pods
        self._sets = replica_set_informer(context)
        self._deployments = context.informers.get(Deployment)
        self._recorder = context.recorder("deployment-controller")
        self.queue = context.queue(self.name)
        self._deployments.add_handler(lambda event: self.queue.add(event.object.key))
        self._sets.add_handler(after(self._deployments, self._on_replica_set))
        self._pods.add_handler(self._on_pod)

    # --- observe -----------------------------------------------------------------------------------------------------

    def _on_replica_set(self, event: Event[ReplicaSet]) -> None:
        for key in {self._owner_key(one) for one in (event.old, event.new)} - {""}:
            self.queue.add(key)
        one = event.new
        if one is not None and controller_of(one.metadata) is None and one.metadata.labels:
            for deployment in self._deployments.by_index("namespace", one.namespace):
                if compile_selector(deployment.spec.selector).matches(one.metadata.labels):
                    self.queue.add(deployment.key)

    def _owner_key(self, one: ReplicaSet | None) -> str:
        owner = controller_of(one.metadata) if one is not None else None
        if one is None or owner is None or owner.kind != Deployment.KIND:
            return ""
        key = join_key(one.namespace, owner.name)
        found = self._deployments.get(key)
        return key if found is not None and found.uid == owner.uid else ""

    def _on_pod(self, event: Event[PodView]) -> None:
        """Only Recreate waits for pods, and only for their end."""
        owner = controller_of(event.object.metadata)
        if event.type != "DELETED" or owner is None or owner.kind != ReplicaSet.KIND:
            return
        key = self._owner_key(self._sets.get(join_key(event.object.namespace, owner.name)))
        deployment = self._deployments.get(key)
        if deployment is not None and deployment.spec.strategy.type == "Recreate":
            self.queue.add(key)

    # --- decide and act ----------------------------------------------------------------------------------------------

    async def reconcile(self, key: str) -> float | None:
        deployment = self._deployments.get(key)
        if deployment is None:
            return None
        if compile_selector(deployment.spec.selector).everything:
            message = "This deployment is selecting all pods. A non-empty selector is required."
            self._recorder.event(deployment, "Warning", "SelectingAll", message)
            return None
        sets = await self._claim(deployment)
        rollout = plan(deployment, sets, self._pods_of(sets))
        decide(*rollout.actions, why=told(rollout))
        for action in rollout.actions:
            await self._perform(rollout, action)
        status = await self._write_status(rollout)
        return deadline_in(deployment, status, self._clock.time()) if status is not None else None

    async def _claim(self, deployment: Deployment) -> list[ReplicaSet]:
        candidates = self._sets.by_index(OWNER, deployment.uid)
        candidates += self._sets.by_index(OWNER, orphans(deployment.namespace))
        return await claim(self._api, deployment, compile_selector(deployment.spec.selector), candidates)

    def _pods_of(self, sets: list[ReplicaSet]) -> dict[str, list[PodView]]:
        return {one.uid: self._pods.by_index(OWNER_INDEX, one.uid) for one in sets}

    async def _perform(self, rollout: Rollout, action: Action) -> None:
        deployment = rollout.deployment
        if isinstance(action, CreateSet):
            await self._create(deployment, action)
        elif isinstance(action, PatchSet):
            await self._api.patch(ReplicaSet, action.name, action.patch, namespace=deployment.namespace)
            if action.scaled is not None:
                self._announce(deployment, action.name, *action.scaled)
        elif isinstance(action, DeleteSet):
            await self._delete(deployment, action)
        elif isinstance(action, SetRevision):
            patch = {"metadata": {"annotations": {REVISION: str(action.revision)}}}
            fresh = await self._api.patch(Deployment, deployment.name, patch, namespace=deployment.namespace)
            rollout.deployment = _as_planned(deployment, fresh)

    async def _delete(self, deployment: Deployment, action: DeleteSet) -> None:
        options = {"preconditions": {"uid": action.uid}, "propagationPolicy": "Background"}
        try:
            await self._api.delete(ReplicaSet, action.name, namespace=deployment.namespace, options=options)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _create(self, deployment: Deployment, action: CreateSet) -> None:
        name = action.body["metadata"]["name"]
        try:
            created = await self._api.create(ReplicaSet, action.body)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                await self._check_collision(deployment, name)
            else:
                await self._report_failure(deployment, name, error)
                raise
        else:
            if created.spec.replicas > 0:
                self._announce(deployment, name, 0, created.spec.replicas)

    async def _check_collision(self, deployment: Deployment, name: str) -> None:
        """The name is taken: by our own ReplicaSet that the cache has not seen yet, or by another's. Then a counter
        goes into the next name."""
        present = await self._api.get(ReplicaSet, name, deployment.namespace)
        owner = controller_of(present.metadata)
        same = template_of(present.spec.template) == template_of(deployment.spec.template)
        if owner is not None and owner.uid == deployment.uid and same:
            return
        count = (deployment.status.collision_count or 0) + 1
        patch = {"status": {"collisionCount": count}}
        await self._api.patch(Deployment, deployment.name, patch, namespace=deployment.namespace, subresource="status")
        raise ApiError("Conflict", f'the name of replica set "{name}" is taken; collision {count}')

    async def _report_failure(self, deployment: Deployment, name: str, error: ApiError) -> None:
        message = f'Failed to create new replica set "{name}": {error.message}'
        self._recorder.event(deployment, "Warning", "ReplicaSetCreateError", message)
        if not has_deadline(deployment) or error.code == 503:
            return
        failed = condition("Progressing", "False", "ReplicaSetCreateError", message, self._clock.time())
        conditions = set_condition(deployment.status.conditions, failed)
        status = msgspec.structs.replace(deployment.status, conditions=conditions)
        await self._patch_status(deployment, status)

    def _announce(self, deployment: Deployment, name: str, before: int, after: int) -> None:
        way = "up" if after > before else "down"
        message = f"Scaled {way} replica set {name} from {before} to {after}"
        self._recorder.event(deployment, "Normal", "ScalingReplicaSet", message)

    async def _write_status(self, rollout: Rollout) -> DeploymentStatus | None:
        """Conditions grow out of the ones before, so they must not be computed from a stale status: after a conflict
        they are computed again from a fresh one. None if the Deployment is gone."""
        for _ in range(STATUS_TRIES):
            status = compute_status(rollout, self._clock.time())
            try:
                await self._patch_status(rollout.deployment, status)
            except ApiError as error:
                if error.code == 404:
                    return None
                if error.reason != "Conflict":
                    raise
            else:
                return status
            planned = rollout.deployment
            rollout.deployment = _as_planned(planned, await self._api.get(Deployment, planned.name, planned.namespace))
        raise ApiError("Conflict", f"status of deployment {rollout.deployment.key} changed all the time")

    async def _patch_status(self, deployment: Deployment, status: DeploymentStatus) -> None:
        patch = status_patch(deployment.status, status)
        if not patch:
            return
        patch["metadata"] = {"uid": deployment.uid, "resourceVersion": deployment.metadata.resource_version}
        await self._api.patch(Deployment, deployment.name, patch, namespace=deployment.namespace, subresource="status")


def _as_planned(planned: Deployment, fresh: Deployment) -> Deployment:
    """With the fresh status and revision, but of the generation that was acted upon."""
    metadata = msgspec.structs.replace(planned.metadata, resource_version=fresh.metadata.resource_version)
    return msgspec.structs.replace(planned, metadata=metadata, status=fresh.status)


def build(context: Context) -> Managed:
    controller = DeploymentController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
