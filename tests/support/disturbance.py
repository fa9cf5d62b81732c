"""A set of objects to apply, and all that can be held and broken meanwhile: what remains of that afterwards?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.kubectl import Kubectl

JSON = dict[str, Any]

SPACE = "shop"
IMAGE = "orrery/busybox:1"
RUN = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
OURS = f"namespace={SPACE}"

HOLDS: tuple[tuple[str, ...], ...] = (
    ("schedule:bind", "--match", f"{OURS},name=many-*"),
    ("rpc:/runtime*", "--match", f"{OURS},name=few-*"),
    ("reconcile:statefulset", "--match", OURS),
    ("watch:jobs", "--component", "controller-manager", "--match", OURS),
    ("apiwatch:services", "--match", OURS),
    ("rpc:*WriteMany", "--component", "controller-manager", "--match", f"{OURS},name=web*"),
)
"""What is held, each on another kind of edge."""

FAULTS: tuple[JSON, ...] = (
    {"edge": "rpc:*WriteMany", "match": {"name": "many-*"}, "error": "UNAVAILABLE", "probability": 0.1, "seed": 1},
    {"edge": "rpc:*WriteMany", "match": {"name": "many-*"}, "delay": "20ms", "jitter": "10ms", "seed": 2},
    {"edge": "rpc:*WriteMany", "component": "kubelet-*", "match": {"name": "few-*"}, "error": "ABORTED", "count": 3},
    {"edge": "serve:*WriteMany", "match": {"name": "many-*"}, "drop": True, "count": 5},
    {"edge": "rpc:*RunPodSandbox", "match": {"name": "many-*"}, "error": "INTERNAL", "count": 3},
    {"edge": "rpc:*CreateContainer", "drop": True, "count": 3},
    {"edge": "rpc:*StartContainer", "delay": "100ms", "jitter": "50ms", "seed": 3},
    {"edge": "rpc:/runtime*", "match": {"name": "many-*"}, "reorder": True, "count": 6},
    {"edge": "watch:pods", "component": "kubelet-*", "match": {"name": "many-*"}, "delay": "50ms", "count": 20},
    {"edge": "watch:pods", "component": "scheduler", "match": {"name": "many-*"}, "duplicate": True, "count": 20},
    {"edge": "watch:replicasets", "duplicate": True, "count": 5},
    {"edge": "apiwatch:pods", "match": {"name": "many-*"}, "delay": "20ms", "count": 20},
    {"edge": "apiwatch:deployments", "duplicate": True, "count": 5},
    {"edge": "reconcile:replicaset", "match": {"name": "many-*"}, "duplicate": True, "count": 5},
    {"edge": "reconcile:deployment", "error": "INTERNAL", "count": 3},
    {"edge": "reconcile:*", "match": {"name": "few*"}, "reorder": True, "count": 4},
    {"edge": "schedule:cycle", "match": {"name": "many-*"}, "error": "UNAVAILABLE", "count": 3},
    {"edge": "schedule:bind", "match": {"name": "many-*"}, "drop": True, "count": 3},
    {"edge": "etcd:txn", "match": {"name": "many-*"}, "error": "UNAVAILABLE", "probability": 0.1, "seed": 4},
    {"edge": "etcd:watch", "match": {"name": "many-*"}, "delay": "5ms", "jitter": "5ms", "seed": 5},
    {"edge": "nft:apply", "error": "UNAVAILABLE", "count": 2},
)
"""Rules of every kind. Nothing that is lost for good: a watch event that nobody sees again is a loss by intent."""


def meta(name: str, **more: Any) -> JSON:
    return {"name": name, "namespace": SPACE, "labels": {"app": name}, **more}


def pods(name: str, *command: str, **spec: Any) -> JSON:
    container = {"name": "main", "image": IMAGE, "command": list(command) or RUN}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **spec}}


def workload(kind: str, name: str, **spec: Any) -> JSON:
    body = {"selector": {"matchLabels": {"app": name}}, "template": pods(name), **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta(name), "spec": body}


def service(name: str, **spec: Any) -> JSON:
    body = {"selector": {"app": name}, "ports": [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": body}


def objects(many: int) -> list[JSON]:
    """`many` pods of one Deployment, and a little of everything else."""
    once = {"template": pods("once", "true", restartPolicy="Never"), "completions": 3, "parallelism": 3}
    nightly = {"schedule": "0 0 * * *", "suspend": True, "jobTemplate": {"spec": once}}
    disruption = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("shop")},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("colours"), "data": {"sky": "blue"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta("keys"), "stringData": {"door": "open"}},
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("quota"), "spec": {"hard": {"pods": "500"}}},
        workload("Deployment", "many", replicas=many),
        workload("Deployment", "few", replicas=3),
        workload("Deployment", "web", replicas=3),
        workload("Deployment", "leaving", replicas=2),
        workload("StatefulSet", "db", replicas=2, serviceName="db"),
        workload("DaemonSet", "agent"),
        service("web"),
        service("db", clusterIP="None"),
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("once"), "spec": once},
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta("nightly"), "spec": nightly},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta("web"), "spec": disruption},
    ]


def apply(kubectl: Kubectl, many: int, *, roll: Cluster | None = None) -> None:
    """And change some of it at once: scaled, deleted while it is under way, and in cluster `roll` rolled out anew.

    Not where controllers may be kept from seeing the first version: that leaves no ReplicaSet of it.
    """
    kubectl = replace(kubectl, namespace=SPACE)
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects(many)}))
    kubectl("scale", "deployment/few", "--replicas=5")
    if roll is not None:
        cluster = roll
        eventually("web's first version is seen", lambda: _is_seen(cluster, kubectl))
        kubectl("set", "env", "deployment/web", "SKY=blue")
    kubectl("delete", "deployment/leaving", "--wait=false")


def _is_seen(cluster: Cluster, kubectl: Kubectl) -> bool:
    """Is there a ReplicaSet of it, or is the write of one held?"""
    return "/web-" in kubectl("get", "replicasets", "-o", "name") or any(
        one["edge"].endswith("WriteMany") and one["name"].startswith("web-") for one in held(cluster)
    )


def wait_done(kubectl: Kubectl) -> None:
    """Every workload is what its spec says."""
    kubectl = replace(kubectl, namespace=SPACE)
    for one in ("deployment/many", "deployment/few", "deployment/web", "statefulset/db", "daemonset/agent"):
        kubectl("rollout", "status", one, "--timeout=120s", timeout=130)
    kubectl("wait", "--for=condition=Complete", "job/once", "--timeout=120s", timeout=130)
    eventually("nothing is left of it", lambda: "app=leaving" not in kubectl("get", "pods", "--show-labels"))


def remove(kubectl: Kubectl) -> None:
    kubectl("delete", "namespace", SPACE, "--timeout=120s", timeout=130)


@contextmanager
def captured(cluster: Cluster, file: Path) -> Iterator[None]:
    """All traffic, with bodies, goes to `file` within the body."""
    command = [sys.executable, "-m", "cli", "wire", "--body", "--record", str(file), "--name", cluster.name]
    wire = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT, env=cluster.environment)
    try:
        yield
    finally:
        wire.terminate()
        wire.wait()


def held(cluster: Cluster) -> list[JSON]:
    found: list[JSON] = json.loads(cluster.orrery("held", "--json").stdout)
    return found


def hold_and_break(
    cluster: Cluster, file: Path, holds: Iterable[Sequence[str]] = HOLDS, more: Iterable[JSON] = ()
) -> None:
    """Every rule, `more` of them, and every hold; `file` is for the rules."""
    faults = [dict(one) if "count" in one else {**one, "duration": "10m"} for one in (*FAULTS, *more)]
    file.write_text(json.dumps({"faults": faults}))
    cluster.orrery("fault", "apply", "-f", str(file))
    assert len(json.loads(cluster.orrery("fault", "list", "--json").stdout)) >= 20
    for one in holds:
        cluster.orrery("hold", *one)


def let_everything_go(cluster: Cluster) -> None:
    cluster.orrery("release", "--all")
    cluster.orrery("fault", "clear")
    left: list[JSON] = []

    def none_held() -> bool:
        left[:] = held(cluster)
        return not left

    try:
        eventually("nothing is held", none_held)
    except AssertionError:
        raise AssertionError(f"still held: {left}") from None
