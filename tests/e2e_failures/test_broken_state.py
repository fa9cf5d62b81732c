"""Files of a cluster that are torn, and commands that are interrupted: said clearly, and cleared away by `down`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e_failures.conftest import up
from tests.e2e_failures.test_dead_engine import pod, start
from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.leftovers import leftovers

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

SIM_UP = ("up", "--runtime", "sim", "--nodes", "1")


def start_up(cluster: Cluster) -> subprocess.Popen[str]:
    """`orrery up` that goes on while the test does."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *SIM_UP, "--name", cluster.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=cluster.environment,
    )


def test_etcds_data_is_torn(cluster: Cluster) -> None:
    kubectl = up(cluster)
    cluster.orrery("down", "--keep")
    (cluster.root / "etcd" / "member" / "snap" / "db").write_bytes(b"no database" * 1000)
    done = cluster.orrery(*SIM_UP, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "orrery: etcd keeps dying (" in done.stderr
    assert f"what has been started still runs; orrery down --name {cluster.name} ends it" in done.stderr
    cluster.orrery("down")
    assert leftovers(cluster) == []
    cluster.orrery(*SIM_UP)
    kubectl("get", "nodes")


def test_the_clock_file_is_torn(cluster: Cluster) -> None:
    """Nobody who runs dies of it; who starts says what is wrong, and starts when it is put right."""
    kubectl = up(cluster)
    pids = {name: one["pid"] for name, one in cluster.processes().items()}
    clock = cluster.root / "clock.json"
    for content in ("{", "[]", '{"rate": "fast"}', ""):
        clock.write_text(content)
        kubectl("create", "configmap", f"written-{len(content)}")
    renewed = renewal(kubectl)
    eventually("the lease is renewed", lambda: renewal(kubectl) != renewed, seconds=20)
    assert {name: one["pid"] for name, one in cluster.processes().items()} == pids
    cluster.orrery("restart", "scheduler")
    eventually("it ends again", lambda: cluster.processes()["scheduler"]["last_exit"] == "exit code 1")
    said = cluster.log("scheduler").splitlines()[-1]
    assert said.startswith(f"{clock} is broken (") and said.endswith("remove it, or set the clock and the rules again")
    refused = cluster.orrery("clock", check=False)
    assert refused.returncode == 1 and refused.stderr.startswith(f"orrery: {clock} is broken (")
    clock.unlink()
    start(kubectl, pod("one", "sleep 1000000"))


def renewal(kubectl: Kubectl) -> str:
    return str(kubectl.json("get", "lease", "worker-1", "-n", "kube-node-lease")["spec"]["renewTime"])


def test_up_is_interrupted(cluster: Cluster) -> None:
    """While it waits nobody else may end the cluster; Ctrl-C ends the waiting, and then `down` the cluster."""
    with start_up(cluster) as waiting:
        eventually("a supervisor", lambda: (cluster.root / "state.json").exists())
        refused = cluster.orrery("down", check=False)
        assert refused.returncode == 1
        assert f"is being started or stopped by another command (PID {waiting.pid})" in refused.stderr
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(10) == 130
        assert waiting.stdout is not None and "Traceback" not in waiting.stdout.read()
    cluster.orrery("down")
    assert leftovers(cluster) == []


def test_up_is_killed_and_begun_again(cluster: Cluster) -> None:
    """Before it has started anything: its lock goes with it."""
    with start_up(cluster) as doomed:
        eventually("it has begun", lambda: (cluster.root / "lock").exists())
        doomed.kill()
    cluster.orrery("down")
    cluster.orrery(*SIM_UP)


def test_a_supervisor_by_hand(cluster: Cluster) -> None:
    """`down` and `up` see one that nobody detached."""
    up(cluster)
    cluster.orrery("down", "--keep")
    argv = [sys.executable, "-m", "cli", "supervise", "--name", cluster.name]
    with subprocess.Popen(argv, cwd=ROOT, env=cluster.environment, stderr=subprocess.DEVNULL) as by_hand:
        eventually("components", lambda: state_of(cluster) == by_hand.pid)
        assert "is running already" in cluster.orrery(*SIM_UP, check=False).stderr
        cluster.orrery("down")
        assert by_hand.wait(10) == 0


def state_of(cluster: Cluster) -> int:
    state = cluster.root / "state.json"
    return int(json.loads(state.read_text())["supervisor"]) if state.exists() else 0


def test_a_kubeconfig_that_is_a_link(cluster: Cluster, home: Path) -> None:
    (home / "real").write_text("{}")
    os.symlink(home / "real", cluster.kubeconfig)
    kubectl = up(cluster)
    assert kubectl("config", "current-context").strip() == cluster.context
    cluster.orrery("down")
    assert cluster.kubeconfig.is_symlink() and cluster.context not in (home / "real").read_text()
