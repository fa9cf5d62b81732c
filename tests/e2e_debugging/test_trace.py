"""`orrery trace` on real processes: complete trees, again and again, with other work and restarts in between."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e_failures.conftest import up
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.traces import DOCKER, ROLLOUT, kubectl_argv, missing_hops, spans_of, trace

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

TRACES = int(os.environ.get("ORRERY_TRACES", "10"))
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
    text = eventually("the scaling's trace", lambda: _scaled(trace(cluster, "deployment/web")))
    assert "by kubernetes-admin" in text and "schedule default/web" in text


def _scaled(text: str) -> str:
    return text if "create 1: 3 of 4 pods are active" in text else ""


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


def test_traces_in_a_row_are_complete(sim: tuple[Cluster, Kubectl], tmp_path: Path) -> None:
    """ORRERY_TRACES=100 for the whole of it. Other work goes on, and a controller is restarted in between."""
    cluster, kubectl = sim
    lacking: dict[int, list[str]] = {}
    for number in range(TRACES):
        otlp = tmp_path / "trace.json"
        command = kubectl_argv(kubectl, "create", "deployment", f"row-{number}", *CREATE)
        trace(cluster, "--otlp", str(otlp), command=command)
        if found := missing_hops(spans_of(otlp), 3):
            lacking[number] = found
        kubectl("delete", "deployment", f"row-{number}", "--wait=false")  # goes on beside the next trace
        if number % 5 == 4:
            _restart(cluster, ("controller-manager", "scheduler")[number // 5 % 2])
    assert lacking == {}, json.dumps(lacking, indent=1)


def _restart(cluster: Cluster, component: str) -> None:
    before = cluster.pid(component)
    cluster.orrery("restart", component)
    eventually(f"{component} restarted", lambda: cluster.pid(component) not in (0, before))


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
