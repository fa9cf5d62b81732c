"""Job and CronJob, batch/v1. Templates stay raw JSON: controllers stamp objects out of them and must lose nothing."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from api.meta import Condition, KubeObject, LabelSelector, Struct
from api.service import ObjectReference
from apimachinery.resources import GVR

EMPTY = msgspec.Raw(b"{}")


class JobSpec(Struct, frozen=True):
    parallelism: int = 1
    completions: int | None = None
    active_deadline_seconds: int | None = None
    backoff_limit: int = 6
    completion_mode: str = "NonIndexed"
    suspend: bool = False
    selector: LabelSelector | None = None
    template: msgspec.Raw = EMPTY
    ttl_seconds_after_finished: int | None = None
    pod_replacement_policy: str = "TerminatingOrFailed"
    managed_by: str = ""


class UncountedTerminatedPods(Struct, frozen=True):
    """Uids of ended pods that still carry the tracking finalizer and are not in the counts yet (KEP-2307)."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class JobStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()
    start_time: str | None = None
    completion_time: str | None = None
    active: int = 0
    ready: int | None = None
    terminating: int | None = None
    succeeded: int = 0
    failed: int = 0
    completed_indexes: str = ""
    uncounted_terminated_pods: UncountedTerminatedPods | None = None


class Job(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("batch", "v1", "jobs")
    KIND: ClassVar[str] = "Job"

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class CronJobSpec(Struct, frozen=True):
    schedule: str = ""
    time_zone: str | None = None
    starting_deadline_seconds: int | None = None
    concurrency_policy: str = "Allow"
    suspend: bool = False
    job_template: msgspec.Raw = EMPTY
    successful_jobs_history_limit: int = 3
    failed_jobs_history_limit: int = 1


class CronJobStatus(Struct, frozen=True):
    active: tuple[ObjectReference, ...] = ()
    last_schedule_time: str | None = None
    last_successful_time: str | None = None


class CronJob(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("batch", "v1", "cronjobs")
    KIND: ClassVar[str] = "CronJob"

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()
