"""`orrery why` about containers that really fail: each answer names the true cause, and what it rests on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cluster import Cluster, eventually_says
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

HOG = "x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; while true; do x=$x$x; done"


def pod(name: str, command: str = "sleep 1000", **container: Any) -> dict[str, Any]:
    main = {"name": "c", "image": "orrery/busybox:1", "command": ["sh", "-c", command], **container}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [main]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def probe(path: str) -> dict[str, Any]:
    return {"exec": {"command": ["cat", path]}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 20}


def with_init(name: str, command: str) -> dict[str, Any]:
    made = pod(name)
    setup = {"name": "setup", "image": "orrery/busybox:1", "command": ["sh", "-c", command]}
    return {**made, "spec": {**made["spec"], "initContainers": [setup]}}


def without_shell(name: str, *argv: str) -> dict[str, Any]:
    made = pod(name)
    made["spec"]["containers"][0]["command"] = list(argv)
    return made


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "unready", "labels": {"app": "unready"}},
    "spec": {"selector": {"app": "unready"}, "ports": [{"port": 80, "targetPort": "http"}]},
}
FAILING = (
    pod("noimage", image="nosuch.invalid/image:1"),
    pod("crash", "echo fatal: no database; exit 7"),
    pod("hog", HOG, resources={"limits": {"memory": "16Mi"}}),
    without_shell("badcommand", "nosuchprogram"),
    pod("unready", readinessProbe=probe("/ready")),
    pod("notalive", livenessProbe=probe("/alive")),
    pod("noconfig", envFrom=[{"configMapRef": {"name": "nosuch"}}]),
    with_init("initfails", "echo cannot migrate; exit 3"),
    SERVICE,
)
ANSWERS = {
    "pod/noimage": ("Container c waits, ", "nosuch.invalid", "evidence: pod/noimage@"),
    "pod/crash": ("CrashLoopBackOff", "Error, exit code 7", "log: fatal: no database", "kubectl logs -n default crash"),
    "pod/hog": ("OOMKilled, exit code 137", "more memory than its limit of 16Mi allows"),
    "pod/badcommand": ("StartError, exit code 128", 'exec: "nosuchprogram": executable file not found'),
    "pod/unready": ("its readiness probe has not passed", "cat: can't open '/ready'", "probe; event unready."),
    "pod/notalive": ("was restarted", "Its liveness probe had failed", "can't open '/alive'", ": Killing ("),
    "pod/noconfig": ("CreateContainerConfigError", 'configmap "nosuch" not found'),
    "pod/initfails": ("Container setup", "exit code 3", "log: cannot migrate"),
    "service/unready": (
        "It has no endpoint that takes traffic",
        "Pod unready is selected but takes no traffic: it is not Ready",
        "container port named http, which 1 of 1 selected pods do not have",
    ),
}


def test_each_failure_is_named(cluster: Cluster, kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": FAILING}))
    for target, said in ANSWERS.items():
        _why(cluster, target, *said)


def test_a_partition_is_on_the_way(cluster: Cluster, kubectl: Kubectl) -> None:
    """The kubelet cannot tell what it did, and cannot hear of what it should do."""
    cluster.orrery("partition", "kubelet-worker-1", "apiserver", "--duration", "10m")
    made = pod("cutoff")
    made["spec"]["nodeName"] = "worker-1"
    kubectl("apply", "-f", "-", stdin=json.dumps(made))
    _why(cluster, "pod/cutoff", "in kubelet-worker-1", "fault (", "kubelet-worker-1 does not know of it")
    cluster.orrery("fault", "clear")
    kubectl("wait", "pod/cutoff", "--for=condition=Ready", "--timeout=60s")


def _why(cluster: Cluster, target: str, *said: str) -> str:
    return eventually_says(f"why {target}", lambda: cluster.orrery("why", target).stdout, *said)
