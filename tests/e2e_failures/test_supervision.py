"""Starting twice, at once, and after the supervisor was killed: never two of anything, never one left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e_failures.conftest import MakeCluster, up
from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.leftovers import leftovers

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

SIM_UP = ("up", "--runtime", "sim", "--nodes", "1")
COMPONENTS = 8  # etcd, apiserver, controller-manager, scheduler, dns; runtime, kubelet, kube-proxy of one node


def pids(cluster: Cluster) -> set[int]:
    """Of all components, as the supervisor wrote them."""
    return {one["pid"] for one in cluster.processes().values()}


def processes_alive(cluster: Cluster) -> list[str]:
    """All of the cluster's that run, the supervisor included."""
    return [line for line in leftovers(cluster) if line.startswith("process ")]


def supervisor(cluster: Cluster) -> int:
    (pid,) = (int(line.split()[1].rstrip(":")) for line in processes_alive(cluster) if " cli supervise " in line)
    return pid


def test_up_twice_and_after_the_supervisor_was_killed(cluster: Cluster) -> None:
    """Each component runs once, and everything is kept."""
    kubectl = up(cluster)
    kubectl("create", "configmap", "kept", "--from-literal=a=b")
    before = pids(cluster)
    again = cluster.orrery(*SIM_UP, check=False)
    assert again.returncode == 1
    assert "cluster f-broken is running already; orrery status shows it, orrery down ends it" in again.stderr
    by_hand = cluster.orrery("supervise", check=False)
    assert by_hand.returncode == 1 and "cluster f-broken has a supervisor (PID " in by_hand.stderr
    assert pids(cluster) == before and len(processes_alive(cluster)) == COMPONENTS + 1

    os.kill(supervisor(cluster), signal.SIGKILL)
    refused = cluster.orrery("status", check=False)
    assert refused.returncode == 1 and "does not run" in refused.stderr
    once_more = cluster.orrery(*SIM_UP)
    assert f"{COMPONENTS} processes ended that had lost their supervisor" in once_more.stderr
    assert not pids(cluster) & before
    assert len(processes_alive(cluster)) == COMPONENTS + 1
    assert kubectl.json("get", "configmap", "kept")["data"] == {"a": "b"}


def test_two_ups_at_the_same_instant(cluster: Cluster) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: cluster.orrery(*SIM_UP, check=False), range(2)))
    assert sorted(one.returncode for one in done) == [0, 1]
    (said,) = (one.stderr.strip().splitlines()[-1] for one in done if one.returncode)
    assert "is being started or stopped by another command (PID " in said or "is running already" in said
    assert len(processes_alive(cluster)) == COMPONENTS + 1


def test_two_names_at_the_same_instant(make_cluster: MakeCluster) -> None:
    """Different ports, different address ranges, and both in the one kubeconfig."""
    both = [make_cluster("one"), make_cluster("two")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda one: one.orrery(*SIM_UP), both))
    for one in both:
        assert len(processes_alive_of(one)) == COMPONENTS + 1
        assert one.context in one.kubeconfig.read_text()
    networks = {line.split("network ")[1].splitlines()[0] for line in (one.orrery("status").stdout for one in both)}
    assert len(networks) == 2
    both[0].orrery("down")
    assert len(processes_alive_of(both[1])) == COMPONENTS + 1
    assert both[0].context not in both[0].kubeconfig.read_text()
    assert both[1].context in both[1].kubeconfig.read_text()


def processes_alive_of(cluster: Cluster) -> list[str]:
    """Where several share a home."""
    return [line for line in processes_alive(cluster) if f"/{cluster.name}/" in line or f" {cluster.name} " in line]


def test_down_ends_what_a_killed_supervisor_left(cluster: Cluster) -> None:
    """All of it, whatever the state file says, and nobody else: not who got a number since."""
    up(cluster)
    os.kill(supervisor(cluster), signal.SIGKILL)
    eventually("the supervisor is gone", lambda: len(processes_alive(cluster)) == COMPONENTS)
    os.kill(cluster.pid("scheduler"), signal.SIGSTOP)  # nor does a frozen one get away
    state = cluster.root / "state.json"
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], cwd=ROOT) as bystander:
        try:
            state.write_text(state.read_text().replace(str(cluster.pid("dns")), str(bystander.pid)))
            cluster.orrery("down")
            assert bystander.poll() is None
        finally:
            bystander.kill()
    assert leftovers(cluster) == []


def test_down_needs_no_state_file(cluster: Cluster) -> None:
    up(cluster)
    (cluster.root / "state.json").write_text('{"supervisor": 1')
    said = cluster.orrery("status", check=False)
    assert said.returncode == 1 and "state.json is broken" in said.stderr and "Traceback" not in said.stderr
    cluster.orrery("down")
    assert leftovers(cluster) == []


def test_down_keep_and_a_second_down(cluster: Cluster) -> None:
    kubectl = up(cluster)
    kubectl("create", "configmap", "kept")
    cluster.orrery("down", "--keep")
    assert leftovers(cluster) == []
    cluster.orrery(*SIM_UP)
    kubectl("get", "configmap", "kept")
    cluster.orrery("down")
    cluster.orrery("down")
    assert not (cluster.root / "etcd").exists()


def test_the_supervisor_survives_a_component_that_cannot_be_started(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """etcd vanishes from the disk while it is being replaced, say."""
    (tmp_path / "etcd").symlink_to(subprocess.check_output(["which", "etcd"], text=True).strip())
    cluster = make_cluster("no-etcd", PATH=f"{tmp_path}:{os.environ['PATH']}")
    kubectl = up(cluster)
    kubectl("create", "configmap", "kept")
    (tmp_path / "etcd").rename(tmp_path / "away")
    os.kill(cluster.pid("etcd"), signal.SIGKILL)
    eventually("the reason", lambda: "cannot be started" in cluster.processes()["etcd"]["last_exit"])
    assert "No such file or directory" in cluster.orrery("status").stdout
    (tmp_path / "away").rename(tmp_path / "etcd")
    eventually("etcd again", lambda: cluster.pid("etcd"))
    eventually("the object", lambda: kubectl.run("get", "configmap", "kept").code == 0)
