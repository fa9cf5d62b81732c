"""The bootstrap policy: who may do what in a cluster that nobody has touched."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.resources import GVR
from apiserver.handlers.authz import Attributes
from apiserver.handlers.rbac.authorizer import RESOURCES, RbacAuthorizer
from apiserver.handlers.rbac.bootstrap import bootstrap_objects
from apiserver.handlers.rbac.rules import rules_allow
from apiserver.registry.request import User


class Cluster:
    """A reader over objects in memory."""

    def __init__(self, objects: list[tuple[GVR, dict[str, Any]]]) -> None:
        self.objects = objects

    def get(self, gvr: GVR, namespace: str, name: str) -> dict[str, Any] | None:
        return next((obj for obj in self.list(gvr, namespace) if obj["metadata"]["name"] == name), None)

    def list(self, gvr: GVR, namespace: str = "") -> list[dict[str, Any]]:
        found = (obj for kind, obj in self.objects if kind == gvr)
        return [obj for obj in found if not namespace or obj["metadata"].get("namespace") == namespace]

    def version(self) -> int:
        return len(self.objects)


CLUSTER = Cluster(bootstrap_objects())
ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))
SCHEDULER = User("system:kube-scheduler", ("system:authenticated",))
MANAGER = User("system:kube-controller-manager", ("system:authenticated",))
KUBELET = User("system:node:n1", ("system:nodes", "system:authenticated"))
PROXY = User("system:kube-proxy", ("system:authenticated",))
DNS = User("orrery:dns", ("orrery:dns", "system:authenticated"))
NOBODY = User("ann", ("system:authenticated",))
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


def ask(user: User, verb: str, what: str, group: str = "", *, namespace: str = "", name: str = "") -> Attributes:
    if what.startswith("/"):
        return Attributes(user, verb, path=what)
    resource, _, sub = what.partition("/")
    return Attributes(user, verb, group, "v1", resource, sub, namespace, name)


LEASES = "coordination.k8s.io"


@pytest.mark.parametrize(
    ("attrs", "allowed"),
    [
        (ask(ADMIN, "delete", "nodes"), True),
        (ask(ADMIN, "get", "/metrics"), True),
        (ask(SCHEDULER, "create", "pods/binding"), True),
        (ask(SCHEDULER, "watch", "nodes"), True),
        (ask(SCHEDULER, "patch", "pods/status"), True),
        (ask(SCHEDULER, "create", "pods"), False),
        (ask(SCHEDULER, "update", "leases", LEASES, namespace="kube-system", name="kube-scheduler"), True),
        (ask(SCHEDULER, "create", "events", namespace="default"), True),
        (ask(MANAGER, "create", "pods"), True),
        (ask(MANAGER, "create", "replicasets", "apps"), True),
        (ask(MANAGER, "patch", "deployments/status", "apps"), True),
        (ask(MANAGER, "create", "endpointslices", "discovery.k8s.io"), True),
        (ask(MANAGER, "update", "namespaces/finalize"), True),
        (ask(MANAGER, "create", "serviceaccounts"), True),
        (ask(MANAGER, "create", "leases", LEASES, namespace="kube-system"), True),
        (ask(MANAGER, "delete", "widgets", "example.com"), True),
        (ask(MANAGER, "create", "widgets", "example.com"), False),
        (ask(KUBELET, "patch", "pods/status"), False),  # the Node authorizer's affair
        (ask(PROXY, "watch", "endpointslices", "discovery.k8s.io"), True),
        (ask(PROXY, "watch", "services"), True),
        (ask(PROXY, "watch", "secrets"), False),
        (ask(DNS, "list", "pods"), True),
        (ask(DNS, "watch", "endpointslices", "discovery.k8s.io"), True),
        (ask(DNS, "watch", "secrets"), False),
        (ask(NOBODY, "create", "selfsubjectaccessreviews", "authorization.k8s.io"), True),
        (ask(NOBODY, "get", "/openapi/v3"), True),
        (ask(NOBODY, "list", "pods", namespace="default"), False),
        (ask(ANONYMOUS, "get", "/version"), True),
        (ask(ANONYMOUS, "get", "/api"), False),
    ],
)
async def test_who_may_do_what(attrs: Attributes, allowed: bool) -> None:
    decision = await RbacAuthorizer(CLUSTER, CLUSTER.version).authorize(attrs)
    assert decision.allowed is allowed


async def test_a_binding_holds_in_its_namespace_and_a_new_one_at_once() -> None:
    cluster = Cluster(bootstrap_objects())
    authorizer = RbacAuthorizer(cluster, cluster.version)
    here, there = (ask(NOBODY, "update", "deployments", "apps", namespace=name) for name in ("dev", "prod"))
    assert not (await authorizer.authorize(here)).allowed
    binding = {
        "metadata": {"name": "ann", "namespace": "dev"},
        "roleRef": {"kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "User", "name": "ann"}],
    }
    cluster.objects.append((RESOURCES[3], binding))
    decision = await authorizer.authorize(here)
    assert decision.allowed
    assert decision.reason == 'RBAC: allowed by RoleBinding "ann/dev" of ClusterRole "edit" to User "ann"'
    assert not (await authorizer.authorize(there)).allowed


async def test_a_missing_role_is_named() -> None:
    binding = {
        "metadata": {"name": "ann"},
        "roleRef": {"kind": "ClusterRole", "name": "gone"},
        "subjects": [{"kind": "User", "name": "ann"}],
    }
    cluster = Cluster([(RESOURCES[2], binding)])
    decision = await RbacAuthorizer(cluster, cluster.version).authorize(ask(NOBODY, "list", "pods"))
    assert decision.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'


@pytest.mark.parametrize(
    ("attrs", "allowed"),
    [
        (ask(KUBELET, "patch", "pods/status"), True),
        (ask(KUBELET, "create", "nodes"), True),
        (ask(KUBELET, "update", "leases", LEASES, namespace="kube-node-lease", name="n1"), True),
        (ask(KUBELET, "create", "serviceaccounts/token"), True),
        (ask(KUBELET, "create", "deployments", "apps"), False),
    ],
)
def test_the_role_of_kubelets(attrs: Attributes, allowed: bool) -> None:
    role = CLUSTER.get(RESOURCES[0], "", "system:node")
    assert role is not None
    assert rules_allow(role["rules"], attrs) is allowed


def test_every_bound_role_exists_and_names_are_unique() -> None:
    objects = bootstrap_objects()
    identities = [(gvr, obj["metadata"].get("namespace"), obj["metadata"]["name"]) for gvr, obj in objects]
    assert len(set(identities)) == len(identities)
    roles = {(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for _, obj in objects}
    for _, obj in objects:
        if "roleRef" in obj:
            reference = obj["roleRef"]
            namespace = obj["metadata"].get("namespace") if reference["kind"] == "Role" else None
            assert (reference["kind"], namespace, reference["name"]) in roles
