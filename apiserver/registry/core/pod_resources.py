"""Sums over a pod's containers: what it asks for, its limits, and the quality-of-service class that follows.

Rule (KEP-753): a pod needs the larger of its running phase (ordinary plus sidecar containers) and any moment of its
initialisation (an init container plus the sidecars started before it), plus its overhead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apimachinery import quantity
from apimachinery.quantity import Quantity

JSON = dict[str, Any]
Amounts = dict[str, Quantity]


def amounts(given: Mapping[str, Any] | None) -> Amounts:
    return {name: quantity.parse(value) for name, value in (given or {}).items()}


def add(left: Amounts, right: Amounts) -> Amounts:
    """Sum by name."""
    total = dict(left)
    for name, value in right.items():
        total[name] = total[name] + value if name in total else value
    return total


def largest(left: Amounts, right: Amounts) -> Amounts:
    """Maximum by name."""
    top = dict(left)
    for name, value in right.items():
        if name not in top or top[name] < value:
            top[name] = value
    return top


def is_sidecar(container: JSON) -> bool:
    """An init container that keeps running beside the others (KEP-753)."""
    return container.get("restartPolicy") == "Always"


def pod_requests(spec: JSON) -> Amounts:
    return _total(spec, "requests")


def pod_limits(spec: JSON) -> Amounts:
    return _total(spec, "limits")


def _total(spec: JSON, kind: str) -> Amounts:
    running: Amounts = {}
    for container in spec.get("containers") or ():
        running = add(running, _of(container, kind))
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec.get("initContainers") or ():
        mine = _of(container, kind)
        if is_sidecar(container):
            sidecars = add(sidecars, mine)
            starting = largest(starting, sidecars)
        else:
            starting = largest(starting, add(sidecars, mine))
    total = largest(add(running, sidecars), starting)
    total |= amounts((spec.get("resources") or {}).get(kind))
    overhead = amounts(spec.get("overhead"))
    if kind == "limits":
        overhead = {name: value for name, value in overhead.items() if name in total}
    return add(total, overhead)


def _of(container: JSON, kind: str) -> Amounts:
    return amounts((container.get("resources") or {}).get(kind))


_QOS_RESOURCES = ("cpu", "memory")


def qos_class(spec: JSON) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`, from cpu and memory alone."""
    pod_level = spec.get("resources") or {}
    holders = [pod_level] if pod_level.get("requests") or pod_level.get("limits") else _container_resources(spec)
    asked = False
    guaranteed = bool(holders)
    for resources in holders:
        requests, limits = _positive(resources.get("requests")), _positive(resources.get("limits"))
        asked = asked or bool(requests or limits)
        guaranteed = guaranteed and set(limits) == set(_QOS_RESOURCES) and requests == limits
    if not asked:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _container_resources(spec: JSON) -> list[JSON]:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return [container.get("resources") or {} for container in containers]


def _positive(given: Mapping[str, Any] | None) -> dict[str, Any]:
    parsed = {name: quantity.parse(value).value for name, value in (given or {}).items() if name in _QOS_RESOURCES}
    return {name: value for name, value in parsed.items() if value > 0}
