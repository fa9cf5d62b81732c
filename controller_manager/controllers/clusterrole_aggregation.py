"""ClusterRole aggregation: fills a role's rules from the roles that its aggregation rule selects.

Watches: ClusterRoles. Owns: the rules of ClusterRoles with an aggregationRule. Writes: those.
Invariant: rules are the selected roles' in order of their names, each once, the role's own left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.rbac import ClusterRole
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.decisions import count, decide
from controller_manager.ownership import compile_selector

JSON = dict[str, Any]


def aggregate(role: ClusterRole, roles: Iterable[ClusterRole]) -> list[JSON]:
    assert role.aggregation_rule is not None
    present = sorted((one for one in roles if one.name != role.name), key=lambda one: one.name)
    rules: list[JSON] = []
    for selector in map(compile_selector, role.aggregation_rule.cluster_role_selectors):
        for one in present:
            if selector.matches(one.metadata.labels):
                rules += [rule for rule in one.rules or () if rule not in rules]
    return rules


class ClusterRoleAggregationController:
    name = "clusterrole-aggregation"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._roles = context.informers.get(ClusterRole)
        self.queue = context.queue(self.name)
        self._roles.add_handler(self._on_role)

    def _on_role(self, event: Event[ClusterRole]) -> None:
        """Any role may be part of any that aggregates."""
        for role in self._roles.list():
            if role.aggregation_rule is not None:
                self.queue.add(role.name)

    async def reconcile(self, key: str) -> float | None:
        role = self._roles.get(key)
        if role is None or role.aggregation_rule is None:
            return None
        rules = aggregate(role, self._roles.list())
        changed = rules != list(role.rules or ())
        decide(f"set {count(len(rules), 'rule')}" if changed else "")
        if changed:
            patch = {"metadata": {"resourceVersion": role.metadata.resource_version}, "rules": rules}
            await self._api.patch(ClusterRole, role.name, patch)
        return None


def build(context: Context) -> Managed:
    controller = ClusterRoleAggregationController(context)
    return Managed(controller, controller.queue, workers=1)
