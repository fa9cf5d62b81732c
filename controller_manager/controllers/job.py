"""Job: runs pods until enough have succeeded, or too many failed.

Watches: Jobs, Pods. Owns: Pods with a controller reference to a Job. Writes: those Pods (create, delete, their
tracking finalizer), `jobs/status`, Events.
Invariant: the end of each pod is counted exactly once: it keeps a finalizer until its uid is on record in the status.
Parts: `job_plan` (what next, what to report); the pods of a Job that is gone are `job_orphans`' work. Not supported:
podFailurePolicy, successPolicy, backoffLimitPerIndex.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from api.batch import Job, JobStatus
from api.meta import owner_reference
from apimachinery import names
from apimachinery.errors import ApiError
from client.api import ApiClient
from controller_manager.batches import for_all
from controller_manager.conditions import status_patch
from controller_manager.context import Context, Managed
from controller_manager.controllers.job_plan import (
    FINALIZER,
    INDEX,
    Create,
    Delete,
    Wait,
    count,
    deadline_in,
    is_finished,
    met_already,
    outcome,
    plan,
    progress,
    report,
)
from controller_manager.decisions import UNSETTLED, decide
from controller_manager.limits import POD_WORKERS
from controller_manager.own_writes import OwnWrites
from controller_manager.pod_control import PodControl
from controller_manager.pods import PodView, is_active, pod_from_template
from controller_manager.settling import soonest

JSON = dict[str, Any]
BUILTIN_MANAGER = "kubernetes.io/job-controller"


class JobController:
    name = "job"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._jobs = context.informers.get(Job)
        self._recorder = context.recorder("job-controller")
        self._released = OwnWrites(context.clock, context.pods)
        self.queue = context.queue(self.name)
        self._control = PodControl(
            context,
            Job.KIND,
            self._jobs,
            self.queue,
            self._recorder,
            selector_of=lambda job: job.spec.selector,
            size_of=lambda job: job.spec.parallelism,
        )

    async def reconcile(self, key: str) -> float | None:
        job = self._jobs.get(key)
        if job is None:
            self._released.forget(key)
            return None
        if job.spec.managed_by not in ("", BUILTIN_MANAGER):
            decide(why=f"{job.spec.managed_by} manages it")
            return None
        pause = soonest(self._control.unsettled_for(job), self._released.pause(key))
        if pause is not None:
            decide(why=UNSETTLED)
            return pause  # the cache may still show finalizers that we took off
        pods = await self._control.owned(job)
        if is_finished(job.status) or job.metadata.deletion_timestamp is not None:
            decide(why="it is over")
            await self._release(job, pods)
            return None
        return await self._advance(job, pods)

    async def _advance(self, job: Job, pods: Sequence[PodView]) -> float | None:
        now = self._clock.time()
        counted = count(job, pods)
        await self._release(job, counted.release)
        finish = met_already(job.status) or outcome(job, counted.status, pods, now)
        action: Create | Delete | Wait | None
        if finish is not None:
            action = Delete(tuple(pod for pod in pods if is_active(pod)))
        else:
            action = plan(job, counted.status, pods, now)
        status = report(job, counted.status, finish, now)
        decide(finish or "", action or "", why=progress(status) if finish is None else finish.message)
        await self._write_status(job, status)
        failure = await self._perform(job, action)
        if failure is not None:
            raise failure
        pause = action.seconds if isinstance(action, Wait) else None
        deadline = deadline_in(job, status, now) if finish is None else None
        return soonest(pause, deadline, self._control.unsettled_for(job))

    async def _perform(self, job: Job, action: Create | Delete | Wait | None) -> ApiError | None:
        if isinstance(action, Create):
            return await self._control.create(job, [_body(job, index) for index in action.indexes])
        if isinstance(action, Delete) and action.pods:
            await self._release(job, action.pods)  # what we end ourselves has not failed
            return await self._control.delete(job, action.pods)
        return None

    async def _release(self, job: Job, pods: Iterable[PodView]) -> None:
        tracked = [pod for pod in pods if FINALIZER in pod.metadata.finalizers]
        failure = await for_all(tracked, lambda pod: self._take_finalizer_off(job, pod))
        if failure is not None:
            raise failure

    async def _take_finalizer_off(self, job: Job, pod: PodView) -> None:
        patched = await take_finalizer_off(self._api, pod)
        if patched is not None:
            self._released.note(job.key, patched)

    async def _write_status(self, job: Job, status: JobStatus) -> None:
        """Guarded by revision: counts must not be built on a status that is not the latest."""
        patch = status_patch(job.status, status)
        if not patch:
            return
        patch["metadata"] = {"uid": job.uid, "resourceVersion": job.metadata.resource_version}
        await self._api.patch(Job, job.name, patch, namespace=job.namespace, subresource="status")
        self._announce(job, status)

    def _announce(self, job: Job, status: JobStatus) -> None:
        before = {one.type for one in job.status.conditions if one.status == "True"}
        for one in status.conditions:
            if one.status != "True" or one.type in before:
                continue
            if one.type == "Complete":
                self._recorder.event(job, "Normal", "Completed", "Job completed")
            elif one.type == "Failed":
                self._recorder.event(job, "Warning", one.reason, one.message)
            elif one.type == "Suspended":
                self._recorder.event(job, "Normal", "Suspended", "Job suspended")


async def take_finalizer_off(api: ApiClient, pod: PodView) -> PodView | None:
    """Guarded by uid and revision; None if the pod is gone."""
    kept = [name for name in pod.metadata.finalizers if name != FINALIZER] or None
    metadata = {"uid": pod.uid, "resourceVersion": pod.metadata.resource_version, "finalizers": kept}
    try:
        return await api.patch(PodView, pod.name, {"metadata": metadata}, namespace=pod.namespace)
    except ApiError as error:
        if error.code == 404:
            return None
        raise


def _body(job: Job, index: int | None) -> JSON:
    """A pod of the Job, tracked; with an index it knows it by annotation, label, host name and environment."""
    prefix = f"{job.name}-" if index is None else f"{job.name}-{index}-"
    body = pod_from_template(job.spec.template, owner_reference(job), generate_name=prefix)
    metadata = body["metadata"]
    metadata["finalizers"] = [*metadata.get("finalizers", ()), FINALIZER]
    if index is None:
        return body
    metadata["annotations"] = {**metadata.get("annotations", {}), INDEX: str(index)}
    metadata["labels"] = {**metadata.get("labels", {}), INDEX: str(index)}
    spec = body["spec"]
    spec.setdefault("hostname", f"{job.name}-{index}"[: names.LABEL_MAX])
    variable = {
        "name": "JOB_COMPLETION_INDEX",
        "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}},
    }
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        container["env"] = [*container.get("env", ()), variable]
    return body


def build(context: Context) -> Managed:
    controller = JobController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
