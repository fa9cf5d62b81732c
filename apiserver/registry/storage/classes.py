"""Storage classes and volume attributes classes."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, enum, forbidden, required, unchanged
from apiserver.registry.strategy import Strategy


class StorageClassStrategy(Strategy):
    def defaults(self, obj: JSON) -> None:
        for key, value in (("reclaimPolicy", "Delete"), ("volumeBindingMode", "Immediate")):
            if not obj.get(key):
                obj[key] = value

    def validate(self, obj: JSON) -> Errors:
        errors = [] if obj.get("provisioner") else [required("provisioner")]
        errors += enum("reclaimPolicy", obj.get("reclaimPolicy"), ("Delete", "Retain"))
        modes = ("Immediate", "WaitForFirstConsumer")
        return errors + enum("volumeBindingMode", obj.get("volumeBindingMode"), modes)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        errors = self.validate(new)
        for field in ("parameters", "provisioner", "reclaimPolicy"):
            if (old.get(field) or None) != (new.get(field) or None):
                errors.append(forbidden(field, f"updates to {field} are forbidden."))
        return errors + unchanged("volumeBindingMode", old.get("volumeBindingMode"), new.get("volumeBindingMode"))


class VolumeAttributesClassStrategy(Strategy):
    def validate(self, obj: JSON) -> Errors:
        errors = [] if obj.get("driverName") else [required("driverName")]
        return (
            errors
            if obj.get("parameters")
            else [*errors, required("parameters", "must contain at least one key/value pair")]
        )

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        changed = [field for field in ("driverName", "parameters") if old.get(field) != new.get(field)]
        return self.validate(new) + [forbidden(field, f"updates to {field} are forbidden.") for field in changed]
