"""Matching of RBAC rules, aggregation, and what would be an escalation."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.handlers.authz import Attributes
from apiserver.handlers.rbac.aggregate import aggregate
from apiserver.handlers.rbac.rules import compile_rule, rules_allow, uncovered
from apiserver.registry.request import User

ANN = User("ann")


def ask(verb: str, resource: str = "", *, group: str = "", sub: str = "", name: str = "", path: str = "") -> Attributes:
    return Attributes(ANN, verb, group, "v1", resource, sub, "ns", name, path)


def rule(verbs: list[str], groups: list[str], resources: list[str], names: list[str] | None = None) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names or []}


@pytest.mark.parametrize(
    ("given", "attrs", "allowed"),
    [
        (rule(["get"], [""], ["pods"]), ask("get", "pods"), True),
        (rule(["get"], [""], ["pods"]), ask("list", "pods"), False),
        (rule(["*"], [""], ["pods"]), ask("list", "pods"), True),
        (rule(["get"], ["apps"], ["pods"]), ask("get", "pods"), False),
        (rule(["get"], ["*"], ["*"]), ask("get", "pods", sub="log"), True),
        (rule(["get"], [""], ["pods"]), ask("get", "pods", sub="log"), False),
        (rule(["get"], [""], ["pods/log"]), ask("get", "pods", sub="log"), True),
        (rule(["get"], [""], ["pods/log"]), ask("get", "pods"), False),
        (rule(["get"], ["*"], ["*/scale"]), ask("get", "deployments", group="apps", sub="scale"), True),
        (rule(["get"], [""], ["pods"], ["a"]), ask("get", "pods", name="a"), True),
        (rule(["get"], [""], ["pods"], ["a"]), ask("get", "pods", name="b"), False),
        (rule(["create"], [""], ["pods"], ["a"]), ask("create", "pods"), False),
        ({"verbs": ["get"], "nonResourceURLs": ["/api/*"]}, ask("get", path="/api/v1"), True),
        ({"verbs": ["get"], "nonResourceURLs": ["/api/*"]}, ask("get", path="/apis"), False),
        ({"verbs": ["get"], "nonResourceURLs": ["/api"]}, ask("get", path="/api"), True),
        ({"verbs": ["get"], "nonResourceURLs": ["*"]}, ask("get", path="/metrics"), True),
        ({"verbs": ["get"], "nonResourceURLs": ["*"]}, ask("get", "pods"), False),
    ],
)
def test_one_rule(given: dict[str, Any], attrs: Attributes, allowed: bool) -> None:
    assert rules_allow([given], attrs) is allowed
    assert rules_allow([compile_rule(given)], attrs) is allowed


def cluster_role(name: str, *rules: dict[str, Any], label: str = "", wants: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"metadata": {"name": name, "labels": {label: "true"} if label else {}}, "rules": [*rules]}
    if wants:
        found["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {wants: "true"}}]}
    return found


def test_aggregated_roles_are_the_union_of_their_parts() -> None:
    read, write = rule(["get"], [""], ["pods"]), rule(["update"], [""], ["pods"])
    rules = aggregate(
        [
            cluster_role("edit", wants="to-edit", label="to-admin"),
            cluster_role("view", wants="to-view", label="to-edit"),
            cluster_role("reader", read, label="to-view"),
            cluster_role("writer", write, label="to-edit"),
        ]
    )
    assert rules["view"] == [read]
    assert rules["edit"] == [read, write]


def test_a_cycle_of_aggregation_ends() -> None:
    rules = aggregate([cluster_role("a", wants="x", label="y"), cluster_role("b", wants="y", label="x")])
    assert rules == {"a": [], "b": []}


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        (rule(["get", "list"], [""], ["pods"]), rule(["get"], [""], ["pods"]), 0),
        (rule(["get"], [""], ["pods"]), rule(["get", "list"], [""], ["pods", "secrets"]), 3),
        (rule(["*"], ["*"], ["*"]), rule(["*"], ["*"], ["*"]), 0),
        (rule(["get"], [""], ["pods"]), rule(["*"], [""], ["pods"]), 1),
        (rule(["get"], [""], ["pods"], ["a"]), rule(["get"], [""], ["pods"]), 1),
        (rule(["get"], [""], ["pods"]), rule(["get"], [""], ["pods"], ["a"]), 0),
        (rule(["get"], [""], ["pods"]), {"verbs": ["get"], "nonResourceURLs": ["/x"]}, 1),
    ],
)
def test_escalation_is_what_is_not_held(held: dict[str, Any], wanted: dict[str, Any], missing: int) -> None:
    assert len(uncovered([compile_rule(held)], [wanted])) == missing
