"""Disks that run full, as small file systems of their own: what cannot be done is said, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.e2e_failures.conftest import MakeCluster, up
from tests.e2e_failures.test_dead_engine import COUNT, IMAGE, assert_whole, pod, start
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.leftovers import leftovers
from tests.support.need import need

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

ETCD_DISK = "200m"  # etcd lays out two files of 64 MB for its log before anything is written
REFUSAL_SECONDS = 30  # nothing hangs: a call to etcd may take 5 s, and a read may wait for the call before its own
RECOVERY_SECONDS = 30  # etcd is started again every 10 s at the latest


class SmallDisk:
    """A file system of its own at `path`; it goes with the cluster that has it."""

    def __init__(self, path: Path, size: str) -> None:
        need(os.geteuid() == 0, "mounting a file system needs root")
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path)], check=True)

    def fill(self) -> None:
        """To the last byte."""
        with (self.path / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(1 << 20))
            except OSError:
                return

    def free(self) -> None:
        (self.path / "filler").unlink()

    def unmount(self) -> None:
        if self.path.is_mount():
            subprocess.run(["umount", "-l", str(self.path)], check=True)


@pytest.fixture
def disks(home: Path) -> Iterator[ExitStack]:
    """Unmounts what a test mounted. To be asked for before the cluster, so that it goes after it."""
    with ExitStack() as stack:
        yield stack


def small_disk(disks: ExitStack, path: Path, size: str) -> SmallDisk:
    disk = SmallDisk(path, size)
    disks.callback(disk.unmount)
    return disk


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def create_until_refused(kubectl: Kubectl) -> tuple[list[str], str]:
    """ConfigMaps of 64 KiB one after another: the names of those that were acknowledged, and the refusal."""
    acknowledged: list[str] = []
    value = "x" * 65536
    for number in range(64):
        with within(REFUSAL_SECONDS):
            meta = {"name": f"c{number}"}
            manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"x": value}}
            result = kubectl.run("create", "-f", "-", stdin=json.dumps(manifest))
        if result.code:
            return acknowledged, result.err
        acknowledged.append(f"configmap/c{number}")
    raise AssertionError("a full disk took 4 MiB")


def test_etcds_disk_runs_full(disks: ExitStack, make_cluster: MakeCluster) -> None:
    cluster = make_cluster("etcd-disk")
    disk = small_disk(disks, cluster.root / "etcd", ETCD_DISK)
    kubectl = up(cluster)
    kubectl("create", "configmap", "before")
    pids = {name: one["pid"] for name, one in cluster.processes().items()}
    disk.fill()
    acknowledged, refusal = create_until_refused(kubectl)
    assert "etcd at 127.0.0.1:" in refusal and "cannot be reached" in refusal

    # Reads that may be stale go on; those that must be exact are refused; health says what is wrong.
    stale = json.loads(kubectl("get", "--raw", "/api/v1/namespaces/default/configmaps?resourceVersion=0"))
    assert "before" in {one["metadata"]["name"] for one in stale["items"]}
    with within(REFUSAL_SECONDS):
        assert "cannot be reached" in kubectl.run("get", "configmap", "before").err
    health = kubectl.run("get", "--raw", "/readyz?verbose").err
    assert "[-]etcd failed" in health
    eventually("the supervisor tells", lambda: cluster.processes()["etcd"]["restarts"] >= 2)
    assert "no space left on device" in cluster.log("etcd")

    disk.free()
    eventually("recovery", lambda: kubectl.run("get", "configmap", "before").code == 0, seconds=RECOVERY_SECONDS)
    kept = set(kubectl("get", "configmaps", "-o", "name").split())
    assert {"configmap/before", *acknowledged} <= kept
    kubectl("create", "configmap", "after")
    eventually("ready again", lambda: kubectl.run("get", "--raw", "/readyz").code == 0)
    kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=30s")
    assert changed(cluster, pids) == {"etcd"}


def test_a_disk_too_small_for_etcd(disks: ExitStack, make_cluster: MakeCluster) -> None:
    cluster = make_cluster("etcd-tiny")
    small_disk(disks, cluster.root / "etcd", "30m")
    done = cluster.orrery("up", "--runtime", "sim", "--nodes", "1", check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "orrery: etcd keeps dying (exit code 2)" in done.stderr
    assert "failed to create WAL: no space left on device\n" in done.stderr
    assert "what has been started still runs; orrery down --name f-etcd-tiny ends it" in done.stderr


def test_the_whole_disk_runs_full(home: Path, disks: ExitStack, make_cluster: MakeCluster) -> None:
    """etcd, all logs, all state: the supervisor lives on, and brings everything back; or takes it down."""
    disk = small_disk(disks, home, "300m")
    cluster = make_cluster("all")
    kubectl = up(cluster)
    kubectl("create", "configmap", "before")
    start(kubectl, pod("steady", "sleep 1000000"), pod("job", "sleep 8", restartPolicy="Never"))
    steady = kubectl.json("get", "pod", "steady")["status"]["containerStatuses"]
    pids = {name: one["pid"] for name, one in cluster.processes().items()}
    disk.fill()
    acknowledged, _ = create_until_refused(kubectl)
    assert cluster.orrery("status").stdout.count("\n") > len(pids)
    disk.free()
    eventually("recovery", lambda: kubectl.run("get", "configmap", "before").code == 0, seconds=RECOVERY_SECONDS)
    assert set(acknowledged) <= set(kubectl("get", "configmaps", "-o", "name").split())
    eventually("the state as it is", lambda: changed(cluster, pids) == {"etcd"}, seconds=5)

    # Once more, and this time everybody has to start anew while there is no room.
    disk.fill()
    started = Children(cluster.supervisor)
    before = set(started.look())
    for one in cluster.processes().values():
        if one["pid"]:
            os.kill(one["pid"], signal.SIGKILL)
    eventually("three vain attempts", lambda: len(started.look() - before) >= 3, every=0.01)
    disk.free()
    eventually("recovery", lambda: kubectl.run("get", "configmap", "before").code == 0, seconds=RECOVERY_SECONDS)
    kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=30s")
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/job", "--timeout=30s")
    assert kubectl.json("get", "pod", "steady")["status"]["containerStatuses"] == steady
    disk.fill()
    cluster.orrery("down")
    assert leftovers_but(cluster, home) == []


class Children:
    """Of one process, as the host knows them: a full disk has no room for anybody's word."""

    def __init__(self, pid: int) -> None:
        self._file = Path(f"/proc/{pid}/task/{pid}/children")
        self._seen: set[int] = set()

    def look(self) -> set[int]:
        """All that were seen so far."""
        self._seen |= {int(one) for one in self._file.read_text().split()}
        return self._seen


