"""`orrery wire` on a running cluster: live traffic, filters, diffs, recordings, masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.wiretap import listening

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]


def test_a_pod_from_kubectl_to_its_container(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    follow = f"pod/{kubectl.namespace}/one"
    record = tmp_path / "wire.jsonl"
    with listening(cluster, tmp_path / "out", "--follow", follow, "--diff", "--record", str(record)) as printed:
        kubectl("run", "one", "--image=orrery/busybox:1", "--", "sleep", "1000")
        kubectl("wait", "pod/one", "--for=condition=Ready", "--timeout=60s")
        eventually("its container started", lambda: "RuntimeService/StartContainer" in printed())
        eventually("Ready was written", lambda: "status.conditions[Ready].status" in printed())
    text = printed()
    for expected in (
        "kubectl",
        f"POST /api/v1/namespaces/{kubectl.namespace}/pods",
        "apiserver -> etcd  etcd/Txn PUT",
        "apiserver <- etcd  etcd/Watch PUT",
        "scheduler <- apiserver  Api/Watch ADDED",
        "scheduler -> apiserver  Api/WriteMany CREATE binding",
        "+ spec.nodeName: ",
        "RuntimeService/RunPodSandbox",
        "RuntimeService/CreateContainer",
        "Api/WriteMany PATCH status",
        "events ",
    ):
        assert expected in text, expected
    assert "leases" not in text

    # The same again out of the recording, narrowed.
    read = cluster.orrery("wire", "--read", str(record), "--method", "CREATE binding", "--body").stdout
    assert read.count("Api/WriteMany CREATE binding") == 1
    assert '"target"' in read
    assert "etcd/Txn" in cluster.orrery("wire", "--read", str(record), "--component", "etcd").stdout


def test_errors_only(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    with listening(cluster, tmp_path / "out", "--errors", "--component", "kubectl*") as printed:
        kubectl.run("get", "pod", "missing")
        eventually("the refusal", lambda: "pods/missing" in printed())
    lines = [line for line in printed().splitlines() if not line.startswith("---")]
    assert all("!4" in line for line in lines), lines


def test_secrets_are_masked_unless_asked_for(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    record, open_ = tmp_path / "masked.jsonl", tmp_path / "open.jsonl"
    about = ("--object", f"secret/{kubectl.namespace}/*")
    with (
        listening(cluster, tmp_path / "1", *about, "--body", "--record", str(record)) as masked,
        listening(cluster, tmp_path / "2", *about, "--body", "--record", str(open_), "--secrets") as shown,
    ):
        kubectl("create", "secret", "generic", "keys", "--from-literal=door=sesame")
        eventually("masked", lambda: "etcd/Txn" in masked())
        eventually("shown", lambda: "etcd/Txn" in shown())
    coded = "c2VzYW1l"  # sesame
    assert coded not in masked() + record.read_text()
    assert '"door": "***"' in masked()
    assert coded in shown()
    assert coded in open_.read_text()
    assert record.stat().st_mode & 0o077 == 0


def test_nobody_but_administrators_may_listen(cluster: Cluster) -> None:
    import asyncio

    import grpc

    from proto import debug_pb2_grpc
    from proto.debug_pb2 import WireRequest
    from wire.channel import connect
    from wire.seams import make_seams
    from wire.tls import TlsFiles

    async def listen() -> grpc.StatusCode:
        tls = TlsFiles.in_directory(cluster.pki, "kubelet-worker-1")
        address = f"127.0.0.1:{cluster.processes()['scheduler']['port']}"
        async with connect(address, make_seams("test"), tls, server_name="orrery") as channel:
            try:
                async for _ in debug_pb2_grpc.DebugStub(channel).Wire(WireRequest()):
                    break
            except grpc.aio.AioRpcError as error:
                return error.code()
        return grpc.StatusCode.OK

    assert asyncio.run(listen()) is grpc.StatusCode.PERMISSION_DENIED
