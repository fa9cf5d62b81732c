"""What a Job does next and what it reports, as data. Pure.

Source of the rules: pkg/controller/job of Kubernetes v1.36; "Jobs", KEP-2307 (finalizers), KEP-2214 (indexes).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from api.batch import Job, JobStatus, UncountedTerminatedPods
from api.meta import Condition
from apimachinery.timestamps import format_time, parse_time
from controller_manager.conditions import set_condition
from controller_manager.decisions import each, wait
from controller_manager.pod_ranking import choose_to_delete
from controller_manager.pods import PodView, find_condition, is_active, is_ready, is_terminal, is_terminating, restarts

FINALIZER: Final = "batch.kubernetes.io/job-tracking"
INDEX: Final = "batch.kubernetes.io/job-completion-index"
BACKOFF_BASE_SECONDS: Final = 10.0
BACKOFF_MAX_SECONDS: Final = 600.0


def is_indexed(job: Job) -> bool:
    return job.spec.completion_mode == "Indexed"


def has(status: JobStatus, type_: str) -> bool:
    found = find_condition(status.conditions, type_)
    return found is not None and found.status == "True"


def is_finished(status: JobStatus) -> bool:
    return has(status, "Complete") or has(status, "Failed")


# --- counting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """The status after accounting, and the pods whose finalizer may go: their end is on record."""

    status: JobStatus
    release: tuple[PodView, ...]


def count(job: Job, pods: Sequence[PodView]) -> Counted:
    """Account for each pod that has ended exactly once, whatever crashes in between: note its uid in the status, then
    take its finalizer off, then move the uid from the notes into the count. Completed indexes need no notes."""
    noted = job.status.uncounted_terminated_pods or UncountedTerminatedPods()
    tracked = {pod.uid: pod for pod in pods if FINALIZER in pod.metadata.finalizers}
    ended = [pod for pod in tracked.values() if is_terminal(pod) or is_terminating(pod)]
    good = [pod for pod in ended if pod.status.phase == "Succeeded"]
    bad = tuple(pod.uid for pod in ended if pod.status.phase != "Succeeded")
    failed = job.status.failed + sum(uid not in tracked for uid in noted.failed)
    indexes = parse_indexes(job.status.completed_indexes)
    if is_indexed(job):
        on_record = set(noted.failed) | {pod.uid for pod in good if index_of(pod) in indexes}
        indexes |= {index for pod in good if (index := index_of(pod)) is not None}
        succeeded, uncounted = len(indexes), UncountedTerminatedPods(failed=bad)
    else:
        on_record = {*noted.succeeded, *noted.failed}
        succeeded = job.status.succeeded + sum(uid not in tracked for uid in noted.succeeded)
        uncounted = UncountedTerminatedPods(succeeded=tuple(pod.uid for pod in good), failed=bad)
    status = msgspec.structs.replace(
        job.status,
        succeeded=succeeded,
        failed=failed,
        uncounted_terminated_pods=uncounted,
        completed_indexes=format_indexes(indexes),
        active=sum(map(is_active, pods)),
        ready=sum(is_active(pod) and is_ready(pod) for pod in pods),
        terminating=sum(is_terminating(pod) and not is_terminal(pod) for pod in pods),
    )
    return Counted(status, tuple(pod for pod in ended if pod.uid in on_record))


def index_of(pod: PodView) -> int | None:
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdigit() else None


def parse_indexes(text: str) -> set[int]:
    """`0-2,5` -> {0, 1, 2, 5}."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def format_indexes(indexes: Iterable[int]) -> str:
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


# --- deciding --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finish:
    """`Complete` or `Failed`, and why."""

    type: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"finish as {self.type}"


@dataclass(frozen=True)
class Create:
    """A pod for each; None where the Job is not indexed."""

    indexes: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"create {len(self.indexes)}"


@dataclass(frozen=True)
class Delete:
    pods: tuple[PodView, ...]

    def __str__(self) -> str:
        return each("delete", (pod.name for pod in self.pods))


@dataclass(frozen=True)
class Wait:
    """Nothing before so many seconds."""

    seconds: float

    def __str__(self) -> str:
        return f"{wait(self.seconds)} after a failure"


