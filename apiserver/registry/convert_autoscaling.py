"""HorizontalPodAutoscaler: autoscaling/v2 as stored, v1 as `kubectl autoscale` sends it.

v1 knows only CPU utilisation; what it cannot say travels in annotations, as upstream does it, so nothing is lost when a
client reads and writes through v1.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from apiserver.registry.request import JSON

_METRICS: Final = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOR: Final = "autoscaling.alpha.kubernetes.io/behavior"
_CURRENT: Final = "autoscaling.alpha.kubernetes.io/current-metrics"
_CONDITIONS: Final = "autoscaling.alpha.kubernetes.io/conditions"
_ANNOTATIONS: Final = (_METRICS, _BEHAVIOR, _CURRENT, _CONDITIONS)


def hpa_to_v1(obj: JSON) -> JSON:
    spec, status = dict(obj.get("spec", {})), dict(obj.get("status", {}))
    hidden: dict[str, Any] = {}
    cpu, others = _split(spec.pop("metrics", []), "target")
    if cpu is not None:
        spec["targetCPUUtilizationPercentage"] = cpu
    hidden[_METRICS], hidden[_BEHAVIOR] = others, spec.pop("behavior", None)
    current_cpu, hidden[_CURRENT] = _split(status.pop("currentMetrics", []), "current")
    if current_cpu is not None:
        status["currentCPUUtilizationPercentage"] = current_cpu
    hidden[_CONDITIONS] = status.pop("conditions", None)
    metadata = dict(obj["metadata"])
    annotations = dict(metadata.get("annotations", {}))
    annotations.update({name: orjson.dumps(value).decode() for name, value in hidden.items() if value})
    if annotations:
        metadata["annotations"] = annotations
    return _put_together(obj, metadata, spec, status)


def hpa_from_v1(obj: JSON) -> JSON:
    spec, status = dict(obj.get("spec", {})), dict(obj.get("status", {}))
    metadata = dict(obj["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    hidden = {name: orjson.loads(annotations.pop(name)) for name in _ANNOTATIONS if name in annotations}
    if annotations or "annotations" in metadata:
        metadata["annotations"] = annotations
    metrics = _joined(spec.pop("targetCPUUtilizationPercentage", None), hidden.get(_METRICS, []), "target")
    current = _joined(status.pop("currentCPUUtilizationPercentage", None), hidden.get(_CURRENT, []), "current")
    if metrics:
        spec["metrics"] = metrics
    if hidden.get(_BEHAVIOR):
        spec["behavior"] = hidden[_BEHAVIOR]
    if current:
        status["currentMetrics"] = current
    if hidden.get(_CONDITIONS):
        status["conditions"] = hidden[_CONDITIONS]
    return _put_together(obj, metadata, spec, status)


def _put_together(obj: JSON, metadata: JSON, spec: JSON, status: JSON) -> JSON:
    result = {**obj, "metadata": metadata, "spec": spec}
    if status or "status" in obj:
        result["status"] = status
    return result


def _split(metrics: list[JSON] | None, side: str) -> tuple[int | None, list[JSON]]:
    """The CPU utilisation in percent, if there is one, and all other metrics."""
    cpu: int | None = None
    others = []
    for metric in metrics or []:
        resource = metric.get("resource", {})
        percent = resource.get(side, {}).get("averageUtilization")
        if cpu is None and metric.get("type") == "Resource" and resource.get("name") == "cpu" and percent is not None:
            cpu = percent
        else:
            others.append(metric)
    return cpu, others


def _joined(percent: int | None, others: list[JSON], side: str) -> list[JSON]:
    if percent is None:
        return others
    value: JSON = {"averageUtilization": percent}
    if side == "target":
        value["type"] = "Utilization"
    return [*others, {"type": "Resource", "resource": {"name": "cpu", side: value}}]
