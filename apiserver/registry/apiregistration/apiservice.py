"""APIServices: group-versions, and who serves them."""

from __future__ import annotations

from apiserver.registry.admissionregistration.webhooks import default_service
from apiserver.registry.checks import JSON, Errors, forbidden, in_range, invalid, required
from apiserver.registry.strategy import Context, Strategy


class APIServiceStrategy(Strategy):
    allow_unconditional_update = False

    def defaults(self, obj: JSON) -> None:
        default_service((obj.get("spec") or {}).get("service"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}
        if (obj.get("spec") or {}).get("service") is None:
            local = {
                "type": "Available",
                "status": "True",
                "reason": "Local",
                "message": "Local APIServices are always available",
            }
            obj["status"]["conditions"] = [local]

    def validate(self, obj: JSON) -> Errors:
        spec, name = obj.get("spec") or {}, obj["metadata"].get("name") or ""
        group, version = spec.get("group") or "", spec.get("version") or ""
        errors: Errors = []
        if name != f"{version}.{group}":
            why = f'must be `spec.version+"."+spec.group`: "{version}.{group}"'
            errors.append(invalid("metadata.name", name, why))
        errors += [] if version else [required("spec.version")]
        errors += in_range("spec.groupPriorityMinimum", spec.get("groupPriorityMinimum"), 1, 20000)
        errors += in_range("spec.versionPriority", spec.get("versionPriority"), 1, 1000)
        service = spec.get("service")
        if service is None:
            if spec.get("caBundle"):
                errors.append(forbidden("spec.caBundle", "local APIServices may not have a caBundle"))
            return errors
        return errors + [required(f"spec.service.{key}") for key in ("namespace", "name") if not service.get(key)]
