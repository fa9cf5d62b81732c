"""One rule against one question. Pure.

Source: API reference of `PolicyRule` (rbac.authorization.k8s.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apiserver.handlers.authz import Attributes

JSON = dict[str, Any]
ALL = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """A `PolicyRule`, ready to be matched."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def allows(self, attrs: Attributes) -> bool:
        if ALL not in self.verbs and attrs.verb not in self.verbs:
            return False
        return self._allows_resource(attrs) if attrs.is_resource else any(_url(url, attrs.path) for url in self.urls)

    def _allows_resource(self, attrs: Attributes) -> bool:
        if ALL not in self.groups and attrs.group not in self.groups:
            return False
        if self.names and attrs.name not in self.names:
            return False
        return resource_matches(self.resources, attrs.resource, attrs.subresource)


def resource_matches(granted: frozenset[str], resource: str, subresource: str) -> bool:
    """`*` is everything, `pods` the pods but none of their subresources, `*/scale` that subresource of all."""
    if ALL in granted:
        return True
    if not subresource:
        return resource in granted
    return f"{resource}/{subresource}" in granted or f"*/{subresource}" in granted


def _url(granted: str, path: str) -> bool:
    return granted in (ALL, path) or (granted.endswith(ALL) and path.startswith(granted[:-1]))


def compile_rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        frozenset(rule.get("verbs") or ()),
        frozenset(rule.get("apiGroups") or ()),
        frozenset(rule.get("resources") or ()),
        frozenset(rule.get("resourceNames") or ()),
        frozenset(rule.get("nonResourceURLs") or ()),
    )


def rules_allow(rules: Iterable[Rule | Mapping[str, Any]], attrs: Attributes) -> bool:
    """Whether any of the rules, compiled or as JSON, says yes."""
    return any((rule if isinstance(rule, Rule) else compile_rule(rule)).allows(attrs) for rule in rules)


def uncovered(held: list[Rule], wanted: Iterable[Mapping[str, Any]]) -> list[JSON]:
    """The smallest parts of the wanted rules that the held ones do not grant: what would be an escalation."""
    return [part for rule in wanted for part in _parts(rule) if not any(_covers(own, part) for own in held)]


def _parts(rule: Mapping[str, Any]) -> list[JSON]:
    """A rule as rules of one verb, group, resource and name (or URL) each."""
    verbs = rule.get("verbs") or ()
    names: list[list[str]] = [[name] for name in rule.get("resourceNames") or ()] or [[]]
    parts: list[JSON] = [
        {"verbs": [verb], "apiGroups": [group], "resources": [resource], "resourceNames": name}
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for verb in verbs
        for name in names
    ]
    return parts + [
        {"verbs": [verb], "nonResourceURLs": [url]} for url in rule.get("nonResourceURLs") or () for verb in verbs
    ]


def _covers(held: Rule, part: JSON) -> bool:
    verb = part["verbs"][0]
    if ALL not in held.verbs and verb not in held.verbs:
        return False
    if "nonResourceURLs" in part:
        return any(_url(url, part["nonResourceURLs"][0]) for url in held.urls)
    if ALL not in held.groups and part["apiGroups"][0] not in held.groups:
        return False
    resource, _, subresource = part["resources"][0].partition("/")
    if not resource_matches(held.resources, resource, subresource):
        return False
    return not held.names or bool(part["resourceNames"] and part["resourceNames"][0] in held.names)
