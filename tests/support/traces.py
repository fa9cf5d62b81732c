"""Running `orrery trace` and saying which hops of a rollout a trace lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.cluster import ROOT, Cluster
from tests.support.kubectl import Kubectl

JSON = dict[str, Any]

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
        argv, capture_output=True, text=True, cwd=ROOT, env=cluster.environment, timeout=120, check=False
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


def missing_hops(spans: list[JSON], pods: int, wanted: dict[tuple[str, str], int] = ROLLOUT) -> list[str]:
    """[] if the trace is complete: every hop there, often enough, and all hanging together under one root."""
    counts: Counter[tuple[str, str]] = Counter()
    for span in spans:
        counts[(_role(span["component"]), span["name"])] += 1
    lacking = [
        f"{name} of {role}: {counts[(role, name)]} of {max(1, each * pods)}"
        for (role, name), each in wanted.items()
        if counts[(role, name)] < max(1, each * pods)
    ]
    return [*lacking, *_not_joined(spans), *_unwritten(spans)]


def _role(component: str) -> str:
    return next((role for role in ("kubelet", "runtime", "kube-proxy") if component.startswith(role)), component)


def _not_joined(spans: list[JSON]) -> Iterator[str]:
    ids = {span["spanId"] for span in spans}
    roots = [span for span in spans if span.get("parentSpanId") not in ids]
    if len(roots) != 1:
        yield f"{len(roots)} roots: {[(one['component'], one['name']) for one in roots]}"


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
