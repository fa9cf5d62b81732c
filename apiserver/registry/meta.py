"""Metadata: what the server fills in, what may change, what is wrong with it. The same for every kind."""

from __future__ import annotations

import uuid
from typing import Any, Final

from apimachinery import names
from apimachinery.errors import ApiError, FieldError, bad_request, conflict
from apimachinery.timestamps import format_time
from apiserver.registry import checks
from apiserver.registry.request import JSON
from apiserver.registry.resource import Resource

_SERVER_SET: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
    "managedFields",
)
_KEPT: Final = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
"""What an update takes from the old object, whatever the client sends."""


def place(obj: JSON, *, namespaced: bool, namespace: str, name: str) -> None:
    """Put the URL's namespace and name into the object. Raises ApiError 400 if it says otherwise."""
    metadata = obj.get("metadata")
    if metadata is None:
        metadata = obj["metadata"] = {}
    if not isinstance(metadata, dict):
        raise bad_request("metadata: must be an object")
    given = metadata.get("namespace") or ""
    if namespaced:
        if given and given != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = namespace
    elif given:
        raise bad_request("namespace may not be set on a cluster-scoped object")
    else:
        metadata.pop("namespace", None)
    if name:
        own = metadata.setdefault("name", name)
        if own != name:
            raise bad_request(f"the name of the object ({own}) does not match the name on the URL ({name})")


def fill(obj: JSON, resource: Resource, now: float) -> None:
    """Metadata of an object that is being created, its name aside."""
    metadata = obj["metadata"]
    if metadata.get("resourceVersion"):
        raise ApiError("", "resourceVersion should not be set on objects to be created", code=500)
    for field in (*_SERVER_SET, "resourceVersion"):
        metadata.pop(field, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = format_time(now)
    if resource.strategy.tracks_generation or not resource.builtin:
        metadata["generation"] = 1


def keep(old: JSON, new: JSON, resource: Resource) -> None:
    """Metadata of an object that is being updated. Raises ApiError 409 if it is another one of the same name."""
    before, after = old["metadata"], new["metadata"]
    uid = after.get("uid") or before["uid"]
    if uid != before["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before['uid']}"
        raise conflict(resource.group, resource.name, before["name"], why)
    for field in ("selfLink", "managedFields", *_KEPT):
        after.pop(field, None)
    after["uid"] = uid
    after.update({field: before[field] for field in _KEPT if field in before})


def drop_empty(obj: JSON) -> None:
    """Empty maps and lists of metadata are not there at all, as upstream leaves them out."""
    metadata = obj["metadata"]
    for field in [field for field, value in metadata.items() if value is None or value in ({}, [], "")]:
        del metadata[field]


def check(obj: JSON, resource: Resource) -> list[FieldError]:
    """Everything wrong with metadata, in upstream's order."""
    metadata = obj["metadata"]
    errors = _check_name(metadata, resource)
    if resource.namespaced and not metadata.get("namespace"):
        errors.append(checks.required("metadata.namespace"))
    errors += checks.labels("metadata.labels", metadata.get("labels"))
    errors += checks.annotations("metadata.annotations", metadata.get("annotations"))
    errors += _check_owners(metadata.get("ownerReferences") or [])
    errors += _check_finalizers(metadata.get("finalizers") or [])
    return errors


def check_update(old: JSON, new: JSON) -> list[FieldError]:
    """Rules of metadata between two revisions."""
    before, after = old["metadata"], new["metadata"]
    errors: list[FieldError] = []
    if before.get("deletionTimestamp"):
        added = [one for one in after.get("finalizers") or [] if one not in (before.get("finalizers") or [])]
        if added:
            shown = ", ".join(f'"{one}"' for one in added)
            detail = (
                "no new finalizers can be added if the object is being deleted, found new finalizers"
                f" []string{{{shown}}}"
            )
            errors.append(checks.forbidden("metadata.finalizers", detail))
    return errors


def _check_name(metadata: JSON, resource: Resource) -> list[FieldError]:
    name, base = metadata.get("name") or "", metadata.get("generateName") or ""
    errors = []
    if base:
        # A trailing dash is fine in a base: five characters follow it.
        messages = resource.strategy.name_errors(f"{base}a" if base.endswith("-") else base)
        errors += [checks.invalid("metadata.generateName", base, message) for message in messages]
    if not name:
        return [*errors, checks.required("metadata.name", "name or generateName is required")]
    return errors + [checks.invalid("metadata.name", name, message) for message in resource.strategy.name_errors(name)]


def _check_owners(owners: list[Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    controller: JSON | None = None
    for index, owner in enumerate(owners):
        path = f"metadata.ownerReferences[{index}]"
        errors += [
            checks.invalid(f"{path}.{field}", "", f"{text} must not be empty")
            for field, text in (("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid"))
            if not owner.get(field)
        ]
        if owner.get("controller"):
            if controller is not None:
                errors.append(_second_controller(owner, controller))
            controller = owner
    return errors


def _second_controller(owner: JSON, first: JSON) -> FieldError:
    detail = (
        'Only one reference can have Controller set to true. Found "true" in references for'
        f" {first.get('kind')}/{first.get('name')} and {owner.get('kind')}/{owner.get('name')}"
    )
    return checks.invalid("metadata.ownerReferences", owner.get("name"), detail)


def _check_finalizers(finalizers: list[Any]) -> list[FieldError]:
    errors = [
        checks.invalid("metadata.finalizers", one, message)
        for one in finalizers
        for message in names.qualified_name(one)
    ]
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        errors.append(checks.invalid("metadata.finalizers", str(finalizers), detail))
    return errors
