"""Two clusters on one machine and one engine: neither sees the other, and one goes without the other noticing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e_failures.conftest import MakeCluster, up
from tests.e2e_failures.test_dead_engine import IMAGE, pod, start
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.leftovers import leftovers

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

SERVE = "trap 'exit 0' TERM; mkdir -p /www; echo %s > /www/index.html; httpd -p 80 -h /www; sleep 100000 & wait"


def serve(kubectl: Kubectl, text: str) -> None:
    """A pod `web` that answers `text`, a Service `web` before it, and a pod `box` to ask from."""
    start(kubectl, pod("web", SERVE % text), pod("box", "trap 'exit 0' TERM; sleep 100000 & wait"))
    kubectl("expose", "pod", "web", "--port=80")


def asked(kubectl: Kubectl, host: str = "web") -> str:
    return kubectl.run("exec", "box", "--", "wget", "-q", "-T", "3", "-O-", f"http://{host}/").out.strip()


def containers(cluster: Cluster) -> set[str]:
    return {line for line in leftovers(cluster) if line.startswith("container ")}


def test_two_clusters_side_by_side(make_cluster: MakeCluster) -> None:
    one, two = make_cluster("first"), make_cluster("second")
    first, second = up(one, runtime="docker"), up(two, runtime="docker")
    serve(first, "from-the-first")
    serve(second, "from-the-second")
    eventually("the first's service", lambda: asked(first) == "from-the-first")
    eventually("the second's service", lambda: asked(second) == "from-the-second")
    assert not containers(one) & containers(two)
    assert subnet(one) != subnet(two)

    # Each has its own objects under the same names, and its own nodes, credentials and ports.
    first("delete", "pod", "web", "--grace-period=0")
    assert second.json("get", "pod", "web")["status"]["phase"] == "Running"
    crossed = Kubectl(first.binary, first.kubeconfig, first.context)
    port = json.loads((two.root / "cluster.json").read_text())["ports"]["apiserver"]
    refused = crossed.run("get", "pods", f"--server=https://127.0.0.1:{port}")
    assert refused.code == 1 and "certificate signed by unknown authority" in refused.err

    pids = {name: process["pid"] for name, process in two.processes().items()}
    before = containers(two)
    one.orrery("down")
    assert [line for line in leftovers(one) if f"/{one.name}/" in line or not line.startswith("process ")] == []
    assert containers(two) == before
    assert {name: process["pid"] for name, process in two.processes().items()} == pids
    assert asked(second) == "from-the-second"
    second("run", "later", f"--image={IMAGE}", "--command", "--", "sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
    second("wait", "--for=condition=Ready", "pod/later", "--timeout=20s")
    assert two.context in second("config", "current-context") and one.context not in second("config", "get-contexts")


def test_a_namesake_on_the_same_engine_is_refused(make_cluster: MakeCluster, home: Path) -> None:
    one, simulated = make_cluster("namesake"), Cluster("f-namesake", home / "sim")
    up(one, runtime="docker", nodes=0)
    other = Cluster(one.name, home / "other")
    refused = other.orrery("up", "--runtime", "docker", check=False)
    assert refused.returncode == 1
    assert f"another cluster f-namesake runs on this engine, with its files in {one.root}" in refused.stderr
    assert not other.root.joinpath("cluster.json").exists()
    try:
        simulated.orrery("up", "--runtime", "sim", "--nodes", "1")  # whose pods are no containers
    finally:
        simulated.orrery("down")


def subnet(cluster: Cluster) -> str:
    return cluster.orrery("status").stdout.split("network ")[1].split()[0]