def outcome(job: Job, status: JobStatus, pods: Sequence[PodView], now: float) -> Finish | None:
    """How the Job is over, if it is."""
    uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
    failures = status.failed + len(uncounted.failed)
    retries = sum(restarts(pod) for pod in pods if is_active(pod) and pod.spec.restart_policy == "OnFailure")
    if failures > job.spec.backoff_limit or (retries and retries >= max(job.spec.backoff_limit, 1)):
        return Finish("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = deadline_in(job, status, now)
    if deadline is not None and deadline <= 0:
        return Finish("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    succeeded = status.succeeded + len(uncounted.succeeded)
    wanted = job.spec.completions
    if (wanted is None and succeeded > 0 and status.active == 0) or (wanted is not None and succeeded >= wanted):
        return Finish("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
    return None


def deadline_in(job: Job, status: JobStatus, now: float) -> float | None:
    if job.spec.active_deadline_seconds is None or status.start_time is None or job.spec.suspend:
        return None
    return parse_time(status.start_time) + job.spec.active_deadline_seconds - now


def plan(job: Job, status: JobStatus, pods: Sequence[PodView], now: float) -> Create | Delete | Wait | None:
    """What a Job that is not over does about its pods."""
    active = [pod for pod in pods if is_active(pod)]
    if job.spec.suspend:
        return Delete(tuple(active)) if active else None
    wanted = _wanted_active(job, status, len(active))
    if len(active) > wanted:
        return Delete(tuple(choose_to_delete(active, len(active) - wanted, {}, now)))
    busy = len(active) + (status.terminating or 0 if job.spec.pod_replacement_policy == "Failed" else 0)
    if busy >= wanted:
        return None
    pause = _backoff_left(status, pods, now)
    if pause > 0:
        return Wait(pause)
    return Create(_next_indexes(job, status, active, wanted - busy))


def _wanted_active(job: Job, status: JobStatus, active: int) -> int:
    uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
    succeeded = status.succeeded + len(uncounted.succeeded)
    if job.spec.completions is None:
        return min(active, job.spec.parallelism) if succeeded else job.spec.parallelism
    return min(job.spec.parallelism, max(job.spec.completions - succeeded, 0))


def _next_indexes(job: Job, status: JobStatus, active: Iterable[PodView], number: int) -> tuple[int | None, ...]:
    if not is_indexed(job):
        return (None,) * number
    taken = parse_indexes(status.completed_indexes) | {index_of(pod) for pod in active}
    free = (index for index in range(job.spec.completions or 0) if index not in taken)
    return tuple(index for index, _ in zip(free, range(number), strict=False))


def _backoff_left(status: JobStatus, pods: Iterable[PodView], now: float) -> float:
    """10 s after the first failure, twice that after the next, up to ten minutes; counted from the latest one."""
    uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
    failures = status.failed + len(uncounted.failed)
    ends = [end for pod in pods if pod.status.phase == "Failed" and (end := _ended_at(pod)) is not None]
    if not failures or not ends:
        return 0.0
    pause = min(BACKOFF_BASE_SECONDS * (1 << min(failures - 1, 10)), BACKOFF_MAX_SECONDS)
    return max(ends) + pause - now


def _ended_at(pod: PodView) -> float | None:
    ends = [one.state.terminated.finished_at for one in pod.status.container_statuses if one.state.terminated]
    return max((parse_time(end) for end in ends if end), default=None)


# --- reporting -------------------------------------------------------------------------------------------------------


def progress(status: JobStatus) -> str:
    """On what grounds a Job that is not over goes on."""
    return f"{status.active} active, {status.succeeded} succeeded, {status.failed} failed"


def report(job: Job, status: JobStatus, finish: Finish | None, now: float) -> JobStatus:
    """Times and conditions. A Job is over for good only when its pods are, and all are counted."""
    if status.start_time is None and not job.spec.suspend:
        status = msgspec.structs.replace(status, start_time=format_time(now))
    conditions = _suspended(job, status.conditions, now)
    if finish is not None:
        met = "SuccessCriteriaMet" if finish.type == "Complete" else "FailureTarget"
        conditions = set_condition(conditions, _condition(met, finish.reason, finish.message, now))
        uncounted = status.uncounted_terminated_pods or UncountedTerminatedPods()
        if not (status.active or status.terminating or uncounted.succeeded or uncounted.failed):
            conditions = set_condition(conditions, _condition(finish.type, finish.reason, finish.message, now))
            if finish.type == "Complete":
                status = msgspec.structs.replace(status, completion_time=format_time(now))
    elif job.spec.suspend and status.start_time is not None and has(status, "Suspended"):
        status = msgspec.structs.replace(status, start_time=None)
    return msgspec.structs.replace(status, conditions=conditions)


def met_already(status: JobStatus) -> Finish | None:
    """How it was found to be over earlier: that stands, whatever the pods do now."""
    for met, type_ in (("SuccessCriteriaMet", "Complete"), ("FailureTarget", "Failed")):
        found = find_condition(status.conditions, met)
        if found is not None and found.status == "True":
            return Finish(type_, found.reason, found.message)
    return None


def _suspended(job: Job, conditions: tuple[Condition, ...], now: float) -> tuple[Condition, ...]:
    if job.spec.suspend:
        return set_condition(conditions, _condition("Suspended", "JobSuspended", "Job suspended", now))
    if find_condition(conditions, "Suspended") is None:
        return conditions
    resumed = _condition("Suspended", "JobResumed", "Job resumed", now)
    return set_condition(conditions, msgspec.structs.replace(resumed, status="False"))


def _condition(type_: str, reason: str, message: str, now: float) -> Condition:
    time = format_time(now)
    return Condition(
        type=type_, status="True", reason=reason, message=message, last_transition_time=time, last_probe_time=time
    )
