"""What is wrong is said clearly, and nothing is lost."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_kubectl import IMAGE
from tests.support.cluster import ROOT, Cluster
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]


def post(
    cluster: Cluster, path: str, body: bytes, content_type: str = "application/json"
) -> tuple[int, dict[str, Any]]:
    """A raw request as admin: (HTTP status, decoded body)."""
    context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
    context.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")
    port = cluster.processes()["apiserver"]["port"]
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_an_invalid_manifest_names_field_and_reason(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = tmp_path / "bad.yaml"
    manifest.write_text(f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: bad}}
spec:
  selector: {{matchLabels: {{app: one}}}}
  template:
    metadata: {{labels: {{app: two}}}}
    spec:
      restartPolicy: Never
      containers: [{{name: Bad_Name, image: {IMAGE}}}]
""")
    refused = kubectl.run("apply", "-f", str(manifest))
    assert refused.code == 1
    assert 'The Deployment "bad" is invalid' in refused.err
    assert "spec.template.metadata.labels: Invalid value" in refused.err
    assert '* spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"' in refused.err
    assert 'spec.template.spec.containers[0].name: Invalid value: "Bad_Name"' in refused.err
    assert kubectl.run("get", "deployment", "bad").code == 1


def test_unknown_fields_are_refused_when_strict(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = tmp_path / "unknown.yaml"
    manifest.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, dta: {a: b}}")
    assert 'unknown field "dta"' in kubectl.run("create", "-f", str(manifest)).err
    warned = kubectl.run("create", "--validate=warn", "-f", str(manifest))
    assert (warned.code, 'Warning: unknown field "dta"' in warned.err) == (0, True)


def test_an_unknown_kind(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = tmp_path / "kind.yaml"
    manifest.write_text("{apiVersion: example.com/v1, kind: Nothing, metadata: {name: x}}")
    assert 'no matches for kind "Nothing" in version "example.com/v1"' in kubectl.run("apply", "-f", str(manifest)).err
    assert "the server doesn't have a resource type" in kubectl.run("get", "nothings").err


def test_a_body_that_is_no_json(cluster: Cluster) -> None:
    code, status = post(cluster, "/api/v1/namespaces/default/configmaps", b"{nonsense")
    assert (code, status["kind"], status["reason"]) == (400, "Status", "BadRequest")


def test_a_body_of_four_megabytes(cluster: Cluster) -> None:
    body = json.dumps({"metadata": {"name": "big"}, "data": {"x": "y" * (4 << 20)}}).encode()
    code, status = post(cluster, "/api/v1/namespaces/default/configmaps", body)
    assert (code, status["reason"]) == (413, "RequestEntityTooLarge")
    code, _ = post(cluster, "/api/v1/namespaces/default/configmaps?dryRun=All", b'{"metadata":{"name":"small"}}')
    assert code == 201


def test_a_name_that_is_taken(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "one")
    refused = kubectl.run("create", "configmap", "one")
    assert 'configmaps "one" already exists' in refused.err
    assert kubectl.json("get", "configmap", "one")["metadata"]["name"] == "one"


def run_orrery(home: Path, *args: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"ORRERY_HOME": str(home), "KUBECONFIG": str(home / "kubeconfig"), "HOME": str(home)}
    environment["PATH"] = path if path is not None else "/usr/bin:/bin"
    return subprocess.run(
        [sys.executable, "-m", "cli", *args], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run_orrery(tmp_path, "up", "--name", "bad", "--runtime", "sim", "--port", str(port))
    assert refused.returncode == 1
    assert f"port {port} for the apiserver is in use" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    for command in (["down"], ["status"], ["logs", "scheduler"], ["restart", "scheduler"], ["kubeconfig"]):
        refused = run_orrery(tmp_path, *command, "--name", "nothere")
        assert refused.returncode == 1
        assert "nothere" in refused.stderr
        assert "Traceback" not in refused.stderr
