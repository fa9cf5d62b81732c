"""`orrery etcd` on a running cluster: looked at, watched, backed up, changed, restored."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.need import need

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl, pytest.mark.etcd]


def test_the_keys_of_objects(cluster: Cluster, kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "colours", "--from-literal=sky=blue")
    kubectl("create", "secret", "generic", "keys", "--from-literal=door=open-sesame")
    key = f"/registry/configmaps/{kubectl.namespace}/colours"
    tree = cluster.orrery("etcd", "tree", f"/registry/configmaps/{kubectl.namespace}").stdout
    assert "── colours  rev " in tree
    assert "keys, " in tree.splitlines()[-1]
    shown = cluster.orrery("etcd", "get", key).stdout
    assert "writer:   kubernetes-admin" in shown
    assert json.loads(shown.partition("\n\n")[2])["data"] == {"sky": "blue"}
    secret = f"secret/{kubectl.namespace}/keys"
    assert '"door": "***"' in cluster.orrery("etcd", "get", secret).stdout
    assert '"door": "***"' not in cluster.orrery("etcd", "get", secret, "--secrets").stdout


def test_a_history_with_diffs_writers_and_traces(cluster: Cluster, kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", "--image=orrery/busybox:1", "--", "sleep", "1000")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("scale", "deployment/web", "--replicas=3")
    kubectl("delete", "deployment", "web")
    history = cluster.orrery("etcd", "history", f"deployment/{kubectl.namespace}/web").stdout
    assert "CREATED" in history
    assert "by kubernetes-admin  trace " in history
    assert "~ spec.replicas: 1 -> 3" in history
    assert "by system:kube-controller-manager" in history
    assert "DELETED  by kubernetes-admin  trace " in history
    created = next(line for line in history.splitlines() if "CREATED" in line)
    status = next(line for line in history.splitlines() if "kube-controller-manager" in line)
    assert created.split("trace ")[1] == status.split("trace ")[1]  # the controller's write carries its cause


def test_watching(cluster: Cluster, kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "w", "--from-literal=n=0")
    command = [sys.executable, "-m", "cli", "etcd", "watch", f"/registry/configmaps/{kubectl.namespace}/w"]
    watching = subprocess.Popen(
        [*command, "--count", "2", "--name", cluster.name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=cluster.environment,
    )
    try:
        numbers = iter(range(1000))

        def write() -> bool:
            kubectl("patch", "configmap", "w", "-p", json.dumps({"data": {"n": f"x{next(numbers)}"}}))
            return watching.poll() is not None

        eventually("two writes seen", write, every=0.3)
        output = watching.communicate(timeout=10)[0]
    finally:
        watching.kill()
    assert f"/registry/configmaps/{kubectl.namespace}/w" in output
    assert '~ data.n: "x' in output


def test_backup_change_restore(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    need(shutil.which("etcdctl") is not None, "no etcdctl on PATH")
    snapshot = tmp_path / "snapshot.db"
    kubectl("create", "configmap", "kept", "--from-literal=n=1")
    kubectl("create", "deployment", "kept", "--image=orrery/busybox:1", "--", "sleep", "1000")
    kubectl("rollout", "status", "deployment/kept", "--timeout=60s")
    assert "saved" in cluster.orrery("etcd", "backup", str(snapshot)).stdout
    assert "exists" in cluster.orrery("etcd", "backup", str(snapshot), check=False).stderr

    kubectl("delete", "configmap", "kept")
    kubectl("create", "configmap", "later", "--from-literal=n=2")
    kubectl("delete", "deployment", "kept")
    watch = kubectl.start("get", "configmaps", "--watch")
    assert watch.stdout is not None
    assert "NAME" in watch.stdout.readline()
    assert "1" in watch.stdout.readline()  # an object: the watch stands
    restarts = {name: one["restarts"] for name, one in cluster.processes().items()}
    told = cluster.orrery("etcd", "restore", str(snapshot)).stdout
    assert "read it anew" in told
    assert "too old resource version" in watch.communicate(timeout=30)[0]  # it was told to list again

    # The very next reads are of the restored state, and no process but etcd was restarted for it.
    names = kubectl("get", "configmaps", "-o", "name")
    assert "configmap/kept" in names
    assert "configmap/later" not in names
    kubectl("rollout", "status", "deployment/kept", "--timeout=60s")
    now = {name: one["restarts"] for name, one in cluster.processes().items()}
    assert {name for name in now if now[name] != restarts[name]} == {"etcd"}

    # Everybody goes on: controllers, scheduler and kubelets see what is new.
    kubectl("create", "deployment", "after", "--image=orrery/busybox:1", "--replicas=2", "--", "sleep", "1000")
    kubectl("rollout", "status", "deployment/after", "--timeout=90s")
    eventually("nodes Ready", lambda: kubectl("get", "nodes").count(" Ready") == 2)
    # A second restore, to a state whose revision the cluster has passed long ago and reaches again.
    assert "read it anew" in cluster.orrery("etcd", "restore", str(snapshot)).stdout
    assert "after" not in kubectl("get", "deployments", "-o", "name")
    kubectl("rollout", "status", "deployment/kept", "--timeout=60s")


def test_a_file_that_is_no_snapshot_changes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    need(shutil.which("etcdctl") is not None, "no etcdctl on PATH")
    wrong = tmp_path / "wrong.db"
    wrong.write_text("no snapshot")
    pid = cluster.pid("etcd")
    for file in (wrong, tmp_path / "none.db"):
        done = cluster.orrery("etcd", "restore", str(file), check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
    assert cluster.pid("etcd") == pid
