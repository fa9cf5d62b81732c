"""Cluster roles made of other cluster roles. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apimachinery.errors import ApiError
from apimachinery.selectors import LabelSelector, from_json

JSON = dict[str, Any]


def aggregate(cluster_roles: Iterable[JSON]) -> dict[str, list[JSON]]:
    """The rules of every cluster role by name, with `aggregationRule` worked out.

    An aggregated role may be part of another, as `view` is of `edit`; a cycle adds nothing.
    """
    roles = {role["metadata"]["name"]: role for role in cluster_roles}
    return {name: _rules(name, roles, frozenset()) for name in roles}


def _rules(name: str, roles: dict[str, JSON], within: frozenset[str]) -> list[JSON]:
    role = roles[name]
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if not selectors:
        return role.get("rules") or []
    found: list[JSON] = []
    for part in sorted(roles):
        if part == name or part in within or not _selected(selectors, roles[part]):
            continue
        found += [rule for rule in _rules(part, roles, within | {name}) if rule not in found]
    return found


def _selected(selectors: list[JSON], role: JSON) -> bool:
    given = role["metadata"].get("labels") or {}
    return any(_parse(selector).matches(given) for selector in selectors)


def _parse(selector: JSON) -> LabelSelector:
    try:
        return from_json(selector)
    except (ApiError, KeyError):
        # A selector that cannot be read selects nothing; its role says so when it is written.
        return from_json(None)
