"""DaemonSets: a pod per node."""

from __future__ import annotations

from apiserver.registry.apps.deployment import is_zero
from apiserver.registry.checks import JSON, Errors, enum, int_or_percent, invalid, non_negative, unchanged
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.core.workload import validate_selected_template
from apiserver.registry.strategy import Context, Strategy

STATUS = ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")


class DaemonSetStrategy(Strategy):
    tracks_generation = True

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        if spec.get("revisionHistoryLimit") is None:
            spec["revisionHistoryLimit"] = 10
        strategy = spec["updateStrategy"] = spec.get("updateStrategy") or {}
        if not strategy.get("type"):
            strategy["type"] = "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            rolling = strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
            for key, value in (("maxUnavailable", 1), ("maxSurge", 0)):
                if rolling.get(key) is None:
                    rolling[key] = value
        default_template(spec.get("template"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = dict.fromkeys(STATUS, 0)

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = validate_selected_template(spec, "daemonset")
        for field in ("minReadySeconds", "revisionHistoryLimit"):
            errors += non_negative(f"spec.{field}", spec.get(field))
        strategy = spec.get("updateStrategy") or {}
        errors += enum("spec.updateStrategy.type", strategy.get("type"), ("RollingUpdate", "OnDelete"))
        if strategy.get("type") == "RollingUpdate":
            errors += _rolling("spec.updateStrategy.rollingUpdate", strategy.get("rollingUpdate") or {})
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return self.validate(new) + unchanged("spec.selector", old["spec"].get("selector"), new["spec"].get("selector"))


def _rolling(path: str, rolling: JSON) -> Errors:
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    errors = int_or_percent(f"{path}.maxUnavailable", unavailable) + int_or_percent(f"{path}.maxSurge", surge)
    if not is_zero(unavailable) and not is_zero(surge):
        errors.append(invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    elif is_zero(unavailable) and is_zero(surge):
        errors.append(invalid(f"{path}.maxUnavailable", unavailable, "cannot be 0 when maxSurge is 0"))
    return errors
