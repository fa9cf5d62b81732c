"""What a deletion does to an object: pure decisions. Source: API concepts, "Resource deletion"; GC's finalizers."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, NamedTuple

from apimachinery.errors import FieldError, bad_request, conflict, invalid
from apimachinery.timestamps import format_time, parse_time
from apiserver.registry.request import JSON
from apiserver.registry.resource import Resource
from apiserver.registry.strategy import Context

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
_POLICIES: Final = ("Orphan", "Background", "Foreground")


class Action(Enum):
    REMOVE = "remove"
    MARK = "mark"
    """Store it with its new deletion marks; somebody else must finish."""
    WAIT = "wait"
    """It is being deleted already, and this request changes nothing."""


class Options(NamedTuple):
    """DeleteOptions, checked."""

    grace_seconds: int | None = None
    policy: str = ""
    uid: str = ""
    resource_version: str = ""


class Plan(NamedTuple):
    action: Action
    object: JSON


def options_of(body: JSON | None) -> Options:
    """Raises ApiError 400 and 422."""
    body = body or {}
    grace, policy, orphan = body.get("gracePeriodSeconds"), body.get("propagationPolicy"), body.get("orphanDependents")
    preconditions = body.get("preconditions") or {}
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool)):
        raise bad_request("gracePeriodSeconds: an integer is expected")
    if policy is not None and orphan is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        raise _invalid(FieldError("invalid", "propagationPolicy", detail, policy))
    if policy is not None and policy not in _POLICIES:
        detail = f"supported values: {', '.join(_quoted(one) for one in _POLICIES)}"
        raise _invalid(FieldError("not_supported", "propagationPolicy", detail, policy))
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    grace = 1 if grace is not None and grace < 0 else grace
    return Options(grace, policy or "", preconditions.get("uid") or "", preconditions.get("resourceVersion") or "")


def check_preconditions(resource: Resource, obj: JSON, revision: int, options: Options) -> None:
    """Raises ApiError 409."""
    metadata = obj["metadata"]
    pairs = (("UID", options.uid, metadata["uid"]), ("ResourceVersion", options.resource_version, str(revision)))
    for what, wanted, found in pairs:
        if wanted and wanted != found:
            why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
            raise conflict(resource.group, resource.name, metadata["name"], why)


def plan_deletion(resource: Resource, ctx: Context, obj: JSON, options: Options) -> Plan:
    """`obj` is a copy that this may change."""
    metadata = obj["metadata"]
    before = dict(metadata)
    _set_finalizers(metadata, options.policy)
    first = not metadata.get("deletionTimestamp")
    if first:
        grace = resource.strategy.check_graceful_delete(ctx, obj, options.grace_seconds)
        _mark(metadata, ctx.now, grace)
        resource.strategy.prepare_for_deletion(ctx, obj)
    elif options.grace_seconds is not None:
        _shorten(metadata, options.grace_seconds)
    if is_finished(resource, obj):
        return Plan(Action.REMOVE, obj)
    return Plan(Action.MARK if first or metadata != before else Action.WAIT, obj)


def is_finished(resource: Resource, obj: JSON) -> bool:
    """Whether an object that is marked as deleted has nothing left to wait for."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds") and not resource.strategy.deletion_finalizers(obj)


def _set_finalizers(metadata: JSON, policy: str) -> None:
    """The garbage collector's instructions are finalizers. No policy leaves those that are there."""
    if not policy:
        return
    kept: list[Any] = [one for one in metadata.get("finalizers") or [] if one not in (ORPHAN, FOREGROUND)]
    kept += {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])
    if kept:
        metadata["finalizers"] = kept
    else:
        metadata.pop("finalizers", None)


def _mark(metadata: JSON, now: float, grace: int) -> None:
    metadata["deletionTimestamp"] = format_time(now + grace)
    metadata["deletionGracePeriodSeconds"] = grace
    if metadata.get("generation"):
        metadata["generation"] += 1


def _shorten(metadata: JSON, grace: int) -> None:
    """Only a shorter grace than the first is taken."""
    present = metadata.get("deletionGracePeriodSeconds") or 0
    if grace >= present:
        return
    began = parse_time(metadata["deletionTimestamp"]) - present
    metadata["deletionTimestamp"] = format_time(began + grace)
    metadata["deletionGracePeriodSeconds"] = grace


def _quoted(text: str) -> str:
    return f'"{text}"'


def _invalid(error: FieldError) -> Exception:
    return invalid("meta.k8s.io", "DeleteOptions", "", [error])
