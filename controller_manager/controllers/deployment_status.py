"""A Deployment's status: counts, and the conditions that `kubectl rollout status` waits for. Pure.

Source of the rules: pkg/controller/deployment/progress.go of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from api.apps import Deployment, DeploymentStatus, ReplicaSet
from api.meta import Condition
from apimachinery.timestamps import format_time, parse_time
from controller_manager.conditions import remove_condition, set_condition
from controller_manager.controllers.deployment_plan import Rollout, is_complete
from controller_manager.controllers.deployment_sets import by_age, has_deadline, max_unavailable, spec_replicas
from controller_manager.pods import find_condition

COMPLETE: Final = "NewReplicaSetAvailable"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
PAUSED: Final = "DeploymentPaused"

NEWS: Final = {
    "created": ("NewReplicaSetCreated", 'Created new replica set "{}"'),
    "found": ("FoundNewReplicaSet", 'Found new replica set "{}"'),
}
"""Reasons that a step of the plan gives: (reason, message)."""


def compute_status(rollout: Rollout, now: float) -> DeploymentStatus:
    """The status after `rollout` was planned."""
    deployment = rollout.deployment
    status = _counts(rollout, now)
    conditions = _paused_or_resumed(deployment, status.conditions, now)
    if not has_deadline(deployment):
        return _with(status, _replica_failure(remove_condition(conditions, "Progressing"), rollout))
    is_news = rollout.reason and find_condition(conditions, "Progressing") is None
    if is_news or rollout.reason == "created":
        conditions = set_condition(conditions, _news(rollout, now))
    status = _with(status, conditions)
    if not deployment.spec.paused:
        status = _with(status, _progress(rollout, status, now))
    return _with(status, _replica_failure(status.conditions, rollout))


def _with(status: DeploymentStatus, conditions: tuple[Condition, ...]) -> DeploymentStatus:
    return msgspec.structs.replace(status, conditions=conditions)


def _counts(rollout: Rollout, now: float) -> DeploymentStatus:
    deployment, sets = rollout.deployment, rollout.all
    available = sum(one.status.available_replicas for one in sets)
    conditions = set_condition(deployment.status.conditions, _availability(deployment, available, now))
    return DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=sum(one.status.replicas for one in sets),
        updated_replicas=rollout.new.status.replicas if rollout.new is not None else 0,
        ready_replicas=sum(one.status.ready_replicas for one in sets),
        available_replicas=available,
        unavailable_replicas=max(spec_replicas(sets) - available, 0),
        terminating_replicas=sum(one.status.terminating_replicas or 0 for one in sets),
        conditions=conditions,
        collision_count=deployment.status.collision_count,
    )


def _availability(deployment: Deployment, available: int, now: float) -> Condition:
    if available >= deployment.spec.replicas - max_unavailable(deployment):
        return condition("Available", "True", "MinimumReplicasAvailable", _AVAILABLE, now)
    return condition("Available", "False", "MinimumReplicasUnavailable", _UNAVAILABLE, now)


_AVAILABLE = "Deployment has minimum availability."
_UNAVAILABLE = "Deployment does not have minimum availability."


def condition(type_: str, status: str, reason: str, message: str, now: float) -> Condition:
    time = format_time(now)
    return Condition(
        type=type_, status=status, reason=reason, message=message, last_transition_time=time, last_update_time=time
    )


def _news(rollout: Rollout, now: float) -> Condition:
    reason, message = NEWS[rollout.reason]
    assert rollout.new is not None
    return condition("Progressing", "True", reason, message.format(rollout.new.name), now)


# --- progress --------------------------------------------------------------------------------------------------------


def _progress(rollout: Rollout, status: DeploymentStatus, now: float) -> tuple[Condition, ...]:
    """Complete, progressing, timed out, or as before."""
    deployment = rollout.deployment
    current = find_condition(status.conditions, "Progressing")
    done_before = current is not None and current.reason == COMPLETE and status.replicas == status.updated_replicas
    if done_before:
        return status.conditions
    who = f'ReplicaSet "{rollout.new.name}"' if rollout.new is not None else f'Deployment "{deployment.name}"'
    if is_complete(deployment, status):
        done = condition("Progressing", "True", COMPLETE, f"{who} has successfully progressed.", now)
        return set_condition(status.conditions, done)
    if _progressed(deployment.status, status):
        moving = condition("Progressing", "True", "ReplicaSetUpdated", f"{who} is progressing.", now)
        if current is not None and current.status == "True":
            moving = msgspec.structs.replace(moving, last_transition_time=current.last_transition_time)
        return (*remove_condition(status.conditions, "Progressing"), moving)
    if timed_out(deployment, current, now):
        late = condition("Progressing", "False", TIMED_OUT, f"{who} has timed out progressing.", now)
        return set_condition(status.conditions, late)
    return status.conditions


def _progressed(before: DeploymentStatus, after: DeploymentStatus) -> bool:
    return (
        after.updated_replicas > before.updated_replicas
        or after.replicas - after.updated_replicas < before.replicas - before.updated_replicas
        or after.ready_replicas > before.ready_replicas
        or after.available_replicas > before.available_replicas
    )


def timed_out(deployment: Deployment, progressing: Condition | None, now: float) -> bool:
    if progressing is None or progressing.reason == COMPLETE:
        return False
    if progressing.reason == TIMED_OUT:
        return True
    return now > _deadline(deployment, progressing)


def _deadline(deployment: Deployment, progressing: Condition) -> float:
    since = parse_time(progressing.last_update_time) if progressing.last_update_time else 0.0
    return since + (deployment.spec.progress_deadline_seconds or 0)


def deadline_in(deployment: Deployment, status: DeploymentStatus, now: float) -> float | None:
    """Seconds until a rollout that does not move is to be looked at again; None if that is not needed."""
    progressing = find_condition(status.conditions, "Progressing")
    if not has_deadline(deployment) or deployment.spec.paused or progressing is None:
        return None
    if is_complete(deployment, status) or progressing.reason in (TIMED_OUT, COMPLETE):
        return None
    return max(_deadline(deployment, progressing) - now, 0.0) + 1.0


# --- pauses and failures ---------------------------------------------------------------------------------------------


def _paused_or_resumed(deployment: Deployment, conditions: tuple[Condition, ...], now: float) -> tuple[Condition, ...]:
    """What pausing or resuming does to Progressing: the clock of the deadline stands still, then starts anew."""
    current = find_condition(conditions, "Progressing")
    if current is not None and current.reason == TIMED_OUT:
        return conditions
    was_paused = current is not None and current.reason == PAUSED
    if deployment.spec.paused and not was_paused:
        return set_condition(conditions, condition("Progressing", "Unknown", PAUSED, "Deployment is paused", now))
    if not deployment.spec.paused and was_paused:
        resumed = condition("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now)
        return set_condition(conditions, resumed)
    return conditions


def _replica_failure(conditions: tuple[Condition, ...], rollout: Rollout) -> tuple[Condition, ...]:
    """The new ReplicaSet's failure, or else that of the oldest that has one."""
    failure = _failure_of([rollout.new] if rollout.new is not None else []) or _failure_of(by_age(rollout.old))
    if failure is None:
        return remove_condition(conditions, "ReplicaFailure")
    return set_condition(conditions, msgspec.structs.replace(failure, last_update_time=failure.last_transition_time))


def _failure_of(sets: Sequence[ReplicaSet]) -> Condition | None:
    found = (find_condition(one.status.conditions, "ReplicaFailure") for one in sets)
    return next((one for one in found if one is not None and one.status == "True"), None)
