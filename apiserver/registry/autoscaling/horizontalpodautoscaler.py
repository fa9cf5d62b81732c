"""HorizontalPodAutoscalers, as stored in autoscaling/v2."""

from __future__ import annotations

from typing import Final

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, enum, invalid, named, required
from apiserver.registry.strategy import Context, Strategy

TARGET_PERCENT: Final = 80
_KINDS: Final = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_SCALE_UP: Final[JSON] = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_SCALE_DOWN: Final[JSON] = {
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}


class HorizontalPodAutoscalerStrategy(Strategy):
    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        if spec.get("minReplicas") is None:
            spec["minReplicas"] = 1
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": TARGET_PERCENT}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        behavior = spec.get("behavior")
        if behavior is not None:
            for direction, fallback in (("scaleUp", _SCALE_UP), ("scaleDown", _SCALE_DOWN)):
                rules = behavior.setdefault(direction, {})
                for key, value in fallback.items():
                    if rules.get(key) is None:
                        rules[key] = [dict(one) for one in value] if isinstance(value, list) else value

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"currentMetrics": None, "desiredReplicas": 0}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
        errors: Errors = []
        if least is not None and least < 1:
            errors.append(invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
        if most < 1:
            errors.append(invalid("spec.maxReplicas", most, "must be greater than 0"))
        if least is not None and most < least:
            errors.append(invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
        target = spec.get("scaleTargetRef") or {}
        for field in ("kind", "name"):
            errors += named(f"spec.scaleTargetRef.{field}", target.get(field), names.path_segment)
        for index, metric in enumerate(spec.get("metrics") or ()):
            errors += _metric(f"spec.metrics[{index}]", metric)
        return errors


def _metric(path: str, metric: JSON) -> Errors:
    kind = metric.get("type") or ""
    errors = enum(f"{path}.type", kind, tuple(_KINDS))
    if errors:
        return errors
    source = metric.get(_KINDS[kind])
    if source is None:
        why = "must populate information for the given metric source"
        return [required(f"{path}.{_KINDS[kind]}", why)]
    target = source.get("target")
    if target is None:
        return [required(f"{path}.{_KINDS[kind]}.target", "must specify a metric target")]
    at = f"{path}.{_KINDS[kind]}.target"
    errors += enum(f"{at}.type", target.get("type"), ("AverageValue", "Utilization", "Value"))
    percent = target.get("averageUtilization")
    if percent is not None and percent < 1:
        errors.append(invalid(f"{at}.averageUtilization", percent, "must be greater than 0"))
    return errors
