"""`docker-compose down` leaves nothing running behind, and the next `up` goes on where it ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.test_kubectl import IMAGE, TRAP, deploy
from tests.support.cluster import eventually
from tests.support.compose import LABEL, NETWORK, ComposeCluster, docker
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]


POD_WITH_MOUNT = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "mounted"},
    "spec": {
        "containers": [{"name": "box", "image": IMAGE, "command": ["sh", "-c", TRAP + "sleep 10000 & wait"]}],
        "volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}],
    },
}


def of_the_cluster(cluster: ComposeCluster) -> list[str]:
    """Command lines of processes that have to do with it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = file.read_text().replace("\0", " ")
        except OSError:
            continue
        if str(cluster.home) in text or "orrery-compose" in text or f"{NETWORK}-worker" in text:
            found.append(text)
    return found


def interfaces(folder: Path = Path("/sys/class/net")) -> set[str]:
    """Their numbers, which are never given twice."""
    return {(path / "ifindex").read_text() for path in folder.iterdir() if (path / "ifindex").exists()}


def test_down_leaves_nothing_and_up_goes_on(cluster: ComposeCluster, newest: Kubectl) -> None:
    deploy(newest, replicas=2)
    newest("create", "-f", "-", stdin=json.dumps(POD_WITH_MOUNT))
    newest("wait", "--for=condition=Ready", "pod/mounted", "--timeout=60s")
    assert str(cluster.home) in Path("/proc/self/mounts").read_text()
    bridge = Path("/sys/class/net") / f"br-{docker('network', 'inspect', '-f', '{{.Id}}', NETWORK)[:12]}"
    ours = {(bridge / "ifindex").read_text()}
    ours |= {(port / "ifindex").read_text() for port in bridge.glob("lower_*")}
    assert len(ours) >= 10  # the bridge, five services, two nodes, two pods
    cluster.compose("down")
    assert not docker("ps", "-aq", "--filter", f"label={LABEL}")
    assert not cluster.containers()
    assert not docker("network", "ls", "-q", "--filter", f"name=^{NETWORK}$")
    assert not of_the_cluster(cluster)
    eventually("the kernel has removed the interfaces", lambda: not interfaces() & ours)
    assert str(cluster.home) not in Path("/proc/self/mounts").read_text()
    cluster.compose("up", "-d")
    cluster.wait_ready()
    newest("rollout", "status", "deployment/web", "--timeout=60s")
    newest("wait", "--for=condition=Ready", "pod/mounted", "--timeout=60s")
    newest("delete", "deployment/web", "pod/mounted", "--wait=false")
