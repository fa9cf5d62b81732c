"""`orrery why` on real processes: the answers name the true cause, and their evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e_failures.conftest import up
from tests.support.cluster import Cluster, eventually_says
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Kubectl]]:
    cluster = Cluster("why", tmp_path_factory.mktemp("why"))
    try:
        yield cluster, up(cluster, nodes=2)
    finally:
        if cluster.root.exists():
            cluster.orrery("down", check=False)


def why(cluster: Cluster, target: str, *said: str) -> str:
    """The whole answer, once it holds all of `said`."""
    return eventually_says(f"why {target}", lambda: cluster.orrery("why", target).stdout, *said)


def apply(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def pod(name: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "orrery/busybox:1", "command": ["sleep", "1000"], **spec.pop("container", {})}
    body = {"containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": body}


def made(version: str, kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}}
    return body if spec is None else {**body, "spec": spec}


TEMPLATE: dict[str, Any] = {"spec": {**pod("x")["spec"], "restartPolicy": "Never"}}


def test_this_node_and_not_the_other(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    kubectl("label", "node", "worker-2", "disk=ssd")
    apply(kubectl, pod("picky", nodeSelector={"disk": "ssd"}))
    where = ("It is on node worker-2: every other node was refused", "worker-1: refused by NodeAffinity")
    why(cluster, "pod/picky", "It is Ready", *where, "evidence: pod/picky@", "kubelet-worker-2 last looked at it")


def test_pending(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    apply(kubectl, pod("huge", container={"resources": {"requests": {"cpu": "1000"}}}))
    answer = why(cluster, "pod/huge", "no node takes it", "In the scheduler's queue it is")
    assert answer.count("refused by NodeResourcesFit: Insufficient cpu") == 2
    kubectl("create", "deployment", "big", "--image=orrery/busybox:1")
    kubectl("set", "resources", "deployment/big", "--requests=cpu=1000")
    why(cluster, "deployment/big", "it has no node: 0/2 nodes are available")


def test_a_service_without_endpoints(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    apply(kubectl, pod("front", {"app": "web", "tier": "front"}))
    kubectl("create", "service", "clusterip", "web", "--tcp=80:80")
    kubectl("patch", "service", "web", "-p", '{"spec":{"selector":{"app":"web","tier":"back"}}}')
    why(cluster, "service/web", "matches no pod", "nearest: pod front: tier is front, not back")
    kubectl("patch", "service", "web", "-p", '{"spec":{"selector":{"app":"web","tier":"front"}}}')
    looked = "controller-manager's endpointslice controller last looked"
    why(cluster, "service/web", "It has 1 endpoint that takes traffic", "evidence: endpointslice/web-", looked)


def test_what_is_held_on_the_way(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    cluster.orrery("hold", "schedule:cycle", "--match", "kind=Pod,name=stuck", "--yes")
    apply(kubectl, pod("stuck"))
    try:
        held = "A hold is in force at schedule:cycle in scheduler"
        why(cluster, "pod/stuck", "Nothing comes of it: scheduler holds Pod default/stuck", held)
    finally:
        cluster.orrery("release", "--all")
    why(cluster, "pod/stuck", "It is Ready")


def test_a_binding_that_is_held(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    cluster.orrery("hold", "schedule:bind", "--match", "name=bound", "--yes")
    apply(kubectl, pod("bound", nodeSelector={"kubernetes.io/hostname": "worker-1"}))
    try:
        decided = "The scheduler has decided for worker-1; it is not bound yet: its binding is held at schedule:bind"
        answer = why(cluster, "pod/bound", decided, "worker-2: refused by NodeAffinity")
        assert "no node takes it" not in answer
        assert "    bind to worker-1" in cluster.orrery("held").stdout.splitlines()
    finally:
        cluster.orrery("release", "--all")
    why(cluster, "pod/bound", "It is Ready")


@pytest.mark.parametrize(("who", "name"), [("scheduler", "lost-1"), ("kubelet-worker-2", "lost-2")])
def test_an_event_that_is_never_seen(asked: tuple[Cluster, Kubectl], who: str, name: str) -> None:
    cluster, kubectl = asked
    fault = ("fault", "add", "watch:pods", "--component", who, "--match", f"name={name}", "--drop", "--count", "1")
    cluster.orrery(*fault)
    apply(kubectl, pod(name, nodeSelector={"kubernetes.io/hostname": "worker-2"}))
    try:
        unknown = f"{who} does not know of it: the event that tells of it has not reached it"
        why(cluster, f"pod/{name}", unknown, f"A fault (drop) at watch:pods in {who} for {name} is used up: it took 1")
    finally:
        cluster.orrery("fault", "clear")
    assert unknown in why(cluster, f"pod/{name}", f"orrery restart {who}", ", not this one")
    cluster.orrery("restart", who)
    why(cluster, f"pod/{name}", "It is Ready")


def test_a_node_whose_kubelet_is_frozen(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, _ = asked
    cluster.orrery("freeze", "kubelet-worker-1")
    try:
        why(cluster, "node/worker-1", "kubelet-worker-1 frozen")
    finally:
        cluster.orrery("thaw", "kubelet-worker-1")


OBJECTS = (
    pod("claims", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]),
    made("v1", "PersistentVolumeClaim", "data", {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}},
    }),
    made("v1", "PersistentVolume", "disk", {
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/tmp"},
    }),
    made("batch/v1", "Job", "asleep", {"suspend": True, "template": TEMPLATE}),
    made("batch/v1", "CronJob", "nightly", {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}}),
    made("v1", "Namespace", "small"),
    made("v1", "ResourceQuota", "few", {"hard": {"pods": "0"}}, namespace="small"),
    made("apps/v1", "Deployment", "many", {
        "replicas": 2, "selector": {"matchLabels": {"app": "many"}},
        "template": {"metadata": {"labels": {"app": "many"}}, "spec": TEMPLATE["spec"] | {"restartPolicy": "Always"}},
    }, namespace="small"),
    made("v1", "ConfigMap", "kept", None, namespace="small", finalizers=["example.com/hold"]),
)  # fmt: skip
ANSWERS = {
    "pod/claims": ("the claim data, which is Pending; orrery why pvc/data", "A volume is missing"),
    "pvc/data": ("no volume is bound to it", "disk: its class is none, not fast", "class fast does not exist"),
    "job/asleep": ("It is suspended: it makes no pods", "job controller last looked"),
    "cronjob/nightly": ("It runs next at", "T03:00:00Z", "its schedule is 0 3 * * * (UTC)"),
    "deployment/small/many": ("0 of 2 wanted pods are ready", "exceeded quota: few", "condition ReplicaFailure=True"),
}


@pytest.fixture(scope="module")
def world(asked: tuple[Cluster, Kubectl]) -> Cluster:
    cluster, kubectl = asked
    apply(kubectl, *(one for one in OBJECTS if "namespace" not in one["metadata"]))
    apply(replace(kubectl, namespace="small"), *(one for one in OBJECTS if "namespace" in one["metadata"]))
    return cluster


@pytest.mark.parametrize("target", ANSWERS)
def test_what_is_the_matter(world: Cluster, target: str) -> None:
    why(world, target, *ANSWERS[target], "evidence: ")


def test_what_is_gone_and_who_wanted_it(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    kubectl("create", "configmap", "brief")
    kubectl("delete", "configmap", "brief")
    removed = "There was one: it was removed at revision"
    why(cluster, "configmap/brief", removed, "(asked for by kubernetes-admin)", "orrery trace ")


def test_a_namespace_that_cannot_go(world: Cluster, asked: tuple[Cluster, Kubectl]) -> None:
    _, kubectl = asked
    kubectl("delete", "namespace", "small", "--wait=false")
    held = "/registry/configmaps/small/kept, held by its finalizers example.com/hold"
    why(world, "ns/small", held, "It is being deleted (asked for by kubernetes-admin)")
    why(world, "cm/small/kept", "It stays until its finalizer example.com/hold is gone: whoever put it there")
    kubectl("patch", "configmap", "kept", "-n", "small", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    why(world, "ns/small", "There is no namespace/small")


def test_an_eviction_before_and_after(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    apply(kubectl, pod("victim", nodeName="worker-1", terminationGracePeriodSeconds=1))
    why(cluster, "pod/victim", "It is Ready")
    cluster.orrery("freeze", "kubelet-worker-1")
    try:
        cluster.orrery("clock", "step", "60s")
        tolerated = "which it tolerates for 300 s: it is evicted in"
        why(cluster, "pod/victim", "NoExecute for", tolerated, "kubelet-worker-1 frozen")
        why(cluster, "node/worker-1", "renewed its lease", "which is more than the 40 s that it holds")
        cluster.orrery("clock", "step", "5m")
        why(cluster, "pod/victim", "It is being deleted", "It was evicted, DeletionByTaintManager")
    finally:
        cluster.orrery("thaw", "kubelet-worker-1")
    why(cluster, "pod/victim", "There was one", "It was evicted, DeletionByTaintManager")


def test_nothing_happens_while(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = asked
    cluster.orrery("clock", "pause")
    cluster.orrery("freeze", "controller-manager")
    try:
        kubectl("create", "deployment", "idle", "--image=orrery/busybox:1")
        silent = "controller-manager gave no answer: frozen; no controller acts"
        why(cluster, "deployment/idle", "The cluster's clock stands", silent, "has not acted on its latest change")
    finally:
        cluster.orrery("thaw", "controller-manager")
        cluster.orrery("clock", "resume")


def test_wrong_use_gets_help(asked: tuple[Cluster, Kubectl]) -> None:
    cluster, _ = asked
    assert "There is no pod/none in namespace default" in cluster.orrery("why", "pod/none").stdout
    done = cluster.orrery("why", "pdo/x", check=False)
    assert done.returncode == 1 and "pod" in done.stderr
