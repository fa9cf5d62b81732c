"""CSI drivers, their nodes, and volume attachments."""

from __future__ import annotations

from typing import Final

from apiserver.registry.checks import JSON, Errors, enum, invalid, required, unchanged
from apiserver.registry.strategy import Context, Strategy

_DRIVER: Final[JSON] = {
    "attachRequired": True,
    "podInfoOnMount": False,
    "storageCapacity": False,
    "requiresRepublish": False,
    "seLinuxMount": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
}
_FROZEN: Final = ("attachRequired", "volumeLifecycleModes")


class CSIDriverStrategy(Strategy):
    tracks_generation = True

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        for key, value in _DRIVER.items():
            if spec.get(key) is None:
                spec[key] = value
        if not spec.get("volumeLifecycleModes"):
            spec["volumeLifecycleModes"] = ["Persistent"]

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        policies = ("File", "None", "ReadWriteOnceWithFSType")
        errors = enum("spec.fsGroupPolicy", spec.get("fsGroupPolicy"), policies)
        for index, mode in enumerate(spec.get("volumeLifecycleModes") or ()):
            errors += enum(f"spec.volumeLifecycleModes[{index}]", mode, ("Ephemeral", "Persistent"))
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = old["spec"], new["spec"]
        errors = self.validate(new)
        for field in _FROZEN:
            errors += unchanged(f"spec.{field}", was.get(field), now.get(field))
        return errors


class CSINodeStrategy(Strategy):
    def validate(self, obj: JSON) -> Errors:
        errors: Errors = []
        seen: set[str] = set()
        for index, driver in enumerate((obj.get("spec") or {}).get("drivers") or ()):
            at = f"spec.drivers[{index}]"
            name = driver.get("name") or ""
            errors += [] if name else [required(f"{at}.name")]
            errors += [] if driver.get("nodeID") else [required(f"{at}.nodeID")]
            if name in seen:
                errors.append(invalid(f"{at}.name", name, "must be unique"))
            seen.add(name)
        return errors


class VolumeAttachmentStrategy(Strategy):
    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"attached": False}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = [required(f"spec.{field}") for field in ("attacher", "nodeName") if not spec.get(field)]
        source = spec.get("source") or {}
        if not source.get("persistentVolumeName") and source.get("inlineVolumeSpec") is None:
            errors.append(
                required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
            )
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return unchanged("spec", old.get("spec"), new.get("spec"))
