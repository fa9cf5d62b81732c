"""Validation of what every object has: its metadata.

Wording and order: `k8s.io/apimachinery/pkg/api/validation`. What comes back is a list of field errors; an empty one
means valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apimachinery import names
from apimachinery.errors import FieldError
from apimachinery.names import NameRule

JSON = dict[str, Any]

ANNOTATIONS_MAX_BYTES: Final = 256 * 1024
"""Keys and values together."""
FIELD_MANAGER_MAX: Final = 128
IMMUTABLE: Final = "field is immutable"

_STANDARD_FINALIZERS: Final = frozenset(("kubernetes", "orphan", "foregroundDeletion"))


def validate_object_meta(
    meta: JSON,
    namespaced: bool,
    path: str = "metadata",
    name_rule: NameRule = names.dns1123_subdomain,
) -> list[FieldError]:
    """An object's metadata as it is about to be stored, its name already generated."""
    errors = _validate_name(meta, path, name_rule)
    errors += _validate_namespace(meta, namespaced, path)
    if (meta.get("generation") or 0) < 0:
        errors.append(_invalid(f"{path}.generation", meta["generation"], "must be greater than or equal to 0"))
    errors += validate_labels(meta.get("labels"), f"{path}.labels")
    errors += validate_annotations(meta.get("annotations"), f"{path}.annotations")
    errors += _validate_owners(meta.get("ownerReferences") or [], f"{path}.ownerReferences")
    errors += validate_finalizers(meta.get("finalizers"), f"{path}.finalizers")
    return errors + _validate_managed_fields(meta.get("managedFields") or [], f"{path}.managedFields")


def validate_object_meta_update(new: JSON, old: JSON, path: str = "metadata") -> list[FieldError]:
    """What must not change, on metadata that the caller has already filled in from the old where it was left out."""
    errors: list[FieldError] = []
    added = [name for name in new.get("finalizers") or [] if name not in (old.get("finalizers") or [])]
    if old.get("deletionTimestamp") and added:
        listed = ", ".join(f'"{name}"' for name in added)
        detail = (
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{"
            + listed
            + "}"
        )
        errors.append(FieldError("forbidden", f"{path}.finalizers", detail))
    if not new.get("resourceVersion"):
        detail = "must be specified for an update"
        errors.append(_invalid(f"{path}.resourceVersion", new.get("resourceVersion") or "", detail))
    if (new.get("generation") or 0) < (old.get("generation") or 0):
        errors.append(_invalid(f"{path}.generation", new.get("generation") or 0, "must not be decremented"))
    for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        errors += validate_immutable(new.get(field), old.get(field), f"{path}.{field}")
    return errors


def validate_immutable(new: Any, old: Any, path: str) -> list[FieldError]:
    """A field that keeps the value it was created with. Absent and empty are the same."""
    return [] if (new or None) == (old or None) else [_invalid(path, new, IMMUTABLE)]


def validate_labels(labels: Mapping[str, Any] | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for key, value in (labels or {}).items():
        errors += [_invalid(path, key, message) for message in names.qualified_name(key)]
        errors += [_invalid(path, value, message) for message in names.label_value(value)]
    return errors


def validate_annotations(annotations: Mapping[str, Any] | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    size = 0
    for key, value in (annotations or {}).items():
        # Prefixes of annotations were never as strict as labels': capitals are let through.
        errors += [_invalid(path, key, message) for message in names.qualified_name(key.lower())]
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_MAX_BYTES:
        errors.append(FieldError("too_long", path, f"may not be more than {ANNOTATIONS_MAX_BYTES} bytes"))
    return errors


def validate_finalizers(finalizers: list[str] | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in finalizers or ():
        errors += [_invalid(path, name, message) for message in names.qualified_name(name)]
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            errors.append(_invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified"))
    both = {"orphan", "foregroundDeletion"}
    if both <= set(finalizers or ()):
        detail = "finalizer foregroundDeletion and orphan cannot be both set"
        errors.append(_invalid(path, list(finalizers or ()), detail))
    return errors


def validate_field_manager(manager: str, path: str = "fieldManager") -> list[FieldError]:
    """A field manager's name: at most 128 printable characters."""
    if len(manager) > FIELD_MANAGER_MAX:
        return [FieldError("too_long", path, f"may not be more than {FIELD_MANAGER_MAX} bytes")]
    if manager.isprintable():
        return []
    shown = next(index for index, character in enumerate(manager) if not character.isprintable())
    return [_invalid(path, manager, f"should only contain printable characters (at position {shown})")]


def _invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError("invalid", path, detail, value)


def _validate_name(meta: JSON, path: str, name_rule: NameRule) -> list[FieldError]:
    errors: list[FieldError] = []
    base, name = meta.get("generateName") or "", meta.get("name") or ""
    if base:
        # A base may end in a dash or dot, since more follows; a letter stands in for it.
        tried = f"{base[:-1]}a" if base[-1] in "-." else base
        errors += [_invalid(f"{path}.generateName", base, message) for message in name_rule(tried)]
    if not name:
        return [*errors, FieldError("required", f"{path}.name", "name or generateName is required")]
    return errors + [_invalid(f"{path}.name", name, message) for message in name_rule(name)]


def _validate_namespace(meta: JSON, namespaced: bool, path: str) -> list[FieldError]:
    namespace = meta.get("namespace") or ""
    if not namespaced:
        return [FieldError("forbidden", f"{path}.namespace", "not allowed on this type")] if namespace else []
    if not namespace:
        return [FieldError("required", f"{path}.namespace")]
    return [_invalid(f"{path}.namespace", namespace, message) for message in names.dns1123_label(namespace)]


def _validate_owners(owners: list[JSON], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    controllers: list[str] = []
    for owner in owners:
        api_version = owner.get("apiVersion") or ""
        if not api_version.rpartition("/")[2]:
            errors.append(_invalid(f"{path}.apiVersion", api_version, "version must not be empty"))
        errors += [
            _invalid(f"{path}.{field}", owner.get(field) or "", "must not be empty")
            for field in ("kind", "name", "uid")
            if not owner.get(field)
        ]
        if owner.get("controller"):
            controllers.append(owner.get("name") or "")
    if len(controllers) > 1:
        detail = (
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{controllers[0]} and {controllers[1]}"
        )
        errors.append(_invalid(path, owners, detail))
    return errors


def _validate_managed_fields(entries: list[JSON], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, entry in enumerate(entries):
        where = f"{path}[{index}]"
        if entry.get("operation") not in ("Apply", "Update"):
            detail = "must be `Apply` or `Update`"
            errors.append(_invalid(f"{where}.operation", entry.get("operation") or "", detail))
        if entry.get("fieldsType") not in (None, "", "FieldsV1"):
            errors.append(_invalid(f"{where}.fieldsType", entry["fieldsType"], "must be `FieldsV1`"))
        errors += validate_field_manager(entry.get("manager") or "", f"{where}.manager")
    return errors
