"""PodDisruptionBudgets: how many pods may be evicted at once."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, at_most_all, enum, int_or_percent, invalid, label_selector
from apiserver.registry.strategy import Context, Strategy

STATUS = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")


class PodDisruptionBudgetStrategy(Strategy):
    tracks_generation = True
    allow_unconditional_update = False

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = dict.fromkeys(STATUS, 0)

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        errors: Errors = []
        if least is not None and most is not None:
            errors.append(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
        for field, value in (("minAvailable", least), ("maxUnavailable", most)):
            if value is not None:
                errors += int_or_percent(f"spec.{field}", value) + at_most_all(f"spec.{field}", value)
        policy = spec.get("unhealthyPodEvictionPolicy")
        allowed = ("AlwaysAllow", "IfHealthyBudget")
        errors += enum("spec.unhealthyPodEvictionPolicy", policy, allowed, needed=False)
        return errors + label_selector("spec.selector", spec.get("selector"))
