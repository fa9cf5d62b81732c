"""Components held at real breakpoints while real containers run: nothing is lost, however long somebody looks.

`ORRERY_HOLD_SECONDS=300` holds each for five minutes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from apimachinery.clock import ClockState
from tests.e2e.test_kubectl import IMAGE, SERVE
from tests.e2e_debugging_docker.conftest import empty
from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.dap import Debugger
from tests.support.kubectl import Kubectl
from tests.support.losses import Survey, lost, revision, survey, told_otherwise
from wire.seams import read_clock

pytest.importorskip("debugpy")
pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

EACH_SECONDS = float(os.environ.get("ORRERY_HOLD_SECONDS", "2"))
ALL_SECONDS = float(os.environ.get("ORRERY_HOLD_SECONDS", "18"))
"""Longer than a leader's lease of 15 s, unless told otherwise."""

NODES = ["worker-1", "worker-2"]
PROBE = {"periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 6}  # patient: the machine may be busy
BEGIN = {"periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 60}


@dataclass(frozen=True)
class Stand:
    """Where a component is made to stand, and what brings it there."""

    component: str
    file: str
    text: str
    """In the line of the breakpoint."""
    poke: tuple[str, ...]
    """A kubectl command that leads there; `{turn}` makes its object another one each time."""


def pod_on(node: str) -> tuple[str, ...]:
    """To a node at once, past the scheduler."""
    overrides = json.dumps({"spec": {"nodeName": node}}).replace("{", "{{").replace("}", "}}")
    return ("run", f"{{turn}}-{node}", f"--image={IMAGE}", f"--overrides={overrides}", "--", "sleep", "100000")


STANDS = (
    Stand("controller-manager", "controller_manager/controllers/deployment.py",
          "if compile_selector(deployment.spec.selector).everything",
          ("create", "deployment", "{turn}", f"--image={IMAGE}", "--replicas=0", "--", "true")),
    Stand("scheduler", "scheduler/cycle.py", '"schedule:cycle"',
          ("run", "{turn}", f"--image={IMAGE}", "--", "sleep", "100000")),
    Stand("kubelet-worker-1", "kubelet/pod_sync.py", "state = context.cache.get(pod.uid)", pod_on("worker-1")),
    Stand("runtime-worker-2", "cri/runtime_service.py", "await self._backend.run_sandbox(", pod_on("worker-2")),
    Stand("kube-proxy-worker-1", "kube_proxy/proxier.py", "pass_through(GATE",
          ("create", "service", "clusterip", "{turn}", "--tcp=80")),
    Stand("apiserver", "apiserver/registry/store.py", "resource, strategy = write.resource",
          ("create", "configmap", "{turn}")),
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """One that stands at its breakpoint."""

    stand: Stand
    debugger: Debugger
    thread: int
    poke: subprocess.Popen[str]

    def let_go(self) -> None:
        self.debugger.clear(ROOT / self.stand.file)
        self.debugger.go_on(self.thread)
        _, said = self.poke.communicate(timeout=60)
        assert self.poke.returncode == 0, said


@pytest.fixture(scope="module")
def ports(cluster: Cluster) -> Iterator[dict[str, int]]:
    """Every component of STANDS under debug, and where it waits for a debugger."""
    chosen = {stand.component: free_port() for stand in STANDS}
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda one: cluster.orrery("debug", one[0], "--port", str(one[1])), chosen.items()))
    yield chosen
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda component: cluster.orrery("debug", component, "--off"), chosen))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def steady(cluster: Cluster, admin: Kubectl, ports: dict[str, int]) -> Iterator[Kubectl]:
    """Pods with probes of every second on both nodes, behind a Service; everybody leads who is to lead."""
    container = {
        "name": "web", "image": IMAGE, "command": list(SERVE),
        "startupProbe": {"httpGet": {"path": "/", "port": 80}, **BEGIN},
        "livenessProbe": {"httpGet": {"path": "/", "port": 80}, **PROBE},
        "readinessProbe": {"exec": {"command": ["true"]}, **PROBE},
    }  # fmt: skip
    labels = {"app": "steady"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "steady", "labels": labels},
        "spec": {"replicas": 4, "selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip
    admin("apply", "-f", "-", stdin=json.dumps(deployment))
    admin("expose", "deployment", "steady", "--port=80")
    admin("rollout", "status", "deployment/steady", "--timeout=170s", timeout=180)
    admin("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
    eventually("two leaders", lambda: {"kube-scheduler", "kube-controller-manager"} <= set(holders(admin)))
    yield admin
    empty(cluster, admin)


def holders(kubectl: Kubectl) -> dict[str, str]:
    leases = kubectl.json("get", "leases", "-n", "kube-system")["items"]
    return {one["metadata"]["name"]: name for one in leases if (name := one["spec"]["holderIdentity"])}


@contextmanager
def held(stand: Stand, port: int, kubectl: Kubectl, turn: str) -> Iterator[Held]:
    file = ROOT / stand.file
    (number,) = (number for number, text in enumerate(file.read_text().splitlines(), 1) if stand.text in text)
    with Debugger(port) as debugger:
        debugger.break_at(file, number)
        poke = kubectl.start(*(word.format(turn=turn) for word in stand.poke))
        yield Held(stand, debugger, debugger.stopped(), poke)


def line(cluster: Cluster) -> ClockState:
    """Where the clock stands, or how it goes; whom it waits for is written beside that, and may come later."""
    found = read_clock(cluster.root / "clock.json")
    assert found is not None
    return found


def rate(cluster: Cluster) -> float:
    return line(cluster).rate


def look_at(cluster: Cluster, every: list[Held], seconds: float) -> None:
    """For so many real seconds, in which the cluster's clock stands."""
    eventually("the clock stands", lambda: rate(cluster) == 0)
    stood = line(cluster)
    began = time.monotonic()
    time.sleep(seconds)  # whoever looks
    took = time.monotonic() - began
    assert line(cluster) == stood
    states = cluster.processes()
    assert all("stands still" in states[one.stand.component]["note"] for one in every)
    names = ", ".join(one.stand.component for one in every)
    print(f"{names}: held {took:.1f} s, in which no second of the cluster's passed")


def assert_well(cluster: Cluster, kubectl: Kubectl) -> None:
    """Time goes on, and every component still does its part: a new pod is made, placed, started, served and reached."""
    eventually("the clock goes on", lambda: rate(cluster) == 1)
    scaled = kubectl.json("get", "deployment", "steady")["spec"]["replicas"] + 1
    kubectl("scale", "deployment/steady", f"--replicas={scaled}")
    kubectl("rollout", "status", "deployment/steady", "--timeout=170s", timeout=180)
    pods = kubectl.json("get", "pods", "-l", "app=steady")["items"]
    assert {one["spec"]["nodeName"] for one in pods} == set(NODES)
    newest = max(pods, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["resourceVersion"]))
    ask = ("exec", newest["metadata"]["name"], "--", "wget", "-q", "-T", "5", "-O", "-", "http://steady/")
    eventually("the Service answers", lambda: kubectl.run(*ask).out.strip())


def assert_nothing_lost(cluster: Cluster, kubectl: Kubectl, before: Survey, since: int) -> None:
    """By what is there now, and by all that etcd remembers of the meantime."""
    assert lost(before, survey(cluster, kubectl)) == []
    assert told_otherwise(cluster, NODES, since) == []


@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.component)
def test_one_component_held(cluster: Cluster, steady: Kubectl, ports: dict[str, int], stand: Stand) -> None:
    before, since = survey(cluster, steady), revision(steady)
    with held(stand, ports[stand.component], steady, "one") as one:
        look_at(cluster, [one], EACH_SECONDS)
        one.let_go()
    assert_well(cluster, steady)
    assert_nothing_lost(cluster, steady, before, since)


def test_every_component_held_at_once(cluster: Cluster, steady: Kubectl, ports: dict[str, int]) -> None:
    before, since = survey(cluster, steady), revision(steady)
    with ExitStack() as stack:
        every = [stack.enter_context(held(stand, ports[stand.component], steady, "all")) for stand in STANDS]
        look_at(cluster, every, ALL_SECONDS)
        for one in reversed(every):
            one.let_go()
    assert_well(cluster, steady)
    assert_nothing_lost(cluster, steady, before, since)
