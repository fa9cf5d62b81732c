"""Admission plugins one by one: namespaces, accounts, priorities, tolerations, classes, nodes, RBAC."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.clock import FakeClock
from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionPlugin, AdmissionRequest
from apiserver.handlers.admission.default_tolerations import DefaultTolerationSeconds
from apiserver.handlers.admission.defaults_by_class import STORAGE_CLASSES, DefaultStorageClass
from apiserver.handlers.admission.namespace_lifecycle import NamespaceLifecycle
from apiserver.handlers.admission.node_restriction import NodeRestriction, may_set_label
from apiserver.handlers.admission.plugin import NAMESPACES
from apiserver.handlers.admission.priority import CLASSES, Priority
from apiserver.handlers.admission.rbac_escalation import RbacEscalation
from apiserver.handlers.admission.runtime_class import CLASSES as RUNTIME_CLASSES
from apiserver.handlers.admission.runtime_class import RuntimeClass
from apiserver.handlers.admission.service_account import ACCOUNTS, MOUNT_PATH, ServiceAccount
from apiserver.handlers.rbac.authorizer import RESOURCES, RbacAuthorizer
from apiserver.registry.request import User
from tests.unit.registry_fakes import Objects

JSON = dict[str, Any]
PODS = GVR("", "v1", "pods")
NODES = GVR("", "v1", "nodes")
ANN = User("ann", ("system:authenticated",))
KUBELET = User("system:node:n1", ("system:nodes",))


def ask(
    gvr: GVR,
    verb: str,
    obj: JSON | None,
    *,
    objects: Objects | None = None,
    user: User = ANN,
    kind: str = "Pod",
    namespace: str = "dev",
    old: JSON | None = None,
    subresource: str = "",
    name: str = "",
) -> AdmissionRequest:
    name = name or ((obj or old or {}).get("metadata") or {}).get("name", "")
    return AdmissionRequest(verb, gvr, kind, namespace, name, user, obj, old, objects or Objects(), FakeClock(),
                            subresource)  # fmt: skip


def pod(*containers: str, **spec: Any) -> JSON:
    made = [{"name": name, "image": "x"} for name in containers or ("c",)]
    return {"metadata": {"name": "web"}, "spec": {"containers": made, **spec}}


def named(name: str, namespace: str = "", **fields: Any) -> JSON:
    metadata: JSON = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"metadata": metadata, **fields}


async def run(plugin: AdmissionPlugin, request: AdmissionRequest) -> JSON:
    await plugin.mutate(request)
    await plugin.validate(request)
    return request.obj or {}


async def refused(plugin: AdmissionPlugin, request: AdmissionRequest) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await run(plugin, request)
    return caught.value


# --- namespaces ------------------------------------------------------------------------------------------------------


async def test_nothing_is_created_in_a_missing_namespace() -> None:
    error = await refused(NamespaceLifecycle(), ask(PODS, "create", pod()))
    assert (error.code, error.message) == (404, 'namespaces "dev" not found')


async def test_nothing_is_created_in_a_terminating_namespace() -> None:
    objects = Objects((NAMESPACES, named("dev", status={"phase": "Terminating"})))
    error = await refused(NamespaceLifecycle(), ask(PODS, "create", pod(), objects=objects))
    why = "unable to create new content in namespace dev because it is being terminated"
    assert (error.code, error.message) == (403, f'pods "web" is forbidden: {why}')
    assert error.details["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace dev is being terminated",
            "field": "metadata.namespace",
        }
    ]
    await run(NamespaceLifecycle(), ask(PODS, "update", pod(), objects=objects))
    await run(NamespaceLifecycle(), ask(PODS, "delete", None, old=pod(), objects=objects))


async def test_a_namespace_that_the_cache_has_not_seen_yet_exists() -> None:
    objects = Objects((NAMESPACES, named("dev")))
    objects.unseen = set(objects.stored)
    await run(NamespaceLifecycle(), ask(PODS, "create", pod(), objects=objects))


async def test_some_namespaces_stay() -> None:
    request = ask(NAMESPACES, "delete", None, old=named("default"), namespace="")
    assert "this namespace may not be deleted" in (await refused(NamespaceLifecycle(), request)).message


# --- service accounts ------------------------------------------------------------------------------------------------

DEFAULT = (ACCOUNTS, named("default", "dev"))


async def test_a_pod_gets_the_default_account_and_its_token() -> None:
    given = await run(ServiceAccount(), ask(PODS, "create", pod("a", "b"), objects=Objects(DEFAULT)))
    spec = given["spec"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    for container in spec["containers"]:
        assert container["volumeMounts"] == [{"name": volume["name"], "readOnly": True, "mountPath": MOUNT_PATH}]
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken", "configMap", "downwardAPI",
    ]  # fmt: skip
    assert volume["projected"]["sources"][0]["serviceAccountToken"] == {"expirationSeconds": 3607, "path": "token"}


async def test_a_container_with_something_at_the_path_keeps_it() -> None:
    given = pod("a", "b")
    given["spec"]["containers"][0]["volumeMounts"] = [{"name": "own", "mountPath": MOUNT_PATH}]
    spec = (await run(ServiceAccount(), ask(PODS, "create", given, objects=Objects(DEFAULT))))["spec"]
    assert [len(container["volumeMounts"]) for container in spec["containers"]] == [1, 1]
    assert spec["containers"][0]["volumeMounts"][0]["name"] == "own"


@pytest.mark.parametrize(
    ("own", "inherited", "mounted"),
    [(None, None, True), (False, None, False), (None, False, False), (True, False, True)],
)
async def test_automount(own: bool | None, inherited: bool | None, mounted: bool) -> None:
    account = named("default", "dev", **({} if inherited is None else {"automountServiceAccountToken": inherited}))
    given = pod(**({} if own is None else {"automountServiceAccountToken": own}))
    spec = (await run(ServiceAccount(), ask(PODS, "create", given, objects=Objects((ACCOUNTS, account)))))["spec"]
    assert ("volumes" in spec) is mounted


async def test_a_missing_account_is_an_error() -> None:
    error = await refused(ServiceAccount(), ask(PODS, "create", pod(serviceAccountName="bot")))
    assert error.message.endswith('error looking up service account dev/bot: serviceaccount "bot" not found')


# --- priority, tolerations, classes ----------------------------------------------------------------------------------

HIGH = (CLASSES, named("high", value=1000, preemptionPolicy="Never"))
LOW = (CLASSES, named("low", value=5, globalDefault=True))


@pytest.mark.parametrize(
    ("objects", "chosen", "expected"),
    [
        (Objects(), None, (0, "PreemptLowerPriority", None)),
        (Objects(HIGH), "high", (1000, "Never", "high")),
        (Objects(HIGH, LOW), None, (5, "PreemptLowerPriority", "low")),
    ],
)
async def test_priority(objects: Objects, chosen: str | None, expected: tuple[int, str, str | None]) -> None:
    given = pod(**({"priorityClassName": chosen} if chosen else {}))
    spec = (await run(Priority(), ask(PODS, "create", given, objects=objects)))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"], spec.get("priorityClassName")) == expected


async def test_an_unknown_priority_class_and_a_number_of_ones_own_are_refused() -> None:
    error = await refused(Priority(), ask(PODS, "create", pod(priorityClassName="gone")))
    assert error.message.endswith("no PriorityClass with name gone was found")
    error = await refused(Priority(), ask(PODS, "create", pod(priority=7)))
    assert "the integer value of priority (7) must not be provided in pod spec" in error.message


async def test_there_is_one_default_priority() -> None:
    request = ask(CLASSES, "create", named("other", value=1, globalDefault=True), objects=Objects(LOW), namespace="")
    assert "PriorityClass low is already marked as default" in (await refused(Priority(), request)).message


async def test_default_tolerations_leave_room_for_ones_own() -> None:
    spec = (await run(DefaultTolerationSeconds(), ask(PODS, "create", pod())))["spec"]
    assert [one["key"].rpartition("/")[2] for one in spec["tolerations"]] == ["not-ready", "unreachable"]
    assert {one["tolerationSeconds"] for one in spec["tolerations"]} == {300}
    spec = (await run(DefaultTolerationSeconds(), ask(PODS, "create", pod(tolerations=[{"operator": "Exists"}]))))[
        "spec"
    ]
    assert spec["tolerations"] == [{"operator": "Exists"}]


async def test_the_newest_default_storage_class_wins() -> None:
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    classes = [
        {"metadata": {"name": name, "annotations": mark, "creationTimestamp": created}}
        for name, created in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-02-01T00:00:00Z"))
    ]
    objects = Objects(*((STORAGE_CLASSES, one) for one in classes), (STORAGE_CLASSES, named("other")))
    claims = GVR("", "v1", "persistentvolumeclaims")
    claim = named("data", "dev", spec={})
    given = await run(
        DefaultStorageClass(), ask(claims, "create", claim, objects=objects, kind="PersistentVolumeClaim")
    )
    assert given["spec"]["storageClassName"] == "new"
    none = named("data", "dev", spec={"storageClassName": ""})
    given = await run(DefaultStorageClass(), ask(claims, "create", none, objects=objects, kind="PersistentVolumeClaim"))
    assert given["spec"]["storageClassName"] == ""


async def test_a_runtime_class_brings_overhead_and_scheduling() -> None:
    scheduling = {"nodeSelector": {"sandbox": "yes"}, "tolerations": [{"key": "sandbox", "operator": "Exists"}]}
    runtime = named("gvisor", handler="runsc", overhead={"podFixed": {"cpu": "100m"}}, scheduling=scheduling)
    objects = Objects((RUNTIME_CLASSES, runtime))
    spec = (await run(RuntimeClass(), ask(PODS, "create", pod(runtimeClassName="gvisor"), objects=objects)))["spec"]
    assert (spec["overhead"], spec["nodeSelector"]) == ({"cpu": "100m"}, {"sandbox": "yes"})
    assert spec["tolerations"] == scheduling["tolerations"]
    error = await refused(RuntimeClass(), ask(PODS, "create", pod(runtimeClassName="gone"), objects=objects))
    assert error.message.endswith('pod rejected: RuntimeClass "gone" not found')


# --- nodes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (ask(NODES, "update", named("n2"), old=named("n2"), user=KUBELET, namespace=""), "not allowed to modify node"),
        (ask(NODES, "update", named("n1"), old=named("n1"), user=KUBELET, namespace=""), ""),
        (ask(NODES, "update", named("n1", spec={"taints": [{"key": "a"}]}), old=named("n1"), user=KUBELET,
             namespace=""), "not allowed to modify taints"),
        (ask(PODS, "update", pod(nodeName="n2"), old=pod(nodeName="n2"), user=KUBELET, subresource="status"),
         "can only update pod status for pods with spec.nodeName set to itself"),
        (ask(PODS, "update", pod(nodeName="n1"), old=pod(nodeName="n1"), user=KUBELET, subresource="status"), ""),
        (ask(PODS, "delete", None, old=pod(nodeName="n2"), user=KUBELET), "can only delete pods"),
        (ask(PODS, "create", pod(nodeName="n1"), user=KUBELET), "can only create mirror pods"),
        (ask(PODS, "create", pod(nodeName="n1")), ""),
        (ask(GVR("coordination.k8s.io", "v1", "leases"), "update", named("n2", "kube-node-lease"), user=KUBELET,
             namespace="kube-node-lease"), "node lease with the same name"),
    ],
)  # fmt: skip
async def test_a_kubelet_writes_what_is_its_own(request_: AdmissionRequest, why: str) -> None:
    if why:
        assert why in (await refused(NodeRestriction(), request_)).message
    else:
        await run(NodeRestriction(), request_)


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("kubernetes.io/hostname", True),
        ("topology.kubernetes.io/zone", True),
        ("example.com/rack", True),
        ("rack", True),
        ("kubelet.kubernetes.io/x", True),
        ("node-role.kubernetes.io/control-plane", False),
        ("node-restriction.kubernetes.io/secure", False),
        ("x.k8s.io/y", False),
    ],
)
def test_labels_of_kubelets(label: str, allowed: bool) -> None:
    assert may_set_label(label) is allowed


# --- RBAC ------------------------------------------------------------------------------------------------------------

READ_PODS = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
HOLDER = (
    (RESOURCES[0], named("reader", rules=[READ_PODS])),
    (RESOURCES[2], named("ann", roleRef={"kind": "ClusterRole", "name": "reader"}, subjects=[
        {"kind": "User", "name": "ann"}])),
)  # fmt: skip


async def test_nobody_grants_what_they_do_not_hold() -> None:
    objects = Objects(*HOLDER)
    plugin = RbacEscalation(RbacAuthorizer(objects, lambda: 0))
    await run(plugin, ask(RESOURCES[0], "create", named("r", rules=[READ_PODS]), objects=objects, namespace=""))
    more = {**READ_PODS, "verbs": ["get", "delete"]}
    error = await refused(plugin, ask(RESOURCES[0], "create", named("r", rules=[more]), objects=objects, namespace=""))
    assert "attempting to grant RBAC permissions not currently held:" in error.message
    assert error.message.endswith('{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}')


async def test_binding_needs_what_the_role_holds_or_the_verb_bind() -> None:
    secrets = {"verbs": ["*"], "apiGroups": [""], "resources": ["secrets"]}
    objects = Objects(*HOLDER, (RESOURCES[0], named("keeper", rules=[secrets])))
    plugin = RbacEscalation(RbacAuthorizer(objects, lambda: len(objects.stored)))
    binding = named("b", "dev", roleRef={"kind": "ClusterRole", "name": "keeper"}, subjects=[])
    await refused(plugin, ask(RESOURCES[3], "create", binding, objects=objects))
    bind = {"verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"]}
    objects.put(RESOURCES[0], named("binder", rules=[bind]))
    subject = {"kind": "User", "name": "ann"}
    objects.put(RESOURCES[2], named("x", roleRef={"kind": "ClusterRole", "name": "binder"}, subjects=[subject]))
    await run(plugin, ask(RESOURCES[3], "create", binding, objects=objects))
