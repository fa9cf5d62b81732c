"""What a starting cluster still waits for, in words; "" once it waits for nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apimachinery.errors import ApiError
from cli import addons
from cli.rest import Rest

JSON = dict[str, Any]

LEADERS = ("kube-controller-manager", "kube-scheduler")


def api_missing(rest: Rest) -> str:
    """Does the apiserver serve?"""
    return _problem(lambda: rest.call("GET", "/api/v1/namespaces/kube-system"))


def addons_missing(rest: Rest, objects: list[tuple[str, JSON]]) -> str:
    """Does it take the addons?"""
    return _problem(lambda: addons.install(rest, objects))


def _problem(act: Callable[[], object]) -> str:
    """Why it did not work, or "" if it did."""
    try:
        act()
    except ApiError as error:
        return error.message or error.reason
    except OSError as error:
        return str(error) or repr(error)
    return ""


def nodes_missing(rest: Rest, wanted: int) -> str:
    """Are `wanted` nodes Ready?"""
    try:
        nodes = rest.call("GET", "/api/v1/nodes")["items"]
    except (ApiError, OSError) as error:
        return f"nodes: {error}"
    conditions = [one for node in nodes for one in _ready_conditions(node)]
    ready = sum(one["status"] == "True" for one in conditions)
    if ready >= wanted:
        return ""
    reasons = {one.get("message", "") for one in conditions if one["status"] != "True"}
    return f"nodes: {ready} of {wanted} Ready" + (f" ({'; '.join(sorted(reasons))})" if reasons else "")


def leases_missing(rest: Rest, since: float) -> str:
    """Have the leaders and the kubelets of now (Unix time `since`) taken over from those whose traces etcd kept?"""
    try:
        leases = rest.call("GET", "/apis/coordination.k8s.io/v1/leases")["items"]
    except (ApiError, OSError) as error:
        return f"leases: {error}"
    renewed = {one["metadata"]["name"]: _renewed(one) for one in leases if _is_of_the_cluster(one["metadata"])}
    late = {name for name in (*LEADERS, *renewed) if renewed.get(name, 0.0) < since}
    return f"not heard of since the start: {', '.join(sorted(late))}" if late else ""


def _is_of_the_cluster(metadata: JSON) -> bool:
    return metadata["namespace"] == "kube-node-lease" or metadata["name"] in LEADERS


def _renewed(lease: JSON) -> float:
    text = lease["spec"].get("renewTime")
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _ready_conditions(node: JSON) -> list[JSON]:
    found = node.get("status", {}).get("conditions") or []
    return [one for one in found if one["type"] == "Ready"]
