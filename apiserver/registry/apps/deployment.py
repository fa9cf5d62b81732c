"""Deployments: a ReplicaSet per template, rolled from one to the next."""

from __future__ import annotations

from apiserver.registry.checks import (
    JSON,
    Errors,
    at_most_all,
    enum,
    forbidden,
    int_or_percent,
    invalid,
    non_negative,
    percent_of,
    required,
    unchanged,
)
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.core.workload import validate_selected_template
from apiserver.registry.strategy import Context, Strategy

QUARTER = "25%"


class DeploymentStrategy(Strategy):
    tracks_generation = True

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        for key, value in (("replicas", 1), ("revisionHistoryLimit", 10), ("progressDeadlineSeconds", 600)):
            if spec.get(key) is None:
                spec[key] = value
        strategy = spec["strategy"] = spec.get("strategy") or {}
        if not strategy.get("type"):
            strategy["type"] = "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            rolling = strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
            for key in ("maxUnavailable", "maxSurge"):
                if rolling.get(key) is None:
                    rolling[key] = QUARTER
        default_template(spec.get("template"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = non_negative("spec.replicas", spec.get("replicas"))
        errors += validate_selected_template(spec)
        errors += _strategy("spec.strategy", spec.get("strategy") or {})
        for field in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
            errors += non_negative(f"spec.{field}", spec.get(field))
        deadline = spec.get("progressDeadlineSeconds")
        if deadline is not None and deadline <= (spec.get("minReadySeconds") or 0):
            errors.append(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return self.validate(new) + unchanged("spec.selector", old["spec"].get("selector"), new["spec"].get("selector"))


def _strategy(path: str, strategy: JSON) -> Errors:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate" and rolling is not None:
        return [forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")]
    if kind == "RollingUpdate":
        if rolling is None:
            return [required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")]
        return rolling_errors(f"{path}.rollingUpdate", rolling)
    return enum(f"{path}.type", kind, ("Recreate", "RollingUpdate"))


def rolling_errors(path: str, rolling: JSON) -> Errors:
    """How many pods may be missing or too many during an update; both 0 would never get anywhere."""
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    errors = int_or_percent(f"{path}.maxUnavailable", unavailable) + int_or_percent(f"{path}.maxSurge", surge)
    if is_zero(unavailable) and is_zero(surge):
        errors.append(invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    return errors + at_most_all(f"{path}.maxUnavailable", unavailable)


def is_zero(value: int | str | None) -> bool:
    return value in (None, 0) or percent_of(value) == 0
