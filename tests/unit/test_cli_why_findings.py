"""Why: from evidence to findings, as tables."""

from __future__ import annotations

import pytest

from cli.errors import UserError
from cli.objects import parse_ref
from cli.why.evidence import HeldMessage, RuleInForce, Said
from tests.support.why_cases import (
    NODE_BAD,
    NODE_OK,
    Case,
    check,
    decision,
    event,
    obj,
    pod,
    ready,
    reconcile,
    refused,
    scored,
    state,
)

CASES = {
    "no such object": Case("pod/web", {"obj": None}, ["There is no pod/web in namespace default", "404"]),
    "this node and not the others": Case(
        "pod/web",
        {
            "obj": pod(status=ready()),
            "nodes": [NODE_OK],
            "said": [decision("n1", scored("n1", 90), scored("n2", 80), refused("n3", "TaintToleration", "had taint"))],
        },
        ["no other node had more points", "n2: 80 points", "n3: refused by TaintToleration: had taint", "It is Ready"],
    ),
    "equals": Case(
        "pod/web",
        {"obj": pod(), "nodes": [NODE_OK], "said": [decision("n1", scored("n1", 9), scored("n2", 9))]},
        ["1 had as many: among equals one is drawn"],
    ),
    "every other node refused": Case(
        "pod/web",
        {"obj": pod(), "nodes": [NODE_OK], "said": [decision("n1", scored("n1", 9), refused("n2", "P", "r"))]},
        ["every other node was refused"],
    ),
    "a decision about an earlier pod of the name": Case(
        "pod/web",
        {"obj": pod(uid="other"), "nodes": [NODE_OK], "said": [decision("n1", scored("n1", 9))]},
        ["remembers no decision"],
    ),
    "pending: no node takes it": Case(
        "pod/web",
        {
            "obj": pod(node=""),
            "said": [
                decision("", refused("n1", "NodeResourcesFit", "Insufficient cpu"), message="0/1 nodes are available"),
                Said(
                    "scheduler",
                    "scheduling queue",
                    {"place": "unschedulable", "attempts": 3, "refused_by": ["NodeResourcesFit"], "ready_in": 0.0},
                ),
            ],
        },
        ["Pending because no node takes it: 0/1 nodes", "n1: refused by NodeResourcesFit", "after 3 attempts"],
    ),
    "pending: gates": Case(
        "pod/web",
        {"obj": obj("Pod", "web", {"schedulingGates": [{"name": "g"}]})},
        ["its scheduling gates g are not lifted"],
    ),
    "pending: another scheduler": Case(
        "pod/web", {"obj": obj("Pod", "web", {"schedulerName": "mine"})}, ["asks for the scheduler mine"]
    ),
    "pending: no scheduler": Case(
        "pod/web",
        {"obj": pod(node=""), "away": {"scheduler": "down"}},
        ["has no node, and the scheduler gives no answer: down"],
    ),
    "image cannot be pulled": Case(
        "pod/web",
        {"obj": pod(status=state({"reason": "ImagePullBackOff", "message": "no such image"})), "nodes": [NODE_OK]},
        ["Container c waits, ImagePullBackOff: no such image", "pod/web@7"],
    ),
    "readiness probe": Case(
        "pod/web",
        {
            "obj": pod(status=state(started=True)),
            "nodes": [NODE_OK],
            "now": 10.0,
            "said": [
                Said(
                    "kubelet-n1",
                    "probe",
                    {"container": "c", "probe": "readiness", "holds": False, "at": 8.0, "ok": False, "message": "500"},
                )
            ],
        },
        ["its readiness probe has not passed", "readiness probe of c last failed 2 s ago: 500"],
    ),
    "startup probe": Case(
        "pod/web", {"obj": pod(status=state(started=False)), "nodes": [NODE_OK]}, ["startup probe has not passed yet"]
    ),
    "volume": Case(
        "pod/web",
        {"obj": pod(), "nodes": [NODE_OK], "events": [event("FailedMount", 'configmap "x" not found')]},
        ['A volume is missing: configmap "x" not found', "web.FailedMount"],
    ),
    "readiness gate": Case(
        "pod/web",
        {
            "obj": obj("Pod", "web", {"nodeName": "n1", "readinessGates": [{"conditionType": "x/y"}]}),
            "nodes": [NODE_OK],
        },
        ["Its readiness gate x/y is not True"],
    ),
    "node not ready": Case(
        "pod/web",
        {"obj": pod(), "nodes": [NODE_BAD], "away": {"kubelet-n1": "frozen"}},
        ["Its node n1 is not Ready: Kubelet stopped posting.", "kubelet-n1 frozen: nobody works on the pod"],
    ),
    "node gone": Case("pod/web", {"obj": pod()}, ["Its node n1 does not exist"]),
    "restarted by its liveness probe": Case(
        "pod/web",
        {
            "obj": pod(
                status=state(
                    restartCount=2,
                    lastState={"terminated": {"reason": "Error", "exitCode": 137, "finishedAt": "then"}},
                )
            ),
            "nodes": [NODE_OK],
            "events": [event("Unhealthy", "Liveness probe failed: 404")],
        },
        ["restarted 2 times", "exit code 137", "Its liveness probe had failed: Liveness probe failed: 404"],
    ),
    "out of memory": Case(
        "pod/web",
        {
            "obj": pod(
                status=state(restartCount=1, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}})
            ),
            "nodes": [NODE_OK],
        },
        ["OOMKilled"],
        ["liveness"],
    ),
    "evicted by a taint": Case(
        "pod/web",
        {
            "obj": pod(
                status={
                    "conditions": [
                        {
                            "type": "DisruptionTarget",
                            "status": "True",
                            "reason": "DeletionByTaintManager",
                            "message": "Taint manager: deleting due to NoExecute taint",
                        }
                    ]
                },
                deletionTimestamp="1970-01-01T00:00:00Z",
            ),
            "nodes": [NODE_OK],
        },
        ["It was evicted, DeletionByTaintManager", "It is being deleted, for 0 s now"],
    ),
    "failed": Case(
        "pod/web",
        {"obj": pod(status={**state(ended={"reason": "Error", "exitCode": 3}), "phase": "Failed"})},
        ["It failed", "exit code 3"],
        ["It has no node"],
    ),
    "finalizers": Case(
        "pod/web",
        {"obj": pod(deletionTimestamp="1970-01-01T00:00:00Z", finalizers=["a/b"]), "nodes": [NODE_OK]},
        ["until its finalizer a/b is gone"],
    ),
    "the kubelet's last pass": Case(
        "pod/web",
        {
            "obj": pod(),
            "nodes": [NODE_OK],
            "now": 5.0,
            "said": [
                Said(
                    "kubelet-n1", "sync", {"decided": "c waits: CrashLoopBackOff", "at": 4.0, "failures": 2, "now": "x"}
                )
            ],
        },
        ["kubelet-n1 last looked at it 1 s ago and decided: c waits: CrashLoopBackOff", "after 2 failures"],
    ),
    "service: selector matches nothing, the nearest shown": Case(
        "svc/web",
        {
            "obj": obj("Service", "web", {"selector": {"app": "web", "tier": "front"}}),
            "pods": [
                pod("far", labels={"x": "y"}),
                pod("near", labels={"app": "web", "tier": "back"}),
                pod("close", labels={"app": "web"}),
            ],
        },
        ["matches no pod of namespace default", "nearest: pod near: tier is back, not front", "tier is missing"],
    ),
    "service: no pods at all": Case(
        "svc/web", {"obj": obj("Service", "web", {"selector": {"app": "web"}})}, ["there is no pod at all"]
    ),
    "service: pods not ready": Case(
        "svc/web",
        {
            "obj": obj("Service", "web", {"selector": {"app": "web"}}),
            "pods": [
                pod("p", labels={"app": "web"}, status={**state({"reason": "ErrImagePull"}), "podIP": "10.0.0.1"}),
                pod("q", node="", labels={"app": "web"}),
            ],
        },
        [
            "Pod p is selected but takes no traffic: it is not Ready. Container c waits, ErrImagePull",
            "orrery why pod/q",
        ],
    ),
    "service: port name": Case(
        "svc/web",
        {
            "obj": obj("Service", "web", {"selector": {"app": "w"}, "ports": [{"port": 80, "targetPort": "http"}]}),
            "pods": [pod("p", labels={"app": "w"}, status=ready())],
        },
        ["port named http, which 1 of 1 selected pods do not have; they name no port"],
    ),
    "service: no selector": Case("svc/web", {"obj": obj("Service", "web")}, ["It has no selector"]),
    "service: a name": Case(
        "svc/web", {"obj": obj("Service", "web", {"type": "ExternalName", "externalName": "x.y"})}, ["a name for x.y"]
    ),
    "service: all well": Case(
        "svc/web",
        {
            "obj": obj("Service", "web", {"selector": {"app": "w"}}),
            "pods": [pod("p", labels={"app": "w"}, status=ready())],
            "slices": [
                {
                    **obj("EndpointSlice", "web-1"),
                    "ports": [{"port": 80}],
                    "endpoints": [
                        {"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": {"name": "p"}}
                    ],
                }
            ],
        },
        ["It has 1 endpoint that takes traffic", "10.0.0.1 port 80: p, ready", "endpointslice/web-1@7"],
        ["takes no traffic"],
    ),
    "deployment: paused and not seen": Case(
        "deploy/web",
        {"obj": obj("Deployment", "web", {"paused": True, "replicas": 1}, {"observedGeneration": 1}, generation=2)},
        ["It is paused", "at generation 2, the status is of 1"],
    ),
    "deployment: the pods to blame": Case(
        "deploy/web",
        {
            "obj": obj("Deployment", "web", {"replicas": 1}, {"updatedReplicas": 1}),
            "sets": [obj("ReplicaSet", "rs", ownerReferences=[{"uid": "uid-web", "controller": True}])],
            "pods": [
                pod("p", ownerReferences=[{"uid": "uid-rs", "controller": True}], status=state({"reason": "Crash"})),
                pod("other", status=state({"reason": "Elsewhere"})),
            ],
        },
        ["0 of 1 wanted pods are ready, 1 exist", "Pod p: Container c waits, Crash"],
        ["Elsewhere"],
    ),
    "deployment: quota": Case(
        "deploy/web",
        {
            "obj": obj(
                "Deployment",
                "web",
                {"replicas": 1},
                {
                    "conditions": [
                        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
                    ]
                },
            )
        },
        ["ReplicaFailure, FailedCreate: quota"],
    ),
    "node": Case(
        "node/n1",
        {
            "obj": {
                **NODE_BAD,
                "spec": {"unschedulable": True, "taints": [{"key": "k", "value": "v", "effect": "NoExecute"}]},
            },
            "away": {"kubelet-n1": "down"},
        },
        ["It is not Ready", "It is cordoned", "Taint k=v:NoExecute evicts pods", "kubelet-n1 down"],
    ),
    "who looked last": Case(
        "deploy/web",
        {
            "obj": obj("Deployment", "web", {"replicas": 0}),
            "now": 10.0,
            "said": [
                Said("cm", "reconcile", reconcile("deployment", read="Deployment default/web@7", decided="no change")),
                Said("cm", "reconcile", reconcile("endpointslice", read="Service default/web@3", decided="other kind")),
                Said(
                    "cm", "reconcile", reconcile("replicaset", error="quota exceeded", read="Deployment default/web@7")
                ),
            ],
        },
        ["cm's deployment controller last looked 8 s ago; it decided: no change", "it failed: quota exceeded"],
        ["other kind"],
    ),
    "held and faulted": Case(
        "pod/web",
        {
            "obj": pod(node=""),
            "held": [
                HeldMessage("scheduler", "schedule:cycle", "Pod", "default", "web", "hold-1", 12.0),
                HeldMessage("scheduler", "schedule:cycle", "Pod", "default", "else", "hold-1", 3.0),
            ],
            "rules": [RuleInForce("scheduler", "schedule:cycle", "hold", "hold-1", taken=2)],
        },
        ["Nothing comes of it: scheduler holds Pod default/web at schedule:cycle for 12 s", "A hold is in force"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_findings(name: str) -> None:
    check(CASES[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("po/a", ("pods", "default", "a")),
        ("Deployment/a", ("deployments", "default", "a")),
        ("nodes/n1", ("nodes", "", "n1")),
        ("event/e", ("events", "default", "e")),
    ],
)
def test_objects_as_typed(text: str, expected: tuple[str, str, str]) -> None:
    ref = parse_ref(text, "default")
    assert (ref.gvr.resource, ref.namespace, ref.name) == expected


@pytest.mark.parametrize(("text", "said"), [("web", "KIND/NAME"), ("pod/", "KIND/NAME"), ("pdo/x", "pod")])
def test_wrong_names_get_help(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_ref(text, "default")
