"""CronJob: makes Jobs at times.

Watches: CronJobs, Jobs. Owns: Jobs with a controller reference to a CronJob. Writes: those (create, delete),
`cronjobs/status`, Events.
Invariant: one Job per scheduled time, because its name is made of that time; of several times missed only the latest
is made up for, and none that is older than startingDeadlineSeconds.
Source of the rules: pkg/controller/cronjob of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from api.batch import CronJob, CronJobStatus, Job
from api.meta import controller_of, owner_reference
from api.service import ObjectReference
from apimachinery.errors import ApiError
from apimachinery.resources import join_key
from apimachinery.timestamps import format_time, parse_time
from client.informer import Event
from controller_manager.conditions import status_patch
from controller_manager.context import Context, Managed
from controller_manager.controllers.job_plan import has, is_finished
from controller_manager.cron import Schedule, find_zone, parse_schedule
from controller_manager.decisions import decide, each
from controller_manager.refusals import namespace_is_going

JSON = dict[str, Any]

SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_OWNER_INDEX: Final = "owner"
_MANY_MISSED: Final = 100
"""More missed times than this are not looked at one by one: something was wrong for long."""


@dataclass(frozen=True)
class Due:
    """`at`: the latest time that is due and not yet served, or None. `next`: the one after now. Unix seconds."""

    at: float | None
    next: float | None


def find_due(cron_job: CronJob, schedule: Schedule, now: float) -> Due:
    """Which scheduled time is to be served now."""
    zone = find_zone(cron_job.spec.time_zone)
    since = parse_time(cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp or format_time(now))
    if cron_job.spec.starting_deadline_seconds is not None:
        since = max(since, now - cron_job.spec.starting_deadline_seconds)
    latest: float | None = None
    at = schedule.next_after(since, zone)
    for _ in range(_MANY_MISSED):
        if at is None or at > now:
            return Due(latest, at)
        latest, at = at, schedule.next_after(at, zone)
    return Due(_latest_before(schedule, now, zone), schedule.next_after(now, zone))


def _latest_before(schedule: Schedule, now: float, zone: Any) -> float | None:
    """The last scheduled time up to now, looked for in windows that grow."""
    window = 120.0
    while window < 400 * 86400:
        found, at = None, schedule.next_after(now - window, zone)
        while at is not None and at <= now:
            found, at = at, schedule.next_after(at, zone)
        if found is not None:
            return found
        window *= 8
    return None


def job_name(cron_job: CronJob, at: float) -> str:
    return f"{cron_job.name}-{int(at) // 60}"


def surplus(cron_job: CronJob, jobs: Sequence[Job]) -> list[Job]:
    """Finished Jobs beyond the history limits, oldest first."""
    doomed: list[Job] = []
    limits = (
        ("Complete", cron_job.spec.successful_jobs_history_limit),
        ("Failed", cron_job.spec.failed_jobs_history_limit),
    )
    for type_, limit in limits:
        ended = sorted((job for job in jobs if has(job.status, type_)), key=lambda job: job.status.start_time or "")
        doomed += ended[: max(len(ended) - limit, 0)]
    return doomed


def compute_status(cron_job: CronJob, jobs: Sequence[Job], scheduled: float | None) -> CronJobStatus:
    active = tuple(
        ObjectReference(kind="Job", api_version="batch/v1", namespace=job.namespace, name=job.name, uid=job.uid)
        for job in sorted(jobs, key=lambda job: job.name)
        if not is_finished(job.status)
    )
    ends = [job.status.completion_time for job in jobs if has(job.status, "Complete") and job.status.completion_time]
    return CronJobStatus(
        active=active,
        last_schedule_time=format_time(scheduled) if scheduled is not None else cron_job.status.last_schedule_time,
        last_successful_time=max([*ends, cron_job.status.last_successful_time or ""]) or None,
    )


class CronJobController:
    name = "cronjob"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._cron_jobs = context.informers.get(CronJob)
        self._jobs = context.informers.get(Job)
        self._jobs.add_index(_OWNER_INDEX, _by_owner)
        self._recorder = context.recorder("cronjob-controller")
        self.queue = context.queue(self.name)
        self._cron_jobs.add_handler(lambda event: self.queue.add(event.object.key))
        self._jobs.add_handler(self._on_job)

    def _on_job(self, event: Event[Job]) -> None:
        owner = controller_of(event.object.metadata)
        if owner is not None and owner.kind == CronJob.KIND:
            self.queue.add(join_key(event.object.namespace, owner.name))

    async def reconcile(self, key: str) -> float | None:
        cron_job = self._cron_jobs.get(key)
        if cron_job is None or cron_job.metadata.deletion_timestamp is not None:
            return None
        try:
            due = find_due(cron_job, parse_schedule(cron_job.spec.schedule), self._clock.time())
        except ValueError as error:
            message = f"unparseable schedule: {cron_job.spec.schedule} : {error}"
            self._recorder.event(cron_job, "Warning", "UnparseableSchedule", message)
            decide(why=message)
            return None
        jobs = self._jobs.by_index(_OWNER_INDEX, cron_job.uid)
        scheduled: float | None = None
        if due.at is not None and not cron_job.spec.suspend and await self._may_start(cron_job, jobs):
            jobs = [*jobs, await self._start(cron_job, due.at)]
            scheduled = due.at
        doomed = surplus(cron_job, jobs)
        start = f"create {job_name(cron_job, scheduled)}" if scheduled is not None else ""
        decide(start, each("delete", (job.name for job in doomed)), why=_grounds(cron_job, due))
        for job in doomed:
            await self._delete(cron_job, job)
        await self._write_status(cron_job, compute_status(cron_job, jobs, scheduled))
        return None if due.next is None or cron_job.spec.suspend else due.next - self._clock.time()

    async def _may_start(self, cron_job: CronJob, jobs: Sequence[Job]) -> bool:
        """As the concurrency policy has it: Forbid waits for the last Job, Replace ends it."""
        active = [job for job in jobs if not is_finished(job.status)]
        if cron_job.spec.concurrency_policy == "Forbid" and active:
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._recorder.event(cron_job, "Normal", "JobAlreadyActive", message)
            return False
        if cron_job.spec.concurrency_policy == "Replace":
            for job in active:
                await self._delete(cron_job, job)
        return True

    async def _start(self, cron_job: CronJob, at: float) -> Job:
        template: JSON = msgspec.json.decode(cron_job.spec.job_template)
        wanted = template.get("metadata") or {}
        metadata: JSON = {
            "name": job_name(cron_job, at),
            "namespace": cron_job.namespace,
            "labels": wanted.get("labels") or {},
            "annotations": {**(wanted.get("annotations") or {}), SCHEDULED_AT: format_time(at)},
            "ownerReferences": [owner_reference(cron_job)],
        }
        try:
            job = await self._api.create(Job, {"metadata": metadata, "spec": template.get("spec", {})})
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return await self._api.get(Job, metadata["name"], cron_job.namespace)
            if not namespace_is_going(error):
                message = f"Error creating job: {error.message}"
                self._recorder.event(cron_job, "Warning", "FailedCreate", message)
            raise
        self._recorder.event(cron_job, "Normal", "SuccessfulCreate", f"Created job {job.name}")
        return job

    async def _delete(self, cron_job: CronJob, job: Job) -> None:
        options = {"preconditions": {"uid": job.uid}, "propagationPolicy": "Background"}
        try:
            await self._api.delete(Job, job.name, namespace=job.namespace, options=options)
        except ApiError as error:
            if error.code != 404:
                raise
            return
        self._recorder.event(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {job.name}")

    async def _write_status(self, cron_job: CronJob, status: CronJobStatus) -> None:
        patch = status_patch(cron_job.status, status)
        if patch:
            patch["metadata"] = {"resourceVersion": cron_job.metadata.resource_version}
            await self._api.patch(CronJob, cron_job.name, patch, namespace=cron_job.namespace, subresource="status")


def _grounds(cron_job: CronJob, due: Due) -> str:
    if cron_job.spec.suspend:
        return "it is suspended"
    if due.at is not None:
        return f"{format_time(due.at)} is due"
    return f"the next time is {format_time(due.next)}" if due.next is not None else "no time is left"


def _by_owner(job: Job) -> tuple[str, ...]:
    owner = controller_of(job.metadata)
    return (owner.uid,) if owner is not None else ()


def build(context: Context) -> Managed:
    controller = CronJobController(context)
    return Managed(controller, controller.queue)
