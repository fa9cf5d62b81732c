"""StatefulSet: pods with names, order and storage of their own.

Watches: StatefulSets, Pods, ControllerRevisions, PersistentVolumeClaims. Owns: Pods with a controller reference to a
StatefulSet, its revisions, the claims it made. Writes: those (claims are never deleted), `statefulsets/status`, Events.
Invariant: of each ordinal there is at most one pod, because its name is fixed; in order, none is started or stopped
before those below, or above, are well.
Parts: `statefulset_plan` (what next, what to report). Not supported: maxUnavailable,
persistentVolumeClaimRetentionPolicy other than Retain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from api.apps import StatefulSet, StatefulSetStatus
from api.core import PersistentVolumeClaim
from api.meta import owner_reference
from apimachinery.errors import ApiError
from controller_manager.conditions import status_patch
from controller_manager.context import Context, Managed
from controller_manager.controllers.statefulset_plan import Plan, compute_status, parent_of, plan
from controller_manager.decisions import UNSETTLED, decide
from controller_manager.history import HASH_LABEL, History, Revision
from controller_manager.limits import POD_WORKERS
from controller_manager.ownership import compile_selector
from controller_manager.pod_control import PodControl
from controller_manager.pods import available_in, pod_from_template
from controller_manager.settling import soonest

JSON = dict[str, Any]

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"


class StatefulSetController:
    name = "statefulset"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._sets = context.informers.get(StatefulSet)
        self._claims = context.informers.get(PersistentVolumeClaim)
        self._recorder = context.recorder("statefulset-controller")
        self._history: History[StatefulSet] = History(context)
        self.queue = context.queue(self.name)
        self._control = PodControl(
            context,
            StatefulSet.KIND,
            self._sets,
            self.queue,
            self._recorder,
            selector_of=lambda one: one.spec.selector,
            size_of=lambda one: one.spec.replicas,
        )

    async def reconcile(self, key: str) -> float | None:
        stateful_set = self._sets.get(key)
        if stateful_set is None or stateful_set.metadata.deletion_timestamp is not None:
            return None
        selector = compile_selector(stateful_set.spec.selector)
        update, others = await self._history.sync(stateful_set, stateful_set.spec.template, selector)
        pods = [pod for pod in await self._control.owned(stateful_set) if parent_of(pod) == stateful_set.name]
        revisions = {one.hash: one for one in (*others, update)}
        current = stateful_set.status.current_revision.removeprefix(f"{stateful_set.name}-")
        current = current if current in revisions else update.hash
        failure: ApiError | None = None
        now = self._clock.time()
        if self._control.unsettled_for(stateful_set) is not None:
            decide(why=UNSETTLED)
        else:
            steps = plan(stateful_set, current, update.hash, pods, now)
            decide(steps, why=f"{len(pods)} of {stateful_set.spec.replicas} pods are there")
            failure = await self._perform(stateful_set, revisions, steps)
        await self._write_status(stateful_set, compute_status(stateful_set, current, update.hash, pods, now))
        if failure is not None:
            raise failure
        used = {current, *(pod.metadata.labels.get(HASH_LABEL, "") for pod in pods)}
        await self._history.truncate(stateful_set, others, used, stateful_set.spec.revision_history_limit)
        minimum = stateful_set.spec.min_ready_seconds
        return soonest(self._control.unsettled_for(stateful_set), *(available_in(pod, minimum, now) for pod in pods))

    async def _perform(
        self, stateful_set: StatefulSet, revisions: Mapping[str, Revision], steps: Plan
    ) -> ApiError | None:
        if steps.delete:
            return await self._control.delete(stateful_set, steps.delete)
        if not steps.create:
            return None
        for ordinal, _ in steps.create:
            await self._make_claims(stateful_set, ordinal)
        bodies = [_body(stateful_set, revisions[hash_], ordinal) for ordinal, hash_ in steps.create]
        return await self._control.create(stateful_set, bodies)

    async def _make_claims(self, stateful_set: StatefulSet, ordinal: int) -> None:
        for template in map(msgspec.json.decode, stateful_set.spec.volume_claim_templates):
            name = _claim_name(template["metadata"]["name"], stateful_set, ordinal)
            if self._claims.get(f"{stateful_set.namespace}/{name}") is not None:
                continue
            selector = stateful_set.spec.selector
            labels = {**(template["metadata"].get("labels") or {}), **(selector.match_labels if selector else {})}
            metadata = {**template["metadata"], "name": name, "namespace": stateful_set.namespace, "labels": labels}
            body = {"metadata": metadata, "spec": template.get("spec", {})}
            try:
                await self._api.create(PersistentVolumeClaim, body)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                continue
            pod = f"{stateful_set.name}-{ordinal}"
            message = f"create Claim {name} Pod {pod} in StatefulSet {stateful_set.name} success"
            self._recorder.event(stateful_set, "Normal", "SuccessfulCreate", message)

    async def _write_status(self, stateful_set: StatefulSet, status: StatefulSetStatus) -> None:
        patch = status_patch(stateful_set.status, status)
        if not patch:
            return
        patch["metadata"] = {"resourceVersion": stateful_set.metadata.resource_version}
        namespace = stateful_set.namespace
        await self._api.patch(StatefulSet, stateful_set.name, patch, namespace=namespace, subresource="status")


def _claim_name(template: str, stateful_set: StatefulSet, ordinal: int) -> str:
    return f"{template}-{stateful_set.name}-{ordinal}"


def _body(stateful_set: StatefulSet, revision: Revision, ordinal: int) -> JSON:
    """The member as its revision has it, with its name, its host name and its volumes."""
    name = f"{stateful_set.name}-{ordinal}"
    template = msgspec.Raw(msgspec.json.encode(revision.template))
    body = pod_from_template(template, owner_reference(stateful_set), name=name)
    identity = {POD_NAME: name, POD_INDEX: str(ordinal), HASH_LABEL: revision.hash}
    body["metadata"]["labels"] = {**body["metadata"].get("labels", {}), **identity}
    spec = body["spec"]
    spec["hostname"] = name
    if stateful_set.spec.service_name:
        spec["subdomain"] = stateful_set.spec.service_name
    templates = [msgspec.json.decode(one)["metadata"]["name"] for one in stateful_set.spec.volume_claim_templates]
    volumes = [one for one in spec.get("volumes", ()) if one.get("name") not in templates]
    for one in templates:
        volumes.append({"name": one, "persistentVolumeClaim": {"claimName": _claim_name(one, stateful_set, ordinal)}})
    if volumes:
        spec["volumes"] = volumes
    return body


def build(context: Context) -> Managed:
    controller = StatefulSetController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