def changed(cluster: Cluster, pids: Mapping[str, int]) -> set[str]:
    """Who has another process now."""
    return {name for name, pid in pids.items() if cluster.pid(name) != pid}


def leftovers_but(cluster: Cluster, mount: Path) -> list[str]:
    return [line for line in leftovers(cluster) if line != f"mount {mount}"]


@pytest.mark.docker
def test_a_nodes_disk_runs_full(disks: ExitStack, make_cluster: MakeCluster) -> None:
    """Volumes, logs and the runtime's files: pods say what is wrong, the node has DiskPressure, logs catch up."""
    cluster = make_cluster("node-disk")
    disk = small_disk(disks, cluster.root / "nodes" / "worker-1", "16m")
    kubectl = up(cluster, runtime="docker")
    start(kubectl, pod("counter", COUNT))
    eventually("a page of log", lambda: len(kubectl("logs", "counter").split()) > 20)
    disk.fill()
    plain = {"automountServiceAccountToken": False, "nodeName": "worker-1"}
    start_later = [pod("mounts", COUNT, nodeName="worker-1"), pod("plain", COUNT, **plain)]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": start_later}))
    for name, reason in (("mounts", "FailedMount"), ("plain", "FailedCreatePodSandBox")):
        assert "No space left on device" in eventually(reason, partial(event, kubectl, name, reason), seconds=20)
    eventually("DiskPressure", lambda: disk_pressure(kubectl) == "True", seconds=20)
    kubectl("run", "unbound", f"--image={IMAGE}", "--command", "--", "sh", "-c", COUNT)
    eventually("it stays unbound", lambda: event(kubectl, "unbound", "FailedScheduling"))
    kubectl("exec", "counter", "--", "true")

    disk.free()
    kubectl("wait", "--for=condition=Ready", "pods", "--all", "--timeout=60s")
    assert disk_pressure(kubectl) == "False"
    for name in ("counter", "mounts", "plain", "unbound"):
        assert_whole(kubectl, name)


def event(kubectl: Kubectl, name: str, reason: str) -> str:
    """The message of the pod's event of that reason, "" if there is none."""
    chosen = f"involvedObject.name={name},reason={reason}"
    events = kubectl.json("get", "events", "--field-selector", chosen)["items"]
    return str(events[-1]["message"]) if events else ""


def disk_pressure(kubectl: Kubectl) -> str:
    conditions = kubectl.json("get", "node", "worker-1")["status"]["conditions"]
    return str(next(one["status"] for one in conditions if one["type"] == "DiskPressure"))
