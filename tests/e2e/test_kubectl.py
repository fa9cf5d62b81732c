"""Every kubectl command that people use, with each supported kubectl, on real containers."""

from __future__ import annotations

import json
import shlex
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

IMAGE = "orrery/busybox:1"
TRAP = "trap 'exit 0' TERM; "  # as process 1 a shell would not hear SIGTERM, and each deletion would take its 30 s
SERVE = ("sh", "-c", TRAP + "mkdir -p /www; hostname > /www/index.html; httpd -p 80 -h /www; sleep 100000 & wait")


def deploy(kubectl: Kubectl, name: str = "web", replicas: int = 3) -> None:
    kubectl("create", "deployment", name, f"--image={IMAGE}", f"--replicas={replicas}", "--", *SERVE)
    kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")


def pod_names(kubectl: Kubectl, app: str = "web") -> list[str]:
    return sorted(kubectl("get", "pods", "-l", f"app={app}", "-o", "name").split())


def test_a_deployments_life(every_kubectl: Kubectl) -> None:
    kubectl = every_kubectl
    deploy(kubectl)
    wide = kubectl("get", "pods", "-o", "wide")
    assert wide.splitlines()[0].split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert wide.count("1/1") == wide.count("Running") == 3
    assert {"worker-1", "worker-2"} <= set(wide.split())
    described = kubectl("describe", "deployment", "web")
    assert "3 desired | 3 updated | 3 total | 3 available | 0 unavailable" in described
    assert "Scaled up replica set" in described
    kubectl("scale", "deployment/web", "--replicas=5")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert len(pod_names(kubectl)) == 5
    kubectl("scale", "deployment/web", "--replicas=2")
    eventually("two pods", lambda: len(pod_names(kubectl)) == 2)
    first = pod_names(kubectl)
    kubectl("set", "image", "deployment/web", "busybox=orrery/busybox:2")
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    eventually("new pods only", lambda: not set(first) & set(pod_names(kubectl)))
    history = kubectl("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    assert kubectl.json("get", "deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    kubectl("delete", "deployment", "web")
    eventually("no pods", lambda: not pod_names(kubectl))


def test_a_deleted_pod_is_replaced(every_kubectl: Kubectl) -> None:
    kubectl = every_kubectl
    deploy(kubectl, replicas=1)
    (before,) = pod_names(kubectl)
    watch = kubectl.start("get", "pods", "-w", "--no-headers")
    try:
        assert watch.stdout is not None
        watch.stdout.readline()  # it has listed the pod, and sees all that comes after
        kubectl("delete", before, "--grace-period=1")
        kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        (after,) = eventually("one other pod", lambda: [one for one in pod_names(kubectl) if one != before])
    finally:
        watch.terminate()
        seen = watch.communicate()[0]
    assert after != before
    assert "Terminating" in seen
    assert after.removeprefix("pod/") in seen


def test_apply_creates_changes_and_leaves_alone(every_kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl = every_kubectl
    manifest = tmp_path / "web.yaml"
    text = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {{name: main, image: {IMAGE}, command: [sleep, "3600"]}}
"""
    manifest.write_text(text)
    assert kubectl("apply", "-f", str(manifest)).strip() == "deployment.apps/web created"
    assert kubectl("apply", "-f", str(manifest)).strip() == "deployment.apps/web unchanged"
    manifest.write_text(text.replace("replicas: 1", "replicas: 2"))
    assert kubectl("apply", "-f", str(manifest)).strip() == "deployment.apps/web configured"
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert len(pod_names(kubectl)) == 2


def test_edit_label_annotate_and_patch(every_kubectl: Kubectl) -> None:
    kubectl = every_kubectl
    kubectl("create", "configmap", "settings", "--from-literal=colour=red")
    editor = f"{shlex.quote(sys.executable)} -c " + shlex.quote(
        "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace('red', 'blue'))"
    )
    kubectl("edit", "configmap", "settings", env={"KUBE_EDITOR": editor})
    kubectl("label", "configmap", "settings", "tier=front")
    kubectl("annotate", "configmap", "settings", "note=hello")
    kubectl("patch", "configmap", "settings", "--type=merge", "-p", '{"data":{"merge":"1"}}')
    kubectl("patch", "configmap", "settings", "--type=strategic", "-p", '{"data":{"strategic":"1"}}')
    kubectl("patch", "configmap", "settings", "--type=json", "-p", '[{"op":"add","path":"/data/json","value":"1"}]')
    found = kubectl.json("get", "configmap", "settings")
    assert found["data"] == {"colour": "blue", "merge": "1", "strategic": "1", "json": "1"}
    assert found["metadata"]["labels"] == {"tier": "front"}
    assert found["metadata"]["annotations"] == {"note": "hello"}


def test_logs_exec_cp_and_port_forward(every_kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl = every_kubectl
    script = "echo one; echo two; mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www"
    kubectl("run", "box", f"--image={IMAGE}", "--restart=Never", "--command", "--", "sh", "-c", script)
    kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=60s")
    assert kubectl("logs", "box") == "one\ntwo\n"
    assert kubectl("logs", "box", "--tail=1") == "two\n"
    assert kubectl("exec", "box", "--", "hostname").strip() == "box"
    assert kubectl("exec", "-i", "box", "--", "cat", stdin="through stdin\n") == "through stdin\n"
    assert kubectl.run("exec", "box", "--", "sh", "-c", "exit 7").code == 7
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(bytes(range(256)) * 1000)
    kubectl("cp", str(sent), f"{kubectl.namespace}/box:/tmp/there")
    kubectl("cp", f"{kubectl.namespace}/box:/tmp/there", str(back))
    assert back.read_bytes() == sent.read_bytes()
    forward = kubectl.start("port-forward", "pod/box", ":8080")
    try:
        assert forward.stdout is not None
        port = forward.stdout.readline().split("127.0.0.1:")[1].split()[0]
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert answer.read() == b"served\n"
    finally:
        forward.terminate()
        forward.communicate()
    kubectl("delete", "pod", "box", "--grace-period=1")


def test_logs_follow_to_the_end_and_previous(every_kubectl: Kubectl) -> None:
    kubectl = every_kubectl
    kubectl("run", "count", f"--image={IMAGE}", "--restart=Never", "--command", "--", "sh", "-c",
            "for i in 1 2 3; do echo $i; sleep 0.3; done")  # fmt: skip
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/count", "--timeout=60s")
    assert kubectl("logs", "-f", "count") == "1\n2\n3\n"
    kubectl("run", "again", f"--image={IMAGE}", "--restart=OnFailure", "--command", "--", "sh", "-c",
            "echo run; test -e /dev/shm/x && exec sleep 1000; touch /dev/shm/x; exit 3")  # fmt: skip
    restarts = "jsonpath={.status.containerStatuses[0].restartCount}"
    eventually("a restart", lambda: kubectl("get", "pod", "again", "-o", restarts) not in ("", "0"))
    assert kubectl("logs", "--previous", "again") == "run\n"
    kubectl("delete", "pod", "again", "--grace-period=1")


def test_explain_api_resources_and_can_i(every_kubectl: Kubectl) -> None:
    kubectl = every_kubectl
    explained = kubectl("explain", "deployment.spec.strategy.rollingUpdate.maxSurge")
    assert "IntOrString" in explained
    assert "DESCRIPTION" in explained
    resources = kubectl("api-resources", "--no-headers")
    assert {"deployments", "pods", "endpointslices", "leases", "validatingadmissionpolicies"} <= {
        line.split()[0] for line in resources.splitlines()
    }
    assert kubectl("auth", "can-i", "create", "pods").strip() == "yes"
    denied = kubectl.run("auth", "can-i", "create", "pods", "--as=system:serviceaccount:default:default")
    assert (denied.out.strip(), denied.code) in {("no", 1)}


def test_cordon_drain_and_back(every_kubectl: Kubectl) -> None:
    kubectl = every_kubectl
    deploy(kubectl, replicas=4)
    try:
        kubectl("cordon", "worker-1")
        assert "SchedulingDisabled" in kubectl("get", "node", "worker-1")
        kubectl("drain", "worker-1", "--ignore-daemonsets", "--force", "--delete-emptydir-data", "--timeout=80s")
        kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        pods = kubectl.json("get", "pods", "-l", "app=web")["items"]
        assert {pod["spec"]["nodeName"] for pod in pods} == {"worker-2"}
    finally:
        kubectl("uncordon", "worker-1")
    assert "SchedulingDisabled" not in kubectl("get", "node", "worker-1")


def test_events_tell_the_story_of_a_pod(kubectl: Kubectl) -> None:
    kubectl("run", "box", f"--image={IMAGE}", "--command", "--", "sleep", "1000")
    kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=60s")

    def reasons() -> set[str]:
        found = kubectl.json("get", "events", "--field-selector", "involvedObject.name=box")["items"]
        return {one["reason"] for one in found}

    eventually("all events", lambda: {"Scheduled", "Pulled", "Created", "Started"} <= reasons())
    described = kubectl("describe", "pod", "box")
    assert f"Successfully assigned {kubectl.namespace}/box to worker-" in described
    kubectl("delete", "pod", "box", "--grace-period=1")


def test_a_pod_that_fits_nowhere_says_why(kubectl: Kubectl) -> None:
    overrides = {"spec": {"containers": [{"name": "big", "image": IMAGE, "resources": {"requests": {"cpu": "1000"}}}]}}
    kubectl("run", "big", f"--image={IMAGE}", f"--overrides={json.dumps(overrides)}")

    def message() -> str:
        conditions = kubectl.json("get", "pod", "big")["status"].get("conditions", [])
        return next((one["message"] for one in conditions if one.get("reason") == "Unschedulable"), "")

    assert eventually("a reason", message).startswith("0/2 nodes are available: 2 Insufficient cpu.")
    eventually("the event", lambda: "FailedScheduling" in kubectl("get", "events"))


def test_version_and_health(newest: Kubectl, cluster: Cluster) -> None:
    assert newest.json("version")["serverVersion"]["minor"] == "36"
    assert newest("get", "--raw", "/readyz") == "ok"
    assert "[+]etcd ok" in newest("get", "--raw", "/readyz?verbose")
