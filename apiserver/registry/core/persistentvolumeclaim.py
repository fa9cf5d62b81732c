"""PersistentVolumeClaims: a wish for storage. Once bound, only its size may grow."""

from __future__ import annotations

from typing import Final

from apimachinery import quantity
from apiserver.registry.checks import JSON, Errors, amount, enum, forbidden, invalid, label_selector, required
from apiserver.registry.core.canonical import canonicalize
from apiserver.registry.strategy import Context, Strategy

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
_SOURCE_KINDS: Final = ("PersistentVolumeClaim", "VolumeSnapshot")
FROZEN: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def default_claim_spec(spec: JSON) -> None:
    canonicalize(spec.get("resources"), "limits", "requests")
    if not spec.get("volumeMode"):
        spec["volumeMode"] = "Filesystem"
    # Either of the two may be written; both are shown.
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source and not reference:
        spec["dataSourceRef"] = dict(source)
    elif reference and not source and not reference.get("namespace") and reference.get("kind") in _SOURCE_KINDS:
        spec["dataSource"] = {key: value for key, value in reference.items() if key != "namespace"}


def validate_access_modes(path: str, modes: list[str] | None) -> Errors:
    if not modes:
        return [required(path, "at least 1 access mode is required")]
    errors = [error for mode in modes for error in enum(path, mode, ACCESS_MODES)]
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        errors.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def validate_claim_spec(path: str, spec: JSON) -> Errors:
    errors = validate_access_modes(f"{path}.accessModes", spec.get("accessModes"))
    errors += label_selector(f"{path}.selector", spec.get("selector"))
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    at = f"{path}.resources[storage]"
    if storage is None:
        errors.append(required(at))
    else:
        wrong = amount(at, storage)
        if not wrong and not quantity.parse(storage):
            wrong = [invalid(at, str(storage), "must be greater than zero")]
        errors += wrong
    return errors + enum(f"{path}.volumeMode", spec.get("volumeMode"), VOLUME_MODES, needed=False)


class PersistentVolumeClaimStrategy(Strategy):
    status_metadata = frozenset(("labels", "annotations", "finalizers"))

    def defaults(self, obj: JSON) -> None:
        default_claim_spec(obj.setdefault("spec", {}))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"phase": "Pending"}

    def validate(self, obj: JSON) -> Errors:
        return validate_claim_spec("spec", obj.get("spec") or {})

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = (claim.get("spec") or {} for claim in (old, new))
        bound = (old.get("status") or {}).get("phase") == "Bound"
        changeable = {"volumeAttributesClassName", "resources"} if bound else set()
        # The binder fills in the volume, and the default class where none was named, exactly once.
        changeable |= {key for key in ("volumeName", "storageClassName") if not was.get(key)}
        changed = {key for key in {*was, *now} if was.get(key) != now.get(key)}
        if changed - changeable:
            return [forbidden("spec", FROZEN)]
        return self.validate(new) or _not_smaller(was, now, bound=bound)


def _not_smaller(was: JSON, now: JSON, *, bound: bool) -> Errors:
    before, after = (spec["resources"]["requests"]["storage"] for spec in (was, now))
    if bound and quantity.parse(after) < quantity.parse(before):
        return [forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]
    return []
