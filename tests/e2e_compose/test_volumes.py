"""A kubelet in a container mounts and finds volumes on the machine, not in its own file systems."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.test_kubectl import IMAGE, TRAP
from tests.support.cluster import eventually
from tests.support.compose import ComposeCluster
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]


def mounts(pid: int, below: Path) -> list[str]:
    lines = Path(f"/proc/{pid}/mounts").read_text().splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(str(below))]


def test_memory_host_path_and_sub_path(cluster: ComposeCluster, kubectl: Kubectl, tmp_path: Path) -> None:
    volumes = [
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "host", "hostPath": {"path": str(tmp_path / "made"), "type": "DirectoryOrCreate"}},
        {"name": "file", "hostPath": {"path": "/proc/1/no-such-file", "type": "File"}},
    ]
    mounted = [
        {"name": "memory", "mountPath": "/memory", "subPath": "a/b"},
        {"name": "host", "mountPath": "/host", "subPath": "below"},
    ]
    command = ["sh", "-c", TRAP + "touch /memory/here; echo from-pod >/host/file; sleep 10000 & wait"]
    box = {"name": "box", "image": IMAGE, "command": command, "volumeMounts": mounted}
    spec = {"nodeName": "worker-2", "containers": [box], "volumes": volumes[:2]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "box"}, "spec": spec}
    kubectl("create", "-f", "-", stdin=json.dumps(pod))
    kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=60s")
    assert "tmpfs" in kubectl("exec", "box", "--", "df", "-T", "/memory")
    assert (tmp_path / "made" / "below" / "file").read_text() == "from-pod\n"
    (place,) = mounts(os.getpid(), cluster.home)
    assert (Path(place) / "a" / "b" / "here").exists()
    before = cluster.pid("kubelet-worker-2")
    os.kill(before, signal.SIGKILL)
    eventually("a new kubelet", lambda: cluster.pid("kubelet-worker-2") not in (0, before))
    kubectl("delete", "pod", "box", "--timeout=60s")
    eventually("the mount is gone", lambda: not mounts(os.getpid(), cluster.home))
    assert not mounts(cluster.pid("kubelet-worker-2"), Path(place))
    refused = {**pod, "spec": {**spec, "volumes": [volumes[2], *volumes[:2]]}}
    kubectl("create", "-f", "-", stdin=json.dumps(refused))
    eventually("the reason", lambda: "no-such-file is not a file" in kubectl("get", "events"))
    kubectl("delete", "pod", "box", "--grace-period=0", "--force")
