"""The RBAC authorizer: grants as the cache has them, worked out anew whenever an RBAC object changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from apimachinery.resources import GVR
from apiserver.handlers.authz import Attributes, Decision
from apiserver.handlers.rbac.grants import SUPERUSERS, Grants
from apiserver.handlers.rbac.rules import Rule
from apiserver.registry.request import User
from apiserver.registry.strategy import Reader

GROUP: Final = "rbac.authorization.k8s.io"
CLUSTER_ROLES: Final = GVR(GROUP, "v1", "clusterroles")
ROLES: Final = GVR(GROUP, "v1", "roles")
CLUSTER_ROLE_BINDINGS: Final = GVR(GROUP, "v1", "clusterrolebindings")
ROLE_BINDINGS: Final = GVR(GROUP, "v1", "rolebindings")
RESOURCES: Final = (CLUSTER_ROLES, ROLES, CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS)
"""What grants are made of; `version` must change when any of these does."""


def read_grants(reader: Reader) -> Grants:
    return Grants(*(reader.list(gvr) for gvr in RESOURCES))


class RbacAuthorizer:
    """Implements `handlers.authz.Authorizer`. Members of system:masters may do everything, roles or not."""

    def __init__(self, reader: Reader, version: Callable[[], Hashable]) -> None:
        """`version` gives something that differs after every change of an RBAC object."""
        self._reader = reader
        self._version = version
        self._seen: Hashable = None
        self._grants: Grants | None = None

    async def authorize(self, attrs: Attributes) -> Decision:
        if SUPERUSERS in attrs.user.groups:
            return Decision(True, "")
        grants = self.grants()
        grant = grants.allowing(attrs)
        return Decision(True, grant.why) if grant else Decision(False, grants.missing(attrs))

    def grants(self) -> Grants:
        version = self._version()
        if self._grants is None or version != self._seen:
            self._grants, self._seen = read_grants(self._reader), version
        return self._grants

    def rules(self, user: User, namespace: str = "") -> list[Rule]:
        """For SelfSubjectRulesReview."""
        if SUPERUSERS in user.groups:
            everything = frozenset("*")
            return [Rule(everything, everything, everything), Rule(everything, urls=everything)]
        return self.grants().rules(user, namespace)
