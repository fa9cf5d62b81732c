"""Running `orrery trace` and saying which hops of a rollout a trace lacks; and what disturbs it meanwhile."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.kubectl import Kubectl

JSON = dict[str, Any]
OTHER_WORK_SECONDS = 3.0  # between two scalings

ROLLOUT: dict[tuple[str, str], int] = {
    ("command", "run"): 0,
    ("apiserver", "create deployments"): 0,
    ("controller-manager", "watch:deployments"): 0,
    ("controller-manager", "reconcile:deployment"): 0,
    ("apiserver", "create replicasets"): 0,
    ("controller-manager", "watch:replicasets"): 0,
    ("controller-manager", "reconcile:replicaset"): 0,
    ("apiserver", "create pods"): 1,
    ("scheduler", "watch:pods"): 1,
    ("scheduler", "schedule"): 1,
    ("apiserver", "create pods/binding"): 1,
    ("kubelet", "watch:pods"): 1,
    ("kubelet", "sync pod"): 2,
    ("runtime", "/runtime.v1.RuntimeService/RunPodSandbox"): 1,
    ("runtime", "/runtime.v1.RuntimeService/CreateContainer"): 1,
    ("runtime", "/runtime.v1.RuntimeService/StartContainer"): 1,
    ("kubelet", "reconcile:pod-status"): 1,
    ("apiserver", "patch pods/status"): 1,
    ("apiserver", "patch replicasets/status"): 0,
    ("apiserver", "patch deployments/status"): 0,
}
"""Component, span, and how many there must be for each pod (0: one is enough)."""

DOCKER: dict[tuple[str, str], int] = {("runtime", "docker:create_container"): 2, ("runtime", "docker:start"): 2}

SERVICE: dict[tuple[str, str], int] = {
    ("controller-manager", "reconcile:endpointslice"): 0,
    ("kube-proxy", "watch:endpointslices"): 0,
    ("kube-proxy", "sync"): 0,
    ("kube-proxy", "rules update"): 0,
}
"""If a Service selects the pods."""

SAYS: dict[str, tuple[str, ...]] = {
    "reconcile:deployment": ("read", "decided"),
    "reconcile:replicaset": ("read", "decided"),
    "reconcile:endpointslice": ("read", "decided"),
    "schedule": ("decided",),
    "sync pod": ("decided",),
    "create deployments": ("user",),
    "create pods": ("user", "authorized", "revision"),
    "create pods/binding": ("user", "authorized"),
    "etcd txn": ("key", "outcome", "revision"),
}
"""What every whole hop of a name must tell, unless it failed."""


def trace(cluster: Cluster, *flags: str, command: list[str] | None = None) -> str:
    """What `orrery trace` prints."""
    argv = [
        sys.executable,
        "-m",
        "cli",
        "trace",
        "--name",
        cluster.name,
        *flags,
        *(["--", *command] if command else []),
    ]
    done = subprocess.run(
        argv, capture_output=True, text=True, cwd=ROOT, env=cluster.environment, timeout=300, check=False
    )
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def kubectl_argv(kubectl: Kubectl, *args: str) -> list[str]:
    return [kubectl.binary, "--context", kubectl.context, "-n", kubectl.namespace, *args]


def spans_of(path: Path) -> list[JSON]:
    """OTLP/JSON as flat spans with `component` and `facts`."""
    found = []
    for resource in json.loads(path.read_text())["resourceSpans"]:
        component = resource["resource"]["attributes"][0]["value"]["stringValue"]
        for span in resource["scopeSpans"][0]["spans"]:
            facts = {one["key"]: one["value"]["stringValue"] for one in span["attributes"]}
            found.append({**span, "component": component, "facts": facts})
    return found


def missing_hops(
    spans: list[JSON], pods: int, wanted: dict[tuple[str, str], int] = ROLLOUT, killed: str = ""
) -> list[str]:
    """[] if the trace is complete: every hop there, often enough, all hanging together under one root, and telling.

    What the component `killed` meanwhile did not see as it happened, its successor found in its first list.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for span in spans:
        counts[(_role(span["component"]), span["name"])] += 1
    listed = {(role, name) for role, name in wanted if killed and role == _role(killed) and name.startswith("watch:")}
    lacking = [
        f"{name} of {role}: {counts[(role, name)]} of {max(1, each * pods)}"
        for (role, name), each in wanted.items()
        if counts[(role, name)] < max(1, each * pods) and (role, name) not in listed
    ]
    return [*lacking, *_not_joined(spans), *_unwritten(spans), *_silent(spans)]


def _silent(spans: list[JSON]) -> Iterator[str]:
    """Every hop says what it read, decided and wrote."""
    for span in spans:
        facts = span["facts"]
        if {"error", "interrupted"} & facts.keys() or int(span["endTimeUnixNano"]) == 0:
            continue
        for fact in SAYS.get(span["name"], ()):
            if not facts.get(fact):
                yield f"{span['name']} of {span['component']} does not say what it {fact}: {facts}"


def _role(component: str) -> str:
    return next((role for role in ("kubelet", "runtime", "kube-proxy") if component.startswith(role)), component)


def _not_joined(spans: list[JSON]) -> Iterator[str]:
    ids = {span["spanId"] for span in spans}
    roots = [span for span in spans if span.get("parentSpanId") not in ids]
    if len(roots) != 1:
        yield f"{len(roots)} roots: {[(one['component'], one['name']) for one in roots]}"
    for span in spans:
        if "orrery.gap" in span["facts"]:
            yield f"{span['name']} of {span['component']} has lost its cause"


def _unwritten(spans: list[JSON]) -> Iterator[str]:
    """Every write must show its etcd transaction and its admission."""
    children: dict[str, set[str]] = {}
    for span in spans:
        children.setdefault(span.get("parentSpanId", ""), set()).add(span["name"])
    for span in spans:
        revised = span["component"] == "apiserver" and "revision" in span["facts"] and span["name"] != "etcd txn"
        if revised and span["name"].startswith("create ") and "/" not in span["name"]:
            for hop in ("etcd txn", "admission mutate", "admission validate"):
                if hop not in children.get(span["spanId"], set()):
                    yield f"{span['name']} without {hop}"


@contextmanager
def other_work(kubectl: Kubectl, name: str) -> Iterator[None]:
    """A Deployment scaled up and down all the while."""
    kubectl("create", "deployment", name, "--image=orrery/busybox:1", "--", "sleep", "100000")
    over = threading.Event()

    def scale() -> None:
        for replicas in itertools.cycle((3, 1)):
            kubectl("scale", f"deployment/{name}", f"--replicas={replicas}")
            if over.wait(OTHER_WORK_SECONDS):
                return

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(scale)
        try:
            yield
        finally:
            over.set()
    working.result()
    kubectl("delete", "deployment", name, "--wait=false")


@contextmanager
def killed_meanwhile(cluster: Cluster, component: str, seconds: float) -> Iterator[None]:
    """SIGKILL for `component` so long after the body has begun; in the end it runs again."""
    before = cluster.pid(component)
    timer = threading.Timer(seconds, os.kill, (before, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        eventually(f"{component} runs again", lambda: cluster.pid(component) not in (0, before))
