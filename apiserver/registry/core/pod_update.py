"""What may change in a pod that exists: little, through the pod itself or through its subresources."""

from __future__ import annotations

import copy
from typing import Any, Final

from apimachinery import quantity
from apiserver.registry.checks import JSON, Errors, forbidden, invalid
from apiserver.registry.core.pod_defaults import CONTAINER_LISTS
from apiserver.registry.core.pod_resources import qos_class
from apiserver.registry.core.pod_validation import validate_ephemeral

SPEC_FROZEN: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_GATED: Final = ("nodeSelector", "affinity")
"""May still be tightened while the pod is held back by a scheduling gate (KEP-3838)."""


def validate_spec_update(old: JSON, new: JSON) -> Errors:
    """Errors of an update through the pod resource itself."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    errors: Errors = []
    for name in ("containers", "initContainers"):
        if len(before.get(name) or ()) != len(after.get(name) or ()):
            return [forbidden(f"spec.{name}", "pod updates may not add or remove containers")]
    errors += _deadline(before, after) + _tolerations(before, after) + _gates(before, after)
    munged = _with_changeable(before, after)
    if munged != before:
        errors.append(forbidden("spec", f"{SPEC_FROZEN}\n{_difference(before, munged)}"))
    return errors


def _with_changeable(before: JSON, after: JSON) -> JSON:
    """`after` with all that may change put back to what it was."""
    munged = dict(after)
    for name in ("containers", "initContainers"):
        if after.get(name) is not None:
            munged[name] = [
                {**mine, "image": was.get("image")}
                for mine, was in zip(after[name], before.get(name) or (), strict=True)
            ]
    changeable = ["activeDeadlineSeconds", "tolerations", "schedulingGates"]
    if before.get("terminationGracePeriodSeconds", 0) < 0 and after.get("terminationGracePeriodSeconds") == 1:
        changeable.append("terminationGracePeriodSeconds")
    if before.get("schedulingGates"):
        changeable += _GATED
    for key in changeable:
        munged.pop(key, None)
        if key in before:
            munged[key] = before[key]
    return munged


def _difference(before: JSON, after: JSON) -> str:
    """The fields that differ, one pair of lines each."""
    lines: list[str] = []
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            lines += [f"- {key}: {before.get(key)!r}"] if key in before else []
            lines += [f"+ {key}: {after.get(key)!r}"] if key in after else []
    return "\n".join(lines)


def _deadline(before: JSON, after: JSON) -> Errors:
    was, now = before.get("activeDeadlineSeconds"), after.get("activeDeadlineSeconds")
    if was is None:
        return []
    if now is None:
        return [invalid("spec.activeDeadlineSeconds", None, "must not update from a positive integer to nil value")]
    if now > was:
        return [invalid("spec.activeDeadlineSeconds", now, "must be less than or equal to previous value")]
    return []


def _tolerations(before: JSON, after: JSON) -> Errors:
    kept = [_without_seconds(toleration) for toleration in after.get("tolerations") or ()]
    if all(_without_seconds(toleration) in kept for toleration in before.get("tolerations") or ()):
        return []
    why = "existing toleration can not be modified except its tolerationSeconds"
    return [forbidden("spec.tolerations", why)]


def _without_seconds(toleration: JSON) -> JSON:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _gates(before: JSON, after: JSON) -> Errors:
    was = [gate.get("name") for gate in before.get("schedulingGates") or ()]
    added = sorted({str(gate.get("name")) for gate in after.get("schedulingGates") or ()} - {str(one) for one in was})
    if not added:
        return []
    why = f"only deletion is allowed, but found new scheduling gates '{', '.join(added)}'"
    return [forbidden("spec.schedulingGates", why)]


def validate_ephemeral_update(old: JSON, new: JSON) -> Errors:
    """`pods/ephemeralcontainers`: containers may be added, never changed or removed."""
    spec = new.get("spec") or {}
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    errors = validate_ephemeral("spec", spec, volumes)
    now = {container.get("name"): container for container in spec.get("ephemeralContainers") or ()}
    for container in (old.get("spec") or {}).get("ephemeralContainers") or ():
        name = container.get("name")
        if name not in now:
            errors.append(
                forbidden("spec.ephemeralContainers", f'existing ephemeral containers "{name}" may not be removed')
            )
        elif now[name] != container:
            errors.append(
                forbidden("spec.ephemeralContainers", f'existing ephemeral containers "{name}" may not be changed')
            )
    return errors


_RESIZABLE: Final = frozenset(("cpu", "memory"))


def validate_resize(old: JSON, new: JSON) -> Errors:
    """`pods/resize` (KEP-1287): cpu and memory of containers, within the pod's quality-of-service class."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    errors: Errors = []
    if qos_class(before) != qos_class(after):
        errors.append(invalid("spec", qos_class(after), "Pod QOS Class may not change as a result of resizing"))
    for name in ("containers", "initContainers"):
        for index, (was, now) in enumerate(zip(before.get(name) or (), after.get(name) or (), strict=False)):
            errors += _resources_resized(f"spec.{name}[{index}].resources", was.get("resources"), now.get("resources"))
    if _without_resources(before) != _without_resources(after):
        errors.append(forbidden("spec", "only cpu and memory resources are mutable"))
    return errors


def _resources_resized(path: str, old: JSON | None, new: JSON | None) -> Errors:
    errors: Errors = []
    for kind in ("requests", "limits"):
        was, now = (old or {}).get(kind) or {}, (new or {}).get(kind) or {}
        if any(not _same(was.get(name), now.get(name)) for name in {*was, *now} - _RESIZABLE):
            errors.append(forbidden(f"{path}.{kind}", "only cpu and memory resources are mutable"))
        if set(was) - set(now):
            errors.append(forbidden(f"{path}.{kind}", f"resource {kind} cannot be removed"))
    return errors


def _same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    return quantity.parse(left).value == quantity.parse(right).value


def _without_resources(spec: JSON) -> JSON:
    bare = copy.deepcopy(spec)
    for name in CONTAINER_LISTS:
        for container in bare.get(name) or ():
            container.pop("resources", None)
    bare.pop("resources", None)
    return bare
