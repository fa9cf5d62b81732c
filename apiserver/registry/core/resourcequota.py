"""Resource quotas: hard limits on what a namespace may hold."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, amount, invalid, unchanged
from apiserver.registry.core.canonical import canonicalize
from apiserver.registry.strategy import Context, Strategy

SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)


class ResourceQuotaStrategy(Strategy):
    def defaults(self, obj: JSON) -> None:
        canonicalize(obj.get("spec"), "hard")

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors: Errors = []
        for name, value in (spec.get("hard") or {}).items():
            errors += amount(f"spec.hard[{name}]", value)
        for index, scope in enumerate(spec.get("scopes") or ()):
            if scope not in SCOPES:
                errors.append(invalid(f"spec.scopes[{index}]", scope, "unsupported scope"))
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = (quota.get("spec") or {} for quota in (old, new))
        return self.validate(new) + unchanged("spec.scopes", was.get("scopes"), now.get("scopes"))
