"""Why something is gone, going, waiting for a time, for a volume or for somebody who is away: tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apimachinery.timestamps import format_time
from cli.why.evidence import HeldMessage, Left, Past, RuleInForce, Said
from cli.why.history import is_within, past
from cli.why.pods import tolerated_seconds
from proto.etcd_view_pb2 import Revision
from tests.support.why_cases import Case, check, event, obj, pod, ready, reconcile, state

JSON = dict[str, Any]
NOW = 1_000_000.0
TAINT = {"key": "k", "value": "v", "effect": "NoExecute", "timeAdded": format_time(NOW - 100)}


def deleted(seconds_ago: float = 60, **metadata: Any) -> JSON:
    return {"deletionTimestamp": format_time(NOW - seconds_ago), **metadata}


def at(seconds_ago: float) -> str:
    return format_time(NOW - seconds_ago)


def tainted() -> JSON:
    return {**obj("Node", "n1", {"taints": [TAINT]}, ready())}


def tolerant(**toleration: Any) -> JSON:
    made = pod(status=ready())
    return {**made, "spec": {**made["spec"], "tolerations": [toleration] if toleration else []}}


def volume(name: str, storage: str = "1Gi", modes: tuple[str, ...] = ("ReadWriteOnce",), **spec: Any) -> JSON:
    return obj("PersistentVolume", name, {"capacity": {"storage": storage}, "accessModes": list(modes), **spec})


CLAIM = obj(
    "PersistentVolumeClaim",
    "data",
    {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
    {"phase": "Pending"},
)
WITH_CLAIM = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}

CASES = {
    "gone, and who asked for it": Case(
        "pod/web",
        {"past": Past(gone=9, asked_by="kubernetes-admin", trace="ab", last=pod(status={"phase": "Running"}))},
        ["There is no pod/web", "removed at revision 9 (asked for by kubernetes-admin); before that it was Running",
         "orrery trace ab"],
    ),
    "gone by eviction": Case(
        "pod/web",
        {
            "past": Past(gone=9, last=pod(status={"conditions": [
                {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "taint"}
            ]})),
            "events": [event("TaintManagerEviction", "Marking for deletion")],
        },
        ["It was evicted, DeletionByTaintManager: taint", "Last heard of it: TaintManagerEviction: Marking"],
    ),
    "never was": Case("pod/web", {}, ["There is no pod/web"], ["There was one"]),
    "going, with a stranger's finalizer": Case(
        "cm/x",
        {"obj": obj("ConfigMap", "x", **deleted(finalizers=["example.com/a"])), "past": Past(marked=5, asked_by="me")},
        ["It is being deleted (asked for by me), for 1m now", "finalizer example.com/a is gone: whoever put it there",
         "etcd revision 5"],
    ),
    "going, within its grace period": Case(
        "pod/web",
        {"obj": pod(**deleted(-20, deletionGracePeriodSeconds=30))},
        ["for 10 s now. It has 20 s left of its 30 s"],
    ),
    "going, with dependents": Case(
        "deploy/web",
        {
            "obj": obj("Deployment", "web", {"replicas": 0}, **deleted(finalizers=["foregroundDeletion"])),
            "sets": [obj("ReplicaSet", "rs", ownerReferences=[{"uid": "uid-web", "blockOwnerDeletion": True}])],
        },
        ["the garbage collector removes it", "dependents are still there: replicaset/rs"],
    ),
    "a namespace that cannot go": Case(
        "ns/going",
        {
            "obj": obj("Namespace", "going", {"finalizers": ["kubernetes"]}, {"conditions": [
                {"type": "NamespaceContentRemaining", "status": "True", "message": "configmaps has 1"},
                {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "all well"},
            ]}, **deleted()),
            "left": [Left("/registry/configmaps/going/x", ("example.com/a",)), Left("/registry/secrets/going/y")],
        },
        ["finalizer kubernetes is gone: the namespace controller", "configmaps has 1",
         "/registry/configmaps/going/x, held by its finalizers example.com/a", "/registry/secrets/going/y"],
        ["all well"],
    ),
    "a taint that is tolerated for a while": Case(
        "pod/web",
        {"obj": tolerant(key="k", operator="Exists", tolerationSeconds=300), "nodes": [tainted()]},
        ["has had the taint k=v:NoExecute for 1m40s, which it tolerates for 300 s: it is evicted in 3m20s"],
    ),
    "a taint that is not tolerated": Case(
        "pod/web", {"obj": tolerant(), "nodes": [tainted()]}, ["tolerates for 0 s: it is to be evicted"]
    ),
    "a taint that is tolerated for ever": Case(
        "pod/web", {"obj": tolerant(operator="Exists"), "nodes": [tainted()]}, ["for ever"]
    ),
    "out of memory, with its limit": Case(
        "pod/web",
        {"obj": {**pod(status=state({"reason": "CrashLoopBackOff"}, restartCount=2, lastState={"terminated": {
            "reason": "OOMKilled", "exitCode": 137, "finishedAt": "t"}})),
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "resources": {"limits": {"memory": "16Mi"}}}]}}},
        ["OOMKilled, exit code 137. It used more memory than its limit of 16Mi allows"],
    ),
    "a crash, with its last words": Case(
        "pod/web",
        {"obj": pod(status=state({"reason": "CrashLoopBackOff"}, restartCount=1, lastState={"terminated": {
            "reason": "Error", "exitCode": 7, "finishedAt": "t"}})), "words": {"c": ("fatal: no database",)}},
        ["was restarted once", "exit code 7.", "log: fatal: no database", "kubectl logs -n default web -c c --prev"],
    ),
    "an init container that fails": Case(
        "pod/web",
        {"obj": pod(status={"phase": "Pending", "initContainerStatuses": [
            {"name": "setup", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "ready": False}],
            "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}}]})},
        ["Container setup waits, CrashLoopBackOff"],
        ["Container c waits"],
    ),
    "a pod whose claim is missing": Case(
        "pod/web",
        {"obj": {**pod(), "spec": {**pod()["spec"], **WITH_CLAIM}}},
        ["the claim data, which does not exist"],
    ),
    "a pod whose claim is not bound": Case(
        "pod/web",
        {"obj": {**pod(), "spec": {**pod()["spec"], **WITH_CLAIM}}, "related": {"persistentvolumeclaims": [CLAIM]}},
        ["the claim data, which is Pending; orrery why pvc/data"],
    ),
    "a claim and the volumes": Case(
        "pvc/data",
        {"obj": CLAIM, "related": {"persistentvolumes": [
            volume("small"), volume("other", "5Gi", ("ReadOnlyMany",)),
            volume("classy", "5Gi", storageClassName="fast"),
            volume("taken", "5Gi", claimRef={"namespace": "default", "name": "else"}), volume("good", "5Gi"),
        ]}},
        ["It is Pending: no volume is bound to it", "small: it has 1Gi, and 2Gi are asked for",
         "other: it does not offer ReadWriteOnce", "classy: its class is fast, not none",
         "taken: it is reserved for default/else", "good: would fit"],
    ),
    "a claim of no class": Case(
        "pvc/data",
        {"obj": {**CLAIM, "spec": {**CLAIM["spec"], "storageClassName": "fast"}}},
        ["Its storage class fast does not exist (there is none)", "There is no PersistentVolume at all"],
    ),
    "a claim that is bound": Case(
        "pvc/data",
        {"obj": {**CLAIM, "spec": {**CLAIM["spec"], "volumeName": "v"}, "status": {"phase": "Bound"}},
         "related": {"persistentvolumes": [volume("v")]}},
        ["It is Bound to the volume v"],
    ),
    "a job that gave up": Case(
        "job/j",
        {
            "obj": obj("Job", "j", {"backoffLimit": 1}, {"failed": 2, "conditions": [
                {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit"}]}),
            "pods": [pod("j-1", status={"phase": "Failed", "containerStatuses": [
                {"name": "c", "state": {"terminated": {"reason": "Error", "exitCode": 4}}}]},
                ownerReferences=[{"uid": "uid-j", "controller": True}])],
        },
        ["It has failed, BackoffLimitExceeded: limit", "2 failed, and it gives up after 1 retry",
         "Pod j-1: Container c has ended, Error, exit code 4"],
        ["has not acted on its latest change"],
    ),
    "a job that is suspended": Case("job/j", {"obj": obj("Job", "j", {"suspend": True})}, ["It is suspended"]),
    "a job with a deadline": Case(
        "job/j",
        {"obj": obj("Job", "j", {"activeDeadlineSeconds": 100}, {"active": 1, "startTime": at(40)})},
        ["1 pod active, 0 of 1 succeeded", "activeDeadlineSeconds of 100 end it in 1m"],
    ),
    "a cron job": Case(
        "cronjob/c",
        {
            "obj": obj("CronJob", "c", {"schedule": "0 3 * * *"}, {"lastScheduleTime": at(60)}),
            "said": [Said("cm", "reconcile", {**reconcile("cronjob"), "at": NOW - 10, "again": 130.0})],
            "related": {"jobs": [obj("Job", "c-1", status={"conditions": [
                {"type": "Failed", "status": "True", "message": "limit"}]}, ownerReferences=[{"uid": "uid-c"}])]},
        },
        [f"It runs next at {format_time(NOW + 120)}, in 2m: its schedule is 0 3 * * * (UTC)",
         "It last made a Job 1m ago; 0 of its Jobs are active", "Its Job c-1 failed: limit; orrery why job/c-1"],
    ),
    "a cron job that is suspended": Case(
        "cronjob/c",
        {"obj": obj("CronJob", "c", {"schedule": "* * * * *", "suspend": True})},
        ["It is suspended: no Job is made", "It has never made a Job"],
    ),
    "a node's lease": Case(
        "node/n1",
        {"obj": obj("Node", "n1", status=ready()),
         "related": {"leases": [obj("Lease", "n1", {"renewTime": at(81), "leaseDurationSeconds": 40})]}},
        ["renewed its lease 1m21s ago, which is more than the 40 s that it holds", "lease/n1@7"],
    ),
    "a node without a lease": Case("node/n1", {"obj": obj("Node", "n1")}, ["It has no lease"]),
    "a service's port that nobody declares": Case(
        "svc/web",
        {
            "obj": obj("Service", "web", {"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": 8080}]}),
            "pods": [{**pod(status=ready(), labels={"app": "a"}),
                      "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}}],
        },
        ["Its port 80 goes to port 8080 of the pods, which declare 80 only"],
    ),
    "a clock that stands": Case("cm/x", {"obj": obj("ConfigMap", "x"), "rate": 0.0}, ["The cluster's clock stands"]),
    "components that are away or not as usual": Case(
        "cm/x",
        {"obj": obj("ConfigMap", "x"), "away": {"controller-manager": "frozen", "kube-proxy-n1": "down"},
         "notes": {"scheduler": "replaced by python mine.py (orrery swap scheduler --back)"}},
        ["controller-manager gave no answer: frozen; no controller acts",
         "kube-proxy-n1 gave no answer: down; its node keeps",
         "scheduler is not as usual: replaced by python mine.py"],
    ),
    "many messages held": Case(
        "pod/web",
        {"obj": pod(), "held": [HeldMessage("s", "e", "Pod", "default", f"p{n}", "hold-1", 1.0) for n in range(200)],
         "rules": [RuleInForce(f"kubelet-{n}", "e", "hold", "hold-1", taken=n) for n in range(3)]},
        ["And 197 more messages are held", "A hold is in force at e in kubelet-1, kubelet-2; it took 3"],
    ),
    "nothing the matter": Case("cm/x", {"obj": obj("ConfigMap", "x")}, ["Nothing is the matter"]),
    "a kind that nobody knows better": Case(
        "hpa/x",
        {"obj": obj("HorizontalPodAutoscaler", "x", status={"conditions": [
            {"type": "ScalingActive", "status": "False", "reason": "R", "message": "m"}]})},
        ["ScalingActive is False (R): m"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_findings(name: str) -> None:
    case = CASES[name]
    case.evidence.setdefault("now", NOW)
    check(case)


def revision(number: int, writer: str = "w", *, version: int = 1, marked: bool = False, gone: bool = False) -> Revision:
    metadata = {"deletionTimestamp": "t"} if marked else {}
    raw = b"" if gone else json.dumps({"metadata": metadata}).encode()
    trace = f"00-{number:032x}-{'b' * 16}-01"
    return Revision(revision=number, writer=writer, version=version, deleted=gone, raw=raw, traceparent=trace)


def test_the_past_of_an_object() -> None:
    assert past([]) is None
    whole = past([revision(1), revision(2, "admin", version=2, marked=True), revision(3, gone=True)])
    assert whole is not None
    assert (whole.marked, whole.asked_by, whole.gone, whole.trace) == (2, "admin", 3, f"{3:032x}")
    compacted = past([revision(7, "controller", version=5, marked=True)])
    assert compacted is not None
    assert (compacted.marked, compacted.asked_by, compacted.trace) == (0, "", "")


@pytest.mark.parametrize(
    ("key", "within"),
    [
        ("/registry/pods/shop/web", True),
        ("/registry/services/specs/shop/web", True),
        ("/registry/example.com/widgets/shop/a", True),
        ("/registry/pods/other/shop", False),
        ("/registry/namespaces/shop", False),
        ("/registry/shop/x", False),
    ],
)
def test_what_is_in_a_namespace(key: str, within: bool) -> None:
    assert is_within(key, "shop") is within


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0.0),
        ([{"key": "k", "value": "v"}], None),
        ([{"key": "k", "value": "other"}], 0.0),
        ([{"key": "k", "operator": "Exists", "effect": "NoSchedule"}], 0.0),
        ([{"operator": "Exists", "tolerationSeconds": 60}, {"key": "k", "operator": "Exists"}], 60.0),
        ([{"operator": "Exists", "tolerationSeconds": -1}], 0.0),
    ],
)
def test_how_long_a_taint_is_tolerated(tolerations: list[JSON], seconds: float | None) -> None:
    assert tolerated_seconds(tolerations, TAINT) == seconds
