"""Taking the cluster apart under Compose, with the same commands as in the host form."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.compose import ComposeCluster
from tests.support.dap import Debugger
from tests.support.kubectl import Kubectl
from tests.support.need import need
from tests.support.traces import kubectl_argv, trace
from wire.process import BEGUN

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl, pytest.mark.etcd]

RUN = ("--image=orrery/busybox:1", "--", "httpd", "-f", "-p", "80")
EXAMPLE = ROOT / "labs" / "examples" / "first_fit_scheduler.py"


@pytest.fixture(scope="module")
def compose(cluster: ComposeCluster) -> Iterator[Cluster]:
    """As the command sees it. Afterwards nothing is held, faulted, frozen, stopped, swapped or under debug."""
    made = cluster.commands
    yield made
    for again in (("thaw", "*"), ("release", "--all"), ("fault", "clear"), ("start", "scheduler"),
                  ("swap", "scheduler", "--back"), ("debug", "scheduler", "--off"), ("clock", "resume")):  # fmt: skip
        made.orrery(*again, check=False)


def line(cluster: ComposeCluster) -> dict[str, Any]:
    file = cluster.home / "seams" / "clock.json"
    return dict(json.loads(file.read_text())) if file.exists() else {"rate": 1.0}


def node_of(kubectl: Kubectl, app: str) -> list[str]:
    return [one["spec"].get("nodeName", "") for one in kubectl.json("get", "pods", "-l", f"app={app}")["items"]]


def test_it_is_found_by_its_containers(cluster: ComposeCluster, compose: Cluster) -> None:
    unnamed = subprocess.run(
        [sys.executable, "-m", "cli", "status"], capture_output=True, text=True, cwd=ROOT, env=compose.environment
    )
    assert "(cluster compose, the only one that runs)" in unnamed.stderr
    rows = {words[0]: words for words in map(str.split, unnamed.stdout.splitlines()) if words}
    assert set(cluster.processes()) <= set(rows)
    assert rows["kubelet-worker-2"][1] == str(cluster.pid("kubelet-worker-2"))
    assert "not as usual" not in unnamed.stdout
    assert "docker-compose up -d" in compose.orrery("up", check=False).stderr
    assert "near it are: scheduler" in compose.orrery("stop", "schduler", check=False).stderr
    assert "serving" in compose.orrery("logs", "dns").stdout


def test_time_stops_steps_and_is_followed_by_who_starts(cluster: ComposeCluster, compose: Cluster) -> None:
    assert "paused" in compose.orrery("clock", "pause").stdout
    before = cluster.pid("dns")
    assert "Docker starts it again" in compose.orrery("kill", "dns").stdout
    eventually("dns is back", lambda: cluster.pid("dns") not in (0, before))
    eventually("and answers", lambda: "not reached" not in compose.orrery("clock").stdout)
    shown = compose.orrery("clock").stdout
    assert "paused" in shown and "dns is" not in shown
    assert "Now came due:" in compose.orrery("clock", "step").stdout
    assert "running" in compose.orrery("clock", "resume").stdout
    assert "1m on in" in compose.orrery("clock", "step", "1m").stdout
    assert re.search(r"not as usual:\n  clock: .* real time", compose.orrery("status").stdout)


def test_messages_wait_and_pass_one_by_one(compose: Cluster, kubectl: Kubectl) -> None:
    compose.orrery("hold", "schedule:bind", "--match", f"namespace={kubectl.namespace}", "--yes")
    kubectl("create", "deployment", "held", "--replicas=2", *RUN)
    eventually("two pods are held", lambda: compose.orrery("held").stdout.count("schedule:bind") == 2)
    assert "passed: scheduler:" in compose.orrery("step").stdout
    eventually("one pod has a node", lambda: sorted(map(bool, node_of(kubectl, "held"))) == [False, True])
    assert "hold-1" in compose.orrery("status").stdout
    compose.orrery("release", "--all")
    kubectl("rollout", "status", "deployment/held", "--timeout=60s")
    assert "schedule:bind" in compose.orrery("edges", "schedule:*").stdout


def test_faults_and_partitions(compose: Cluster, kubectl: Kubectl) -> None:
    compose.orrery("partition", "scheduler", "apiserver", "--forever")
    compose.orrery("fault", "add", "rpc:*", "--component", "dns", "--delay", "10ms", "--duration", "1m")
    kubectl("create", "deployment", "cut-off", *RUN)
    eventually("a pod", lambda: node_of(kubectl, "cut-off"))
    assert "partition-1" in compose.orrery("fault", "list").stdout
    assert "partition-1: error UNAVAILABLE at rpc:/orrery.api.v1.* of scheduler" in compose.orrery("status").stdout
    assert node_of(kubectl, "cut-off") == [""]
    compose.orrery("fault", "clear")
    kubectl("rollout", "status", "deployment/cut-off", "--timeout=60s")


def test_what_was_set_off_and_why(compose: Cluster, kubectl: Kubectl) -> None:
    text = trace(compose, command=kubectl_argv(kubectl, "create", "deployment", "web", *RUN))
    assert "no gaps" in text and "critical path: " in text and "runtime-worker-" in text, text
    pod = kubectl("get", "pods", "-l", "app=web", "-o", "name").strip()
    assert "It is on node worker-" in compose.orrery("why", pod, "-n", kubectl.namespace).stdout
    assert "deployment" in compose.orrery("trace", "deployment/web", "-n", kubectl.namespace).stdout
    assert "1 messages" in compose.orrery("wire", "--count", "1", "--duration", "20s").stderr
    assert '"RuntimeReady"' in compose.orrery("cri", "worker-1", "Status").stdout


def test_etcd_looked_at_backed_up_and_restored(compose: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    need(bool(shutil.which("etcdctl")), "no etcdctl on PATH")
    snapshot = tmp_path / "snapshot.db"
    kubectl("create", "configmap", "kept", "--from-literal=sky=blue")
    assert "kept" in compose.orrery("etcd", "tree", f"/registry/configmaps/{kubectl.namespace}").stdout
    assert "saved" in compose.orrery("etcd", "backup", str(snapshot)).stdout
    kubectl("patch", "configmap", "kept", "-p", '{"data": {"sky": "grey"}}')
    assert '~ data.sky: "blue" -> "grey"' in compose.orrery("etcd", "history", f"cm/{kubectl.namespace}/kept").stdout
    assert "read it anew" in compose.orrery("etcd", "restore", str(snapshot)).stdout
    assert kubectl.json("get", "configmap", "kept")["data"] == {"sky": "blue"}


def test_processes_frozen_stopped_and_started(cluster: ComposeCluster, compose: Cluster, kubectl: Kubectl) -> None:
    compose.orrery("freeze", "kube-proxy-*")
    assert "frozen: kube-proxy-worker-1, kube-proxy-worker-2" in compose.orrery("status").stdout
    compose.orrery("thaw", "kube-proxy-*")
    assert "stays so until: orrery start scheduler" in compose.orrery("stop", "scheduler").stdout
    assert cluster.pid("scheduler") == 0
    assert "scheduler: stopped (orrery start scheduler)" in compose.orrery("status").stdout
    assert "stopped already" in compose.orrery("stop", "scheduler", check=False).stderr
    kubectl("create", "deployment", "waits", *RUN)
    eventually("a pod", lambda: node_of(kubectl, "waits"))
    assert "runs again" in compose.orrery("start", "scheduler").stdout
    kubectl("rollout", "status", "deployment/waits", "--timeout=60s")


def test_a_students_scheduler_takes_over_and_gives_back(
    cluster: ComposeCluster, compose: Cluster, kubectl: Kubectl
) -> None:
    theirs = ["scheduler", "--", sys.executable, str(EXAMPLE)]
    command = [sys.executable, "-m", "cli", "swap", "--name", compose.name, *theirs]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=compose.environment, check=True)
    assert re.search(r"ORRERY_APISERVER=10\.[0-9.]+:6444", done.stdout)
    assert cluster.pid("scheduler") == 0
    assert "replaced by" in compose.orrery("status").stdout
    kubectl("create", "deployment", "theirs", "--replicas=3", *RUN)
    kubectl("rollout", "status", "deployment/theirs", "--timeout=60s")
    assert node_of(kubectl, "theirs") == ["worker-1"] * 3
    assert "theirs-" in compose.orrery("logs", "scheduler").stdout
    assert "ours again" in compose.orrery("swap", "scheduler", "--back").stdout
    assert cluster.pid("scheduler")


def test_a_change_of_source_restarts_that_component_alone(
    cluster: ComposeCluster, compose: Cluster, tmp_path: Path
) -> None:
    source = tmp_path / "thing.py"
    source.write_text("x = 1\n")
    before = {name: one["pid"] for name, one in cluster.processes().items()}
    dev = subprocess.Popen(
        [sys.executable, "-u", "-m", "cli", "dev", "scheduler", "--name", compose.name, "--watch", str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=compose.environment,
    )  # fmt: skip
    assert dev.stdout is not None
    try:
        assert "watching" in dev.stdout.readline()
        source.write_text("x = 23\n")
        assert "thing.py changed; scheduler serves again after" in dev.stdout.readline()
    finally:
        dev.send_signal(signal.SIGINT)
        assert dev.wait(10) == 130
        dev.stdout.close()
    assert {name: one["pid"] for name, one in cluster.processes().items()} == before
    environments = {name: Path(f"/proc/{pid}/environ").read_bytes() for name, pid in before.items() if pid}
    assert {name for name, each in environments.items() if f"{BEGUN}=".encode() in each} == {"scheduler"}


def test_the_clock_waits_at_a_breakpoint(cluster: ComposeCluster, compose: Cluster, kubectl: Kubectl) -> None:
    source = ROOT / "scheduler" / "cycle.py"
    number = next(n for n, text in enumerate(source.read_text().splitlines(), 1) if '"schedule:cycle"' in text)
    told = re.search(r"waits for a debugger at ([0-9.]+):5672", compose.orrery("debug", "scheduler").stdout)
    assert told is not None
    pid = cluster.pid("scheduler")
    eventually("someone watches", lambda: (cluster.home / "watch.lock").exists())
    inside = Path("/orrery/scheduler/cycle.py")
    with Debugger(5672, told[1]) as debugger:
        debugger.break_at(inside, number)
        kubectl("create", "deployment", "looked-at", *RUN)
        thread = debugger.stopped()
        eventually("the clock stands", lambda: line(cluster)["rate"] == 0)
        eventually("it is told", lambda: "stands still" in compose.orrery("status").stdout)
        assert node_of(kubectl, "looked-at") == [""]
        debugger.clear(inside)
        debugger.go_on(thread)
        kubectl("rollout", "status", "deployment/looked-at", "--timeout=60s")
    eventually("the clock goes on", lambda: line(cluster)["rate"] == 1)
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually("the clock stands", lambda: line(cluster)["rate"] == 0, every=0.005)
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually("the clock goes on", lambda: line(cluster)["rate"] == 1)
    assert "runs as usual" in compose.orrery("debug", "scheduler", "--off").stdout
    assert "under debug" not in compose.orrery("status").stdout


def test_one_runs_in_a_terminal(cluster: ComposeCluster, compose: Cluster, kubectl: Kubectl) -> None:
    command = [sys.executable, "-u", "-m", "cli", "debug", "scheduler", "--terminal", "--name", compose.name]
    shown = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=compose.environment,
        start_new_session=True,
    )  # fmt: skip
    assert shown.stdout is not None
    assert "runs here" in shown.stdout.readline()
    while "leads" not in shown.stdout.readline():
        assert shown.poll() is None
    assert cluster.pid("scheduler") == 0
    assert "runs in a terminal" in compose.orrery("status").stdout
    kubectl("create", "deployment", "here", *RUN)
    kubectl("rollout", "status", "deployment/here", "--timeout=60s")
    os.killpg(shown.pid, signal.SIGINT)  # what Ctrl-C does
    rest, _ = shown.communicate(timeout=60)
    assert "runs as usual again" in rest
    assert cluster.pid("scheduler")
