"""What an unset field of a pod means."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from apiserver.registry.core.pod_defaults import default_pod, default_pull_policy, default_template
from apiserver.registry.core.pod_resources import pod_requests, qos_class

JSON = dict[str, Any]


def defaulted(**spec: Any) -> JSON:
    pod: JSON = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "nginx"}], **spec}}
    default_pod(pod)
    found: JSON = pod["spec"]
    return found


def with_container(**fields: Any) -> JSON:
    found: JSON = defaulted(containers=[{"name": "c", "image": "nginx:1", **fields}])["containers"][0]
    return found


def test_a_minimal_pod() -> None:
    assert defaulted() == {
        "containers": [
            {
                "name": "c",
                "image": "nginx",
                "imagePullPolicy": "Always",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:abc", "IfNotPresent"),
        ("nginx:latest@sha256:abc", "Always"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert default_pull_policy(image) == policy


def test_requests_follow_limits_in_pods_but_not_in_templates() -> None:
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}
    assert with_container(resources=copy.deepcopy(resources))["resources"]["requests"] == {
        "cpu": "500m",
        "memory": "1Gi",
    }
    template: JSON = {"spec": {"containers": [{"name": "c", "image": "x", "resources": copy.deepcopy(resources)}]}}
    default_template(template)
    assert template["spec"]["containers"][0]["resources"] == resources
    assert "enableServiceLinks" not in template["spec"]


def test_quantities_are_canonical() -> None:
    resources = with_container(resources={"limits": {"cpu": 0.5, "memory": "1024Mi"}})["resources"]
    assert resources["limits"] == {"cpu": "500m", "memory": "1Gi"}


def test_probes() -> None:
    probe = with_container(livenessProbe={"httpGet": {"port": 80}})["livenessProbe"]
    assert probe == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert with_container(readinessProbe={"grpc": {"port": 80}})["readinessProbe"]["grpc"]["service"] == ""


def test_ports_and_environment() -> None:
    container = with_container(
        ports=[{"containerPort": 80}],
        env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        lifecycle={"preStop": {"httpGet": {"port": 80}}},
    )
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert container["lifecycle"]["preStop"]["httpGet"]["scheme"] == "HTTP"


def test_in_the_nodes_network_a_port_is_the_nodes() -> None:
    spec = defaulted(hostNetwork=True, containers=[{"name": "c", "image": "x", "ports": [{"containerPort": 80}]}])
    assert spec["containers"][0]["ports"][0]["hostPort"] == 80


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"emptyDir": {}}),
        ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
        ({"configMap": {"name": "m"}}, {"configMap": {"name": "m", "defaultMode": 420}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
        ({"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
         {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                        "defaultMode": 420}}),
        ({"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
         {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels", "apiVersion": "v1"}}],
                          "defaultMode": 420}}),
        ({"image": {"reference": "x"}}, {"image": {"reference": "x", "pullPolicy": "Always"}}),
    ],
)  # fmt: skip
def test_volumes(given: JSON, expected: JSON) -> None:
    assert defaulted(volumes=[{"name": "v", **given}])["volumes"] == [{"name": "v", **expected}]


def test_both_names_of_the_account_are_shown() -> None:
    assert defaulted(serviceAccount="bot")["serviceAccountName"] == "bot"
    assert defaulted(serviceAccountName="bot")["serviceAccount"] == "bot"


def test_defaulting_twice_changes_nothing() -> None:
    container = {"name": "c", "image": "x", "resources": {"limits": {"cpu": "1"}}, "ports": [{"containerPort": 1}]}
    pod: JSON = {"spec": {"hostNetwork": True, "volumes": [{"name": "v"}], "containers": [container]}}
    default_pod(pod)
    once = copy.deepcopy(pod)
    default_pod(pod)
    assert pod == once


def resources(requests: JSON | None = None, limits: JSON | None = None, **more: Any) -> JSON:
    return {"resources": {"requests": requests or {}, "limits": limits or {}}, **more}


@pytest.mark.parametrize(
    ("containers", "quality"),
    [
        ([resources()], "BestEffort"),
        ([resources({"cpu": "1"})], "Burstable"),
        ([resources({"cpu": "1", "memory": "1"}, {"cpu": "1", "memory": "1"})], "Guaranteed"),
        ([resources({"cpu": "1", "memory": "1"}, {"cpu": "1000m", "memory": "1"})], "Guaranteed"),
        ([resources({"cpu": "1", "memory": "1"}, {"cpu": "1", "memory": "1"}), resources()], "Burstable"),
        ([resources({"cpu": "1"}, {"cpu": "1"})], "Burstable"),
        ([resources({"example.com/gpu": "1"}, {"example.com/gpu": "1"})], "BestEffort"),
        ([resources({"cpu": "0"}, {"cpu": "0"})], "BestEffort"),
    ],
)
def test_quality_of_service(containers: list[JSON], quality: str) -> None:
    assert qos_class({"containers": containers}) == quality


@pytest.mark.parametrize(
    ("init", "cpu"),
    [
        ([], "300m"),
        ([resources({"cpu": "1"})], "1"),
        ([resources({"cpu": "100m"}, restartPolicy="Always")], "400m"),
        ([resources({"cpu": "100m"}, restartPolicy="Always"), resources({"cpu": "1"})], "1100m"),
        ([resources({"cpu": "1"}), resources({"cpu": "100m"}, restartPolicy="Always")], "1"),
    ],
)
def test_a_pod_needs_the_larger_of_starting_and_running(init: list[JSON], cpu: str) -> None:
    spec = {"containers": [resources({"cpu": "100m"}), resources({"cpu": "200m"})], "initContainers": init}
    assert str(pod_requests(spec)["cpu"]) == cpu
    assert str(pod_requests({**spec, "overhead": {"cpu": "1"}})["cpu"]) != cpu
