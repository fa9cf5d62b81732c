"""`orrery trace` on real processes: complete trees, again and again, with other work and restarts in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e_failures.conftest import up
from tests.support.cluster import ROOT, Cluster, eventually, eventually_says
from tests.support.kubectl import Kubectl
from tests.support.traces import (
    DOCKER,
    ROLLOUT,
    SERVICE,
    killed_meanwhile,
    kubectl_argv,
    missing_hops,
    other_work,
    spans_of,
    trace,
)

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

TRACES = int(os.environ.get("ORRERY_TRACES", "3"))
KILL_EVERY = 2 if TRACES < 10 else 5
KILLED = ("controller-manager", "kubelet-worker-1", "scheduler", "runtime-worker-1", "kubelet-worker-2")
SHOWN = bool(os.environ.get("ORRERY_TRACES_SHOWN"))  # whole trees of those that lack something
FIRST = "create deployments"
CREATE = ("--image=orrery/busybox:1", "--replicas=3", "--", "httpd", "-f", "-p", "80")


@pytest.fixture(scope="module", params=["sim", "docker"])
def traced(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cluster, Kubectl]]:
    cluster = Cluster(f"tr-{request.param}", tmp_path_factory.mktemp("tr"))
    try:
        yield cluster, up(cluster, runtime=request.param, nodes=2)
    finally:
        if cluster.root.exists():
            cluster.orrery("down", check=False)


@pytest.fixture
def sim(traced: tuple[Cluster, Kubectl]) -> tuple[Cluster, Kubectl]:
    if traced[0].name != "tr-sim":
        pytest.skip("nothing in it depends on the runtime")
    return traced


def test_a_rollout_is_one_tree(traced: tuple[Cluster, Kubectl], tmp_path: Path) -> None:
    cluster, kubectl = traced
    otlp, html = tmp_path / "trace.json", tmp_path / "trace.html"
    command = kubectl_argv(kubectl, "create", "deployment", "web", *CREATE)
    text = trace(cluster, "--otlp", str(otlp), "--html", str(html), command=command)
    wanted = ROLLOUT if cluster.name == "tr-sim" else {**ROLLOUT, **DOCKER}
    assert missing_hops(spans_of(otlp), 3, wanted) == [], text
    assert "no gaps" in text and "critical path: " in text and "decided create 3: 0 of 3 pods are active" in text
    assert "<svg" in html.read_text() and "http://" not in html.read_text()
    command = kubectl_argv(kubectl, "expose", "deployment", "web", "--port=80")
    text = trace(cluster, "--otlp", str(otlp), command=command)
    rules = [one for one in spans_of(otlp) if one["name"] == "rules update"]
    assert {one["component"] for one in rules} == {"kube-proxy-worker-1", "kube-proxy-worker-2"}, text


def test_afterwards_by_object(sim: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = sim
    kubectl("scale", "deployment/web", "--replicas=4")
    kubectl("rollout", "status", "deployment/web")
    said = ("create 1: 3 of 4 pods are active", "by kubernetes-admin", "schedule default/web")
    eventually_says("the scaling's trace", lambda: trace(cluster, "deployment/web"), *said)


def test_tracing_is_switched_off_and_on(sim: tuple[Cluster, Kubectl]) -> None:
    cluster, kubectl = sim
    assert "tracing is off" in cluster.orrery("tracing", "off").stdout
    try:
        assert "tracing: off, nothing leaves spans (orrery tracing on)" in cluster.orrery("status").stdout
        refused = cluster.orrery("trace", "--name", cluster.name, "--", "true", check=False)
        assert (refused.returncode, refused.stderr) == (1, "orrery: tracing is off: orrery tracing on\n")
        cluster.orrery("kill", "scheduler")  # who comes later keeps to it
        kubectl("create", "deployment", "unseen", "--image=orrery/busybox:1", "--", "sleep", "1000")
        kubectl("rollout", "status", "deployment/unseen", "--timeout=60s")
        assert "tracing is off: orrery tracing on" in cluster.orrery("trace", "deployment/unseen", check=False).stderr
        assert "it decided: no change" in cluster.orrery("why", "deployment/unseen").stdout
    finally:
        assert "tracing is on" in cluster.orrery("tracing", "on").stdout
    kubectl("delete", "deployment", "unseen", "--wait=false")
    assert "tracing" not in cluster.orrery("status").stdout


def test_a_deletion_carries_its_cause(sim: tuple[Cluster, Kubectl], tmp_path: Path) -> None:
    cluster, kubectl = sim
    kubectl("create", "configmap", "gone")
    kubectl("create", "deployment", "brief", "--image=orrery/busybox:1", "--", "sleep", "1000")
    kubectl("rollout", "status", "deployment/brief")
    otlp = tmp_path / "trace.json"
    command = kubectl_argv(kubectl, "delete", "deployment", "brief", "--wait=false")
    text = trace(cluster, "--otlp", str(otlp), command=command)
    names = {(one["component"].rpartition("-worker")[0] or one["component"], one["name"]) for one in spans_of(otlp)}
    assert ("controller-manager", "watch:deployments") in names, text
    assert ("apiserver", "delete replicasets") in names and ("apiserver", "delete pods") in names, text
    assert ("runtime", "/runtime.v1.RuntimeService/StopContainer") in names, text


def test_traces_in_a_row_are_complete(traced: tuple[Cluster, Kubectl], tmp_path: Path) -> None:
    """ORRERY_TRACES=100 for the whole of it. Other work goes on, and a component is killed while some are made."""
    cluster, kubectl = traced
    row = _Row(cluster, kubectl, tmp_path / "trace.json")
    kubectl("apply", "-f", "-", stdin=row.services())
    lacking: dict[str, list[str]] = {}
    with other_work(kubectl, "noise"):
        for number in range(TRACES):
            killed = KILLED[number // KILL_EVERY % len(KILLED)] if number % KILL_EVERY == KILL_EVERY - 1 else ""
            began = time.monotonic()
            found = row.trace(number, killed)
            took = f"{time.monotonic() - began:.1f} s"
            print(f"trace {number} {killed and f'({killed} killed)'}, {took}: {found or 'complete'}", flush=True)
            if found:
                lacking[f"{number} {killed}"] = found
    assert lacking == {}, json.dumps(lacking, indent=1)


@dataclass
class _Row:
    """Deployments `row-N`, each with a Service that is there before it."""

    cluster: Cluster
    kubectl: Kubectl
    otlp: Path

    def services(self) -> str:
        port = [{"port": 80}]
        made = [
            {"kind": "Service", "apiVersion": "v1", "metadata": {"name": f"row-{number}"}}
            | {"spec": {"selector": {"app": f"row-{number}"}, "ports": port}}
            for number in range(TRACES)
        ]
        return json.dumps({"kind": "List", "apiVersion": "v1", "items": made})

    def trace(self, number: int, killed: str) -> list[str]:
        """What the trace of one `kubectl create deployment` lacks."""
        name, hops = f"deployment/row-{number}", {**ROLLOUT, **SERVICE, **(DOCKER if self.docker else {})}
        command = kubectl_argv(self.kubectl, "create", "deployment", f"row-{number}", *CREATE)
        with killed_meanwhile(self.cluster, killed, 2 + number * 0.37 % 2) if killed else nullcontext():
            text = trace(self.cluster, "--wait", "60", "--otlp", str(self.otlp), command=command)
        if killed:  # its successor has work to do yet; looked at afterwards, the trace is to be whole all the same
            self.kubectl("rollout", "status", name)
            (wanted,) = {one["facts"]["orrery.trace_id"] for one in spans_of(self.otlp) if one["name"] == FIRST}
            text = trace(self.cluster, "--otlp", str(self.otlp), wanted)
            hops.pop(("command", "run"))
        self.kubectl("delete", name, "--wait=false")  # goes on beside the next trace
        lacking = missing_hops(spans_of(self.otlp), 3, hops, killed)
        told = (
            [text] if SHOWN else [line for line in text.splitlines() if line.startswith(("not asked", "not at rest"))]
        )
        return [*lacking, *told] if lacking else []

    @property
    def docker(self) -> bool:
        return self.cluster.name == "tr-docker"


@pytest.mark.parametrize("impatient", [False, True])
def test_a_command_that_is_interrupted_is_traced(sim: tuple[Cluster, Kubectl], impatient: bool) -> None:
    """Ctrl-C ends the command; a second one, the wait for its tree to be quiet."""
    cluster, kubectl = sim
    listed, watched = ("a-1", "a-2") if impatient else ("b-1", "b-2")
    kubectl("create", "configmap", listed)
    watching = kubectl_argv(kubectl, "get", "configmaps", "--watch")
    tracing = subprocess.Popen(
        [sys.executable, "-m", "cli", "trace", "--name", cluster.name, "--", *watching],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=cluster.environment,
        start_new_session=True,
    )  # fmt: skip
    _until_said(tracing, listed)
    kubectl("create", "configmap", watched)
    _until_said(tracing, watched)  # until then it may not have asked for the watch yet
    os.killpg(tracing.pid, signal.SIGINT)  # what Ctrl-C does
    children = Path(f"/proc/{tracing.pid}/task/{tracing.pid}/children")
    eventually("the command's end", lambda: tracing.poll() is not None or not children.read_text())
    while impatient and tracing.poll() is None:
        tracing.send_signal(signal.SIGINT)
        time.sleep(0.3)
    text, _ = tracing.communicate(timeout=60)
    assert "Traceback" not in text and ("apiserver watch configmaps" in text) is not impatient, text


def _until_said(process: subprocess.Popen[str], name: str) -> None:
    assert process.stdout is not None
    while not process.stdout.readline().startswith(f"{name} "):
        assert process.poll() is None


def test_wrong_use_gets_help(sim: tuple[Cluster, Kubectl]) -> None:
    cluster, _ = sim
    for words, said in {
        ("trace", "web"): "KIND/NAME",
        ("trace", "deployement/web"): "deployment",
        ("trace", "deployment/none"): "not found",
        ("trace", "0" * 32): "no component remembers it",
    }.items():
        done = cluster.orrery(*words, check=False)
        assert done.returncode == 1 and said in done.stderr, done.stderr
