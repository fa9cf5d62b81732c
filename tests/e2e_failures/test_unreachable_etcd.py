"""etcd does not answer: the apiserver starts all the same, says what is wrong, and serves when etcd is there."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.e2e_failures.conftest import up
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

REFUSAL_SECONDS = 10  # a request is refused within this


def health(kubectl: Kubectl) -> str:
    result = kubectl.run("get", "--raw", "/readyz?verbose", "--request-timeout=5s")
    return result.out + result.err


def test_an_apiserver_starts_while_etcd_hangs(cluster: Cluster) -> None:
    kubectl = up(cluster)
    kubectl("create", "configmap", "kept")
    etcd, apiserver = cluster.pid("etcd"), cluster.pid("apiserver")
    os.kill(etcd, signal.SIGSTOP)
    try:
        os.kill(apiserver, signal.SIGKILL)
        eventually("a new apiserver", lambda: cluster.pid("apiserver") not in (0, apiserver))
        eventually("it says what is wrong", lambda: "[-]etcd failed" in health(kubectl))
        assert "[-]informer-sync failed: the watch cache is not filled yet" in health(kubectl)
        started = time.monotonic()
        refused = kubectl.run("get", "configmap", "kept", "--request-timeout=20s")
        assert refused.code == 1 and time.monotonic() - started < REFUSAL_SECONDS
        assert "etcd" in refused.err or "not filled yet" in refused.err
        assert cluster.processes()["apiserver"]["restarts"] == 1
    finally:
        os.kill(etcd, signal.SIGCONT)
    eventually("recovery", lambda: kubectl.run("get", "--raw", "/readyz").code == 0, seconds=20)
    kubectl("get", "configmap", "kept")
    kubectl("create", "configmap", "after")
    assert cluster.pid("etcd") == etcd


def test_etcd_hangs_for_a_while(cluster: Cluster) -> None:
    """Nobody restarts, no node is lost, and what was refused can be done again."""
    kubectl = up(cluster)
    pids = {name: one["pid"] for name, one in cluster.processes().items()}
    os.kill(pids["etcd"], signal.SIGSTOP)
    try:
        refused = kubectl.run("create", "configmap", "late")
        assert refused.code == 1 and "cannot be reached" in refused.err
    finally:
        os.kill(pids["etcd"], signal.SIGCONT)
    eventually("writes", lambda: kubectl.run("create", "configmap", "after").code == 0, seconds=20)
    kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=20s")
    assert pids == {name: one["pid"] for name, one in cluster.processes().items()}
