"""LimitRanger: defaults for what containers ask for, and bounds on it, per namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from apimachinery import quantity
from apimachinery.quantity import Quantity
from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import PODS, Plugin, is_about, refuse
from apiserver.registry.core.pod_resources import Amounts, amounts, pod_limits, pod_requests
from apiserver.registry.request import JSON

RANGES: Final = GVR("", "v1", "limitranges")
ANNOTATION: Final = "kubernetes.io/limit-ranger"
CLAIMS: Final = ("", "persistentvolumeclaims")


class LimitRanger(Plugin):
    name = "LimitRanger"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, PODS, "create") or request.obj is None:
            return
        for limits in _ranges(request):
            set_defaults(request.obj, limits)

    async def validate(self, request: AdmissionRequest) -> None:
        if request.obj is None or not _bounded(request):
            return
        problems = [problem for limits in _ranges(request) for problem in violations(request.kind, request.obj, limits)]
        if problems:
            raise refuse(request, problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]")


def _bounded(request: AdmissionRequest) -> bool:
    if is_about(request, CLAIMS, "create", "update"):
        return True
    return is_about(request, PODS, "create") or is_about(request, PODS, "update", subresource="resize")


def _ranges(request: AdmissionRequest) -> Iterator[list[JSON]]:
    for obj in request.reader.list(RANGES, request.namespace):
        yield (obj.get("spec") or {}).get("limits") or []


# --- defaults --------------------------------------------------------------------------------------------------------


def set_defaults(pod: JSON, limits: list[JSON]) -> None:
    """Fill in what containers leave open, and say so in an annotation."""
    notes: list[str] = []
    for limit in limits:
        if limit.get("type") != "Container":
            continue
        spec = pod.get("spec") or {}
        for list_name, word in (("containers", "container"), ("initContainers", "init container")):
            for container in spec.get(list_name) or ():
                for field, source in (("requests", "defaultRequest"), ("limits", "default")):
                    added = _fill(container, field, limit.get(source) or {})
                    if added:
                        notes.append(f"{', '.join(added)} {field[:-1]} for {word} {container.get('name')}")
    if notes:
        annotations = pod["metadata"].get("annotations") or {}
        pod["metadata"]["annotations"] = {**annotations, ANNOTATION: "LimitRanger plugin set: " + "; ".join(notes)}


def _fill(container: JSON, field: str, values: dict[str, Any]) -> list[str]:
    resources = container["resources"] = dict(container.get("resources") or {})
    given = dict(resources.get(field) or {})
    # What has a limit of its own will have that as its request.
    own_limits = (resources.get("limits") or {}) if field == "requests" else {}
    added = sorted(name for name in values if name not in given and name not in own_limits)
    if added:
        resources[field] = {**given, **{name: values[name] for name in added}}
    return added


# --- bounds ----------------------------------------------------------------------------------------------------------


def violations(kind: str, obj: JSON, limits: list[JSON]) -> list[str]:
    spec = obj.get("spec") or {}
    found: list[str] = []
    for limit in limits:
        what = limit.get("type") or ""
        if kind == "Pod" and what == "Container":
            for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
                resources = container.get("resources") or {}
                asked, bound = amounts(resources.get("requests")), amounts(resources.get("limits"))
                found += _check(what, limit, asked, bound)
        elif kind == "Pod" and what == "Pod":
            found += _check(what, limit, pod_requests(spec), pod_limits(spec))
        elif kind == what == "PersistentVolumeClaim":
            asked = amounts((spec.get("resources") or {}).get("requests"))
            found += _check_range(what, limit, asked)
    return found


def _check(what: str, limit: JSON, requests: Amounts, limits: Amounts) -> list[str]:
    found: list[str] = []
    for name, value in (limit.get("min") or {}).items():
        found += _minimum(what, name, quantity.parse(value), requests.get(name), limits.get(name))
    for name, value in (limit.get("max") or {}).items():
        found += _maximum(what, name, quantity.parse(value), requests.get(name), limits.get(name))
    for name, value in (limit.get("maxLimitRequestRatio") or {}).items():
        found += _ratio(what, name, quantity.parse(value), requests.get(name), limits.get(name))
    return found


def _minimum(what: str, name: str, least: Quantity, request: Quantity | None, limit: Quantity | None) -> list[str]:
    rule = f"minimum {name} usage per {what} is {least}"
    if request is None:
        return [f"{rule}.  No request is specified"]
    if request < least:
        return [f"{rule}, but request is {request}"]
    return [f"{rule}, but limit is {limit}"] if limit is not None and limit < least else []


def _maximum(what: str, name: str, most: Quantity, request: Quantity | None, limit: Quantity | None) -> list[str]:
    rule = f"maximum {name} usage per {what} is {most}"
    if limit is None:
        return [f"{rule}.  No limit is specified"]
    if limit > most:
        return [f"{rule}, but limit is {limit}"]
    return [f"{rule}, but request is {request}"] if request is not None and request > most else []


def _ratio(what: str, name: str, most: Quantity, request: Quantity | None, limit: Quantity | None) -> list[str]:
    rule = f"{name} max limit to request ratio per {what} is {most}"
    if not request:
        return [f"{rule}, but no request is specified or request is 0"]
    if not limit:
        return [f"{rule}, but no limit is specified or limit is 0"]
    given = limit.value / request.value
    return [f"{rule}, but provided ratio is {float(given):f}"] if given > most.value else []


def _check_range(what: str, limit: JSON, requests: Amounts) -> list[str]:
    """For claims, which have no limits."""
    found: list[str] = []
    for name, value in (limit.get("min") or {}).items():
        found += _minimum(what, name, quantity.parse(value), requests.get(name), None)
    for name, value in (limit.get("max") or {}).items():
        asked = requests.get(name)
        if asked is not None and asked > quantity.parse(value):
            found.append(f"maximum {name} usage per {what} is {quantity.canonical(value)}, but request is {asked}")
    return found
