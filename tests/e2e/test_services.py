"""Service addresses: from inside a pod by DNS name, from the host by NodePort."""

from __future__ import annotations

import urllib.request

import pytest

from tests.e2e.test_kubectl import IMAGE, deploy
from tests.support.cluster import eventually
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]


def hostnames_by_pod(kubectl: Kubectl) -> set[str]:
    return {pod["metadata"]["name"] for pod in kubectl.json("get", "pods", "-l", "app=web")["items"]}


def test_dns_name_and_node_port_reach_all_replicas(kubectl: Kubectl) -> None:
    deploy(kubectl, replicas=4)
    kubectl("expose", "deployment", "web", "--port=80", "--type=NodePort")
    pods = kubectl.json("get", "pods", "-l", "app=web")["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {"worker-1", "worker-2"}
    expected = {pod["metadata"]["name"] for pod in pods}
    kubectl("run", "client", f"--image={IMAGE}", "--command", "--", "sleep", "1000")
    kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    url = f"http://web.{kubectl.namespace}.svc.cluster.local/"
    loop = f"for i in $(seq 40); do wget -q -O - {url}; done"
    seen: set[str] = set()

    def all_seen_inside() -> bool:
        seen.update(kubectl.run("exec", "client", "--", "sh", "-c", loop).out.split())
        return seen >= expected

    eventually("every replica by DNS name", all_seen_inside)
    assert seen == expected
    assert kubectl("exec", "client", "--", "wget", "-q", "-O", "-", "http://web/").strip() in expected
    port = kubectl.json("get", "service", "web")["spec"]["ports"][0]["nodePort"]
    for node in kubectl.json("get", "nodes")["items"]:
        address = next(one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")
        answered = {fetch(f"http://{address}:{port}/") for _ in range(40)}
        assert answered == expected
    kubectl("delete", "pod", "client", "--grace-period=1")


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode().strip())


def test_the_kubernetes_service_answers_in_pods(kubectl: Kubectl) -> None:
    kubectl("run", "box", f"--image={IMAGE}", "--command", "--", "sleep", "1000")
    kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=60s")
    looked_up = kubectl("exec", "box", "--", "nslookup", "kubernetes.default.svc.cluster.local")
    assert "10.96.0.1" in looked_up
    reached = kubectl.run("exec", "box", "--", "nc", "-w", "5", "10.96.0.1", "443", stdin="")
    assert reached.code == 0, reached.err
    token = kubectl("exec", "box", "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token")
    assert token.count(".") == 2
    kubectl("delete", "pod", "box", "--grace-period=1")
