"""The roles and bindings that every cluster has from the start, as upstream's bootstrap policy plus our own identities.

Data only. The apiserver creates what is missing when it starts; namespaces `kube-system` and `kube-public` must exist.
"""

from __future__ import annotations

from typing import Any

from apimachinery.resources import GVR
from apiserver.handlers.rbac.authorizer import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from apiserver.handlers.rbac.bootstrap import bindings, components, controllers, people


def bootstrap_objects() -> list[tuple[GVR, dict[str, Any]]]:
    """(resource, object), roles before the bindings that name them."""
    cluster_roles = [*people.cluster_roles(), *components.cluster_roles(), *controllers.cluster_roles()]
    return [
        *((CLUSTER_ROLES, role) for role in cluster_roles),
        *((ROLES, role) for role in bindings.roles()),
        *((CLUSTER_ROLE_BINDINGS, binding) for binding in bindings.cluster_bindings()),
        *((ROLE_BINDINGS, binding) for binding in bindings.role_bindings()),
    ]


def bootstrap_policy() -> list[dict[str, Any]]:
    """The objects alone, in the same order."""
    return [obj for _, obj in bootstrap_objects()]
