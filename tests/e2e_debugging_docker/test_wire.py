"""`orrery wire` on real containers: one pod from the REST request to Docker's events, and the streams into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.wiretap import listening

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

PODS = "/api/v1/namespaces/default/pods"
HOPS = (
    f"-> apiserver  POST {PODS}  pods default/tapped",
    "apiserver -> etcd  etcd/Txn PUT  Pod default/tapped",
    "apiserver <- etcd  etcd/Watch PUT  pods default/tapped",
    "scheduler <- apiserver  Api/Watch ADDED  pods default/tapped",
    "scheduler -> apiserver  Api/WriteMany CREATE binding  pods default/tapped",
    "<- apiserver  Api/Watch ADDED  pods default/tapped",
    "RuntimeService/RunPodSandbox  Pod default/tapped",
    "-> Docker  POST /v1.41/containers/create  Pod default/tapped",
    "RuntimeService/StartContainer  Container ",
    "<- Docker  GET /events start  Pod default/tapped",
    "-> apiserver  Api/WriteMany PATCH status  pods default/tapped",
    f"<- apiserver  GET {PODS} MODIFIED  pods default/tapped",
)
STREAM = (
    "apiserver -> kubelet-worker-",
    "Kubelet/Exec START sh -c echo hello $DOOR; exit 3",
    "<- kubelet-worker-",
    "Kubelet/Exec STDOUT  Pod default/tapped  13 B",
    "!exit 3",
    "<- Docker  GET /events destroy  Pod default/tapped",
)


def test_a_pod_from_rest_to_docker(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    record = tmp_path / "wire.jsonl"
    watching = kubectl.start("get", "pods", "--watch")
    try:
        with listening(cluster, tmp_path / "out", "--follow", "pod/tapped", "--record", str(record)) as printed:
            kubectl("run", "tapped", "--image=orrery/busybox:1", "--env=DOOR=sesame", "--", "sleep", "1000")
            kubectl("wait", "pod/tapped", "--for=condition=Ready", "--timeout=60s")
            assert kubectl.run("exec", "tapped", "--", "sh", "-c", "echo hello $DOOR; exit 3").code == 3
            kubectl("delete", "pod", "tapped", "--grace-period=1")
            eventually("all is told", lambda: all(hop in printed() for hop in (*HOPS, *STREAM)), seconds=20)
    finally:
        watching.kill()
        watching.communicate()
    # Docker is told a container's environment; a recording keeps it masked, and what was said on the stream too.
    create = cluster.orrery("wire", "--read", str(record), "--method", "containers/create", "--body").stdout
    assert create.count("-> Docker  POST") == 2 and '"DOOR=***"' in create
    assert "hello sesame" not in record.read_text()
    failed = cluster.orrery("wire", "--read", str(record), "--errors", "--component", "kubelet-*").stdout
    assert "Kubelet/Exec STATUS  Pod default/tapped" in failed


def test_rules_of_the_nodes(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    with listening(cluster, tmp_path / "out", "--method", "nft:apply", "--body") as printed:
        kubectl("create", "service", "clusterip", "tapped", "--tcp=80:80")
        eventually("both nodes", lambda: all(f"Node worker-{one}" in printed() for one in (1, 2)))
        address = kubectl("get", "service", "tapped", "-o", "jsonpath={.spec.clusterIP}")
        eventually("its address", lambda: f"add element ip orrery-proxy cluster-ips {{ {address} }}" in printed())
