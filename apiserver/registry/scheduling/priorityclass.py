"""PriorityClasses: names for numbers."""

from __future__ import annotations

from typing import Final

from apiserver.registry.checks import JSON, Errors, enum, forbidden
from apiserver.registry.strategy import Strategy

USER_MAX: Final = 1_000_000_000
SYSTEM: Final = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}


class PriorityClassStrategy(Strategy):
    tracks_generation = True

    def defaults(self, obj: JSON) -> None:
        if not obj.get("preemptionPolicy"):
            obj["preemptionPolicy"] = "PreemptLowerPriority"

    def validate(self, obj: JSON) -> Errors:
        name, value = obj["metadata"].get("name") or "", int(obj.get("value") or 0)
        errors: Errors = []
        if name.startswith("system-"):
            if SYSTEM.get(name) != value:
                why = "priority class names with 'system-' prefix are reserved for system use only. error:"
                errors.append(forbidden("metadata.name", f"{why} {name} is not a known system priority class"))
        elif value > USER_MAX:
            errors.append(forbidden("value", f"maximum allowed value of a user defined priority is {USER_MAX}"))
        policies = ("Never", "PreemptLowerPriority")
        return errors + enum("preemptionPolicy", obj.get("preemptionPolicy"), policies)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        errors: Errors = []
        for field in ("value", "preemptionPolicy"):
            if (old.get(field) or 0) != (new.get(field) or 0):
                errors.append(forbidden(field, "may not be changed in an update."))
        return errors
