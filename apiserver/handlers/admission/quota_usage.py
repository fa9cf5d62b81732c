"""What an object uses of a quota, and which quotas it falls under. Pure.

Names are those of `spec.hard`: `pods`, `requests.cpu`, `services.nodeports`, `count/deployments.apps`, ...
"""

from __future__ import annotations

from typing import Final

from apimachinery import quantity
from apimachinery.quantity import Quantity
from apiserver.registry.core.pod_resources import Amounts, add, amounts, is_sidecar, pod_limits, pod_requests, qos_class
from apiserver.registry.request import JSON

ONE: Final = quantity.from_int(1)
COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_OWN_NAMES: Final = frozenset(
    ("configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets", "services")
)
_TERMINAL: Final = ("Succeeded", "Failed")
_CLASS: Final = ".storageclass.storage.k8s.io/"


def usage(group: str, resource: str, obj: JSON) -> Amounts:
    """All that one object of a resource uses."""
    counted = f"count/{resource}.{group}" if group else f"count/{resource}"
    used: Amounts = {counted: ONE}
    if group:
        return used
    if resource in _OWN_NAMES:
        used[resource] = ONE
    if resource == "pods":
        used |= _pod(obj)
    elif resource == "services":
        used |= _service(obj)
    elif resource == "persistentvolumeclaims":
        used |= _claim(obj)
    return used


def _pod(obj: JSON) -> Amounts:
    if (obj.get("status") or {}).get("phase") in _TERMINAL:
        return {}
    spec = obj.get("spec") or {}
    used: Amounts = {"pods": ONE}
    for name, value in pod_requests(spec).items():
        used[f"requests.{name}"] = value
        if name in COMPUTE or name.startswith("hugepages-"):
            used[name] = value
    for name, value in pod_limits(spec).items():
        if name in COMPUTE:
            used[f"limits.{name}"] = value
    return used


def _service(obj: JSON) -> Amounts:
    spec = obj.get("spec") or {}
    kind, ports = spec.get("type"), quantity.from_int(len(spec.get("ports") or ()))
    if kind == "NodePort":
        return {"services.nodeports": ports}
    if kind == "LoadBalancer":
        allocated = spec.get("allocateLoadBalancerNodePorts") is not False
        return {"services.loadbalancers": ONE, **({"services.nodeports": ports} if allocated else {})}
    return {}


def _claim(obj: JSON) -> Amounts:
    spec = obj.get("spec") or {}
    storage = amounts((spec.get("resources") or {}).get("requests")).get("storage", quantity.ZERO)
    used: Amounts = {"requests.storage": storage}
    if spec.get("storageClassName"):
        prefix = spec["storageClassName"] + _CLASS
        used |= {f"{prefix}requests.storage": storage, f"{prefix}persistentvolumeclaims": ONE}
    return used


def total(group: str, resource: str, objects: list[JSON], quota: JSON) -> Amounts:
    """What those of the objects that the quota covers use together."""
    used: Amounts = {}
    for obj in objects:
        if covers(quota, resource, obj):
            used = add(used, usage(group, resource, obj))
    return used


# --- scopes ----------------------------------------------------------------------------------------------------------


def covers(quota: JSON, resource: str, obj: JSON) -> bool:
    """Whether the object is in all of the quota's scopes. A quota with scopes is about pods (or claims) only."""
    spec = quota.get("spec") or {}
    expressions = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    expressions += (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    if not expressions:
        return True
    return resource == "pods" and all(_in_scope(one, obj) for one in expressions)


def _in_scope(expression: JSON, pod: JSON) -> bool:
    spec, name = pod.get("spec") or {}, expression.get("scopeName")
    if name == "PriorityClass":
        return _selects(expression, spec.get("priorityClassName"))
    if name in ("Terminating", "NotTerminating"):
        return (spec.get("activeDeadlineSeconds") is not None) is (name == "Terminating")
    if name in ("BestEffort", "NotBestEffort"):
        return (qos_class(spec) == "BestEffort") is (name == "BestEffort")
    return bool(name == "CrossNamespacePodAffinity") and _reaches_out(spec)


def _selects(expression: JSON, value: str | None) -> bool:
    operator, values = expression.get("operator"), expression.get("values") or ()
    if operator in ("Exists", "DoesNotExist"):
        return bool(value) is (operator == "Exists")
    return (value in values) is (operator == "In")


def _reaches_out(spec: JSON) -> bool:
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        for terms in (affinity.get(kind) or {}).values():
            for term in terms or ():
                inner = term.get("podAffinityTerm") or term
                if inner.get("namespaces") or inner.get("namespaceSelector") is not None:
                    return True
    return False


def unspecified(hard: JSON, pod: JSON) -> list[str]:
    """`limits.cpu for: a,b`: what a quota counts and containers do not say."""
    spec = pod.get("spec") or {}
    containers = [one for one in spec.get("initContainers") or () if not is_sidecar(one)]
    containers = [*(spec.get("containers") or ()), *containers]
    found: list[str] = []
    for name in sorted(hard):
        kind, _, resource = name.partition(".") if name.startswith(("requests.", "limits.")) else ("requests", "", name)
        if resource not in COMPUTE[:2]:
            continue
        silent = [
            str(one.get("name")) for one in containers if resource not in ((one.get("resources") or {}).get(kind) or {})
        ]
        if silent:
            found.append(f"{name} for: {','.join(silent)}")
    return found


def exceeded(hard: JSON, used: Amounts, asked: Amounts) -> list[str]:
    """Names of which there would be too much."""
    over: list[str] = []
    for name in sorted(asked):
        limit = hard.get(name)
        if limit is None or not asked[name]:
            continue
        if used.get(name, quantity.ZERO) + asked[name] > quantity.parse(limit):
            over.append(name)
    return over


def shown(values: Amounts, names: list[str]) -> str:
    return ",".join(f"{name}={values.get(name, Quantity(quantity.ZERO.value))}" for name in names)
