"""The kubelet and kube-proxy of a node replaced and restarted under running containers: those do not notice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e_debugging_docker.test_faults import start
from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.kubectl import Kubectl
from tests.support.losses import Survey, survey

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

NOBODY = ("--", sys.executable, "-c", "import time; time.sleep(100000)")
"""In place of a component: one that does nothing at all."""


def swap(cluster: Cluster, component: str) -> None:
    command = [sys.executable, "-m", "cli", "swap", "--name", cluster.name, component, *NOBODY]
    subprocess.run(command, capture_output=True, cwd=ROOT, env=cluster.environment, check=True)


def assert_untouched(before: Survey, after: Survey) -> None:
    assert (after.pods, after.engine) == (before.pods, before.engine)


def answers(kubectl: Kubectl, pod: str, service: str) -> bool:
    return bool(kubectl.run("exec", pod, "--", "wget", "-q", "-T", "2", "-O", "-", f"http://{service}/").out.strip())


def pod_on(kubectl: Kubectl, node: str) -> str:
    pods = kubectl.json("get", "pods", "-l", "app=web")["items"]
    return next(str(one["metadata"]["name"]) for one in pods if one["spec"]["nodeName"] == node)


def test_a_kubelet_swapped_and_back(cluster: Cluster, kubectl: Kubectl) -> None:
    start(kubectl)
    before = survey(cluster, kubectl)
    swap(cluster, "kubelet-worker-1")
    kubectl("create", "deployment", "later", "--image=orrery/busybox:1", "--replicas=2", "--", "sleep", "1000")
    pods = ("get", "pods", "-l", "app=later")
    eventually("one runs", lambda: kubectl(*pods).count("Running") == 1)
    assert kubectl(*pods).count("Pending") == 1, "nobody starts the other"
    assert cluster.orrery("swap", "kubelet-worker-1", "--back").returncode == 0
    kubectl("rollout", "status", "deployment/later", "--timeout=60s")
    after = survey(cluster, kubectl)
    assert {name: after.pods[name] for name in before.pods} == before.pods
    assert before.engine.items() <= after.engine.items()


def test_a_kube_proxy_swapped_leaves_its_rules_and_takes_no_new_ones(cluster: Cluster, kubectl: Kubectl) -> None:
    start(kubectl)
    kubectl("expose", "deployment", "web", "--port=80", "--name=old")
    here, there = pod_on(kubectl, "worker-1"), pod_on(kubectl, "worker-2")
    eventually("the old Service answers", lambda: answers(kubectl, here, "old"))
    before = survey(cluster, kubectl)
    swap(cluster, "kube-proxy-worker-1")
    kubectl("expose", "deployment", "web", "--port=80", "--name=new")
    eventually("the new Service answers on the other node", lambda: answers(kubectl, there, "new"))
    assert answers(kubectl, here, "old"), "the rules of before are in force"
    assert not answers(kubectl, here, "new"), "nobody writes new ones"
    cluster.orrery("swap", "kube-proxy-worker-1", "--back")
    eventually("the new Service answers here, too", lambda: answers(kubectl, here, "new"))
    assert_untouched(before, survey(cluster, kubectl))


@pytest.mark.parametrize("component", ["kubelet-worker-1", "kube-proxy-worker-1"])
def test_a_change_of_source(cluster: Cluster, kubectl: Kubectl, tmp_path: Path, component: str) -> None:
    start(kubectl)
    source = tmp_path / "thing.py"
    source.write_text("x = 1\n")
    before = survey(cluster, kubectl)
    command = [sys.executable, "-u", "-m", "cli", "dev", component, "--name", cluster.name, "--watch", str(tmp_path)]
    dev = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=cluster.environment)
    assert dev.stdout is not None
    try:
        assert "watching" in dev.stdout.readline()
        source.write_text("x = 23\n")
        assert f"{component} serves again after" in dev.stdout.readline()
        dev.send_signal(signal.SIGINT)
        assert dev.wait(10) == 130
    finally:
        dev.kill()
        dev.wait()
        dev.stdout.close()
    after = survey(cluster, kubectl)
    assert_untouched(before, after)
    assert {name for name, one in after.processes.items() if one != before.processes[name]} == {component}
    kubectl("delete", "pod", pod_on(kubectl, "worker-1"))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
