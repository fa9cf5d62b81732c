"""A short way to write rules down, so that the policy reads as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

JSON = dict[str, Any]

READ: Final = "get list watch"
WRITE: Final = "create delete deletecollection patch update"
ALL: Final = f"{READ} {WRITE}"
API_VERSION: Final = "rbac.authorization.k8s.io/v1"
RBAC: Final = "rbac.authorization.k8s.io"

ADMISSION: Final = "admissionregistration.k8s.io"
AUTHENTICATION: Final = "authentication.k8s.io"
AUTHORIZATION: Final = "authorization.k8s.io"
CERTIFICATES: Final = "certificates.k8s.io"
COORDINATION: Final = "coordination.k8s.io"
DISCOVERY: Final = "discovery.k8s.io"
NETWORKING: Final = "networking.k8s.io"
NODE: Final = "node.k8s.io"
RESOURCE: Final = "resource.k8s.io"
STORAGE: Final = "storage.k8s.io"


def rule(verbs: str, groups: str, resources: str, names: str = "") -> JSON:
    """All four are words separated by blanks; the core group is written `core`."""
    found: JSON = {
        "verbs": verbs.split(),
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": resources.split(),
    }
    if names:
        found["resourceNames"] = names.split()
    return found


def urls(verbs: str, paths: str) -> JSON:
    return {"verbs": verbs.split(), "nonResourceURLs": paths.split()}


def events() -> JSON:
    return rule("create patch update", "core events.k8s.io", "events")


def _metadata(name: str, namespace: str = "", labels: JSON | None = None) -> JSON:
    found: JSON = {
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults", **(labels or {})},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    }
    return {**found, "namespace": namespace} if namespace else found


def cluster_role(name: str, rules: Iterable[JSON], labels: JSON | None = None) -> JSON:
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterRole",
        "metadata": _metadata(name, labels=labels),
        "rules": list(rules),
    }


def aggregated(name: str, label: str, labels: JSON | None = None) -> JSON:
    """A cluster role made of all that carry `label`."""
    selectors = [{"matchLabels": {label: "true"}}]
    return {**cluster_role(name, [], labels), "aggregationRule": {"clusterRoleSelectors": selectors}}


def role(namespace: str, name: str, rules: Iterable[JSON]) -> JSON:
    return {
        "apiVersion": API_VERSION,
        "kind": "Role",
        "metadata": _metadata(name, namespace),
        "rules": list(rules),
    }


def user(name: str) -> JSON:
    return {"kind": "User", "apiGroup": RBAC, "name": name}


def group(name: str) -> JSON:
    return {"kind": "Group", "apiGroup": RBAC, "name": name}


def account(name: str, namespace: str = "kube-system") -> JSON:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def cluster_binding(role_name: str, *subjects: JSON, name: str = "") -> JSON:
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterRoleBinding",
        "metadata": _metadata(name or role_name),
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role_name},
        "subjects": list(subjects),
    }


def binding(namespace: str, role_name: str, *subjects: JSON, name: str = "") -> JSON:
    return {
        "apiVersion": API_VERSION,
        "kind": "RoleBinding",
        "metadata": _metadata(name or role_name, namespace),
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": role_name},
        "subjects": list(subjects),
    }
