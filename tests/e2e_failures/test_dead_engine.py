"""The Docker engine dies while pods run, and comes back: nodes say why, and no container notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e_failures.conftest import MakeCluster, up
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.leftovers import leftovers
from tests.support.socket_proxy import SocketProxy, socket_proxy

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

IMAGE = "orrery/busybox:1"
COUNT = "trap 'exit 0' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"
MANY_PROBES = 6  # of two kinds, each three times: more often than the two in a row that count as a failure
NOTICE_SECONDS = 30  # from the engine's death or return until every node says so

HANG_SECONDS = 60  # the same for one that hangs: 5 s between pings, 10 s for an answer, 5 s between checks


@dataclass(frozen=True)
class Setup:
    """A cluster of two nodes behind an engine that can be made to die."""

    cluster: Cluster
    kubectl: Kubectl
    engine: SocketProxy

    def node_states(self) -> list[tuple[str, str]]:
        """(Ready's status, its message) of each node."""
        nodes = self.kubectl.json("get", "nodes")["items"]
        ready = [one for node in nodes for one in node["status"]["conditions"] if one["type"] == "Ready"]
        return [(one["status"], one["message"]) for one in ready]

    def nodes_are(self, status: str) -> bool:
        return all(state == status for state, _ in self.node_states())

    def runs(self) -> dict[str, tuple[str, int]]:
        """(container id, restarts) by pod, of those that have started."""
        found = {}
        for pod in self.kubectl.json("get", "pods")["items"]:
            for status in pod["status"].get("containerStatuses", []):
                found[pod["metadata"]["name"]] = (status.get("containerID", ""), status["restartCount"])
        return found

    def cut(self) -> None:
        self.engine.cut()
        eventually("nodes not ready", lambda: self.nodes_are("False"), seconds=NOTICE_SECONDS)

    def restore(self) -> None:
        self.engine.restore()
        eventually("nodes ready", lambda: self.nodes_are("True"), seconds=NOTICE_SECONDS)


@pytest.fixture
def setup(make_cluster: MakeCluster, home: Path) -> Iterator[Setup]:
    with socket_proxy(home) as engine:
        cluster = make_cluster("engine", DOCKER_HOST=engine.address)
        yield Setup(cluster, up(cluster, runtime="docker", nodes=2), engine)
        engine.thaw()
        engine.restore()
        cluster.orrery("down")


def pod(name: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": IMAGE, "command": ["sh", "-c", script], **spec.pop("container", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 2, **spec},
    }


def start(kubectl: Kubectl, *pods: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    kubectl("wait", "--for=condition=Ready", "pods", "--all", "--timeout=30s")


def test_an_engine_that_dies_and_returns(setup: Setup) -> None:
    kubectl = setup.kubectl
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1, "failureThreshold": 2}
    start(
        kubectl,
        pod("counter", COUNT, nodeName="worker-1"),
        pod("probed", COUNT, container={"livenessProbe": probe, "readinessProbe": probe}, nodeName="worker-2"),
        pod("leaving", COUNT, nodeName="worker-1"),
    )
    before = setup.runs()
    setup.cut()
    for _, message in setup.node_states():
        assert "container runtime not ready" in message and "docker engine does not answer" in message

    # While it is dead: nothing starts and nothing ends, and everybody is told why.
    kubectl("delete", "pod", "leaving", "--wait=false")
    start_later = [pod("bound", COUNT, nodeName="worker-1"), pod("unbound", COUNT)]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": start_later}))
    eventually("an event at the bound pod", lambda: _says(kubectl, "bound", "docker engine does not answer"))
    eventually("an event at the unbound pod", lambda: _says(kubectl, "unbound", "untolerated taint"))
    shown = {line.split()[0]: line.split()[2] for line in kubectl("get", "pods", "--no-headers").splitlines()}
    assert (shown["bound"], shown["unbound"], shown["leaving"]) == ("ContainerCreating", "Pending", "Terminating")
    assert "docker engine does not answer" in kubectl.run("exec", "counter", "--", "true").err
    kubectl("logs", "counter", "--tail=1")  # what is written already can be read
    eventually("probes that could not be carried out", lambda: _probes_failed(kubectl, "probed") >= MANY_PROBES)

    setup.restore()
    kubectl("wait", "--for=condition=Ready", "pods", "counter", "probed", "bound", "unbound", "--timeout=60s")
    kubectl("wait", "--for=delete", "pod/leaving", "--timeout=60s")
    after = setup.runs()
    assert {name: after[name] for name in ("counter", "probed")} == {
        name: before[name] for name in ("counter", "probed")
    }
    assert all(restarts == 0 for _, restarts in after.values())
    kubectl("exec", "counter", "--", "true")
    for name in ("counter", "probed"):
        assert_whole(kubectl, name)


def _says(kubectl: Kubectl, name: str, text: str) -> bool:
    events = kubectl.json("get", "events", "--field-selector", f"involvedObject.name={name}")["items"]
    return any(text in one["message"] for one in events)


def _probes_failed(kubectl: Kubectl, name: str) -> int:
    events = kubectl.json("get", "events", "--field-selector", f"involvedObject.name={name},reason=Unhealthy")["items"]
    return sum(one["count"] for one in events)


def assert_whole(kubectl: Kubectl, name: str) -> None:
    """The log counts from one, without a gap and without a repetition, and goes on."""

    def lines() -> list[int]:
        return [int(line) for line in kubectl("logs", name).split()]

    seen = len(lines())
    eventually("the log goes on", lambda: len(lines()) > seen + 20)
    found = lines()
    assert found == list(range(1, len(found) + 1))


def test_an_engine_that_flaps(setup: Setup) -> None:
    """Ten short deaths while a Deployment rolls out: it arrives, and each pod has one container of each name."""
    kubectl = setup.kubectl
    kubectl("create", "deployment", "web", f"--image={IMAGE}", "--replicas=6", "--", "sh", "-c", COUNT)
    for _ in range(10):
        taken, refused = setup.engine.taken, setup.engine.refused
        setup.engine.refuse()
        eventually("somebody is refused", lambda was=refused: setup.engine.refused > was)  # type: ignore[misc]
        setup.engine.restore()
        eventually("somebody comes back", lambda was=taken: setup.engine.taken > was)  # type: ignore[misc]
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    eventually("nodes ready", lambda: setup.nodes_are("True"), seconds=NOTICE_SECONDS)
    pods = kubectl.json("get", "pods", "-l", "app=web")["items"]
    assert len(pods) == 6
    for one in pods:
        (status,) = one["status"]["containerStatuses"]
        assert status["restartCount"] == 0
        assert_whole(kubectl, one["metadata"]["name"])
    sandboxes = eventually("nothing but a sandbox and a container each", lambda: _twelve(setup.cluster))
    assert len(sandboxes) == 12


def _twelve(cluster: Cluster) -> list[str]:
    """Lines of containers, when there are exactly as many as six pods need (and two nodes)."""
    lines = [line for line in leftovers(cluster) if line.startswith("container ")]
    return lines[2:] if len(lines) == 14 else []


def test_an_engine_that_hangs(setup: Setup) -> None:
    """It takes connections and says nothing: that, too, is noticed, and nothing is lost."""
    start(setup.kubectl, pod("counter", COUNT))
    before = setup.runs()
    setup.engine.hang()
    setup.kubectl("run", "later", f"--image={IMAGE}", "--command", "--", "sh", "-c", COUNT)
    eventually("nodes not ready", lambda: setup.nodes_are("False"), seconds=HANG_SECONDS)
    for _, message in setup.node_states():
        assert "docker engine does not answer: it has not answered a ping for 10 s" in message
    setup.engine.thaw()
    eventually("nodes ready", lambda: setup.nodes_are("True"), seconds=NOTICE_SECONDS)
    setup.kubectl("wait", "--for=condition=Ready", "pods", "counter", "later", "--timeout=60s")
    after = setup.runs()
    assert after["counter"] == before["counter"] and after["later"][1] == 0
    assert_whole(setup.kubectl, "counter")


def test_down_while_the_engine_is_dead(setup: Setup) -> None:
    """What can be ended is; the rest when the engine is back."""
    start(setup.kubectl, pod("one", COUNT))
    setup.engine.cut()
    done = setup.cluster.orrery("down", check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    said = done.stderr.strip()
    assert said.startswith("orrery: cluster f-engine is stopped, but its containers could not be removed (")
    assert said.endswith("orrery down --name f-engine tries again") and len(said.splitlines()) == 1
    assert not [line for line in leftovers(setup.cluster) if line.startswith("process ")]
    refused = setup.cluster.orrery("up", "--runtime", "docker", check=False)
    assert refused.returncode == 1 and "--runtime docker, but no Docker engine answers at" in refused.stderr
    setup.engine.restore()
    setup.cluster.orrery("down")
    assert leftovers(setup.cluster) == []
