"""What a starting cluster still waits for, in words; "" once it waits for nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apimachinery.errors import ApiError
from cli import addons
from cli.rest import Rest

JSON = dict[str, Any]


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


def _ready_conditions(node: JSON) -> list[JSON]:
    found = node.get("status", {}).get("conditions") or []
    return [one for one in found if one["type"] == "Ready"]
