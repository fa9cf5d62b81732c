"""What a pod must be, in upstream's words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from apimachinery.resources import GVR
from apiserver.registry.core.pod import PodStrategy
from apiserver.registry.core.pod_defaults import default_pod
from tests.unit.registry_fakes import context

JSON = dict[str, Any]
PODS = GVR("", "v1", "pods")


def pod(*, container: JSON | None = None, **spec: Any) -> JSON:
    containers = [{"name": "c", "image": "nginx", **(container or {})}]
    return {"metadata": {"name": "web", "namespace": "dev"}, "spec": {"containers": containers, **spec}}


def errors(given: JSON) -> list[str]:
    default_pod(given)
    return [str(error) for error in PodStrategy().validate(given)]


LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pod(), []),
        (pod(containers=[]), ["spec.containers: Required value"]),
        (pod(restartPolicy="Sometimes"),
         ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"']),
        (pod(container={"name": "C"}), [f'spec.containers[0].name: Invalid value: "C": {LABEL}']),
        (pod(container={"image": ""}), ["spec.containers[0].image: Required value"]),
        (pod(initContainers=[{"name": "c", "image": "x"}]), ['spec.initContainers[0].name: Duplicate value: "c"']),
        (pod(container={"ports": [{"containerPort": 70000}]}),
         ["spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]),
        (pod(container={"ports": [{"containerPort": 80, "protocol": "ICMP"}]}),
         ['spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"']),
        (pod(container={"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]}),
         ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"']),
        (pod(container={"imagePullPolicy": "Often"}),
         ['spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", '
          '"Never"']),
        (pod(container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
         ['spec.containers[0].volumeMounts[0].name: Not found: "v"']),
        (pod(volumes=[{"name": "v"}, {"name": "v"}]), ['spec.volumes[1].name: Duplicate value: "v"']),
        (pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]),
         ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"]),
        (pod(volumes=[{"name": "v", "secret": {}}]), ["spec.volumes[0].secret.secretName: Required value"]),
        (pod(container={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}),
         ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']),
        (pod(container={"resources": {"requests": {"cpu": "x"}}}),
         ['spec.containers[0].resources.requests[cpu]: Invalid value: "x": quantities must match the regular '
          "expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"]),
        (pod(container={"resources": {"limits": {"cpus": "1"}, "requests": {"cpus": "1"}}}),
         ['spec.containers[0].resources.limits[cpus]: Invalid value: "cpus": must be a standard resource for '
          "containers",
          'spec.containers[0].resources.requests[cpus]: Invalid value: "cpus": must be a standard resource for '
          "containers"]),
        (pod(container={"resources": {"requests": {"example.com/gpu": "1"}}}),
         ["spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources"]),
        (pod(container={"livenessProbe": {}}),
         ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]),
        (pod(container={"livenessProbe": {"exec": {"command": ["x"]}, "successThreshold": 2}}),
         ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"]),
        (pod(initContainers=[{"name": "i", "image": "x", "livenessProbe": {"exec": {"command": ["x"]}}}]),
         ["spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without "
          "restartPolicy=Always"]),
        (pod(container={"env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]}),
         ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
          'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.x": supported values: '
          '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", '
          '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"']),
        (pod(dnsPolicy="None"),
         ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (pod(tolerations=[{"key": "a", "operator": "Is"}]),
         ['spec.tolerations[0].operator: Unsupported value: "Is": supported values: "Equal", "Exists"']),
        (pod(tolerations=[{"effect": "NoSchedule"}]),
         ['spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means '
          '"match all values and all keys"']),
        (pod(activeDeadlineSeconds=0),
         ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"]),
        (pod(shareProcessNamespace=True, hostPID=True),
         ["spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot "
          "both be enabled"]),
        (pod(topologySpreadConstraints=[{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]),
         ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"]),
        (pod(affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {}}]}}),
         ["spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: "
          "can not be empty"]),
        (pod(container={"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}),
         ['spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: '
          "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"]),
    ],
)  # fmt: skip
def test_new_pods(given: JSON, expected: list[str]) -> None:
    assert errors(given) == expected


def update(old: JSON, change: Any) -> list[str]:
    default_pod(old)
    new = copy.deepcopy(old)
    change(new["spec"])
    return [str(error).partition("\n")[0] for error in PodStrategy().validate_update(old, new)]


FROZEN = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"


def test_an_image_may_change_and_little_else() -> None:
    assert update(pod(), lambda spec: spec["containers"][0].update(image="nginx:2")) == []
    assert update(pod(), lambda spec: spec.update(activeDeadlineSeconds=5)) == []
    assert update(pod(), lambda spec: spec.update(tolerations=[{"key": "a", "operator": "Exists"}])) == []
    (error,) = update(pod(), lambda spec: spec.update(nodeName="n1"))
    assert error.startswith(FROZEN)
    (error,) = update(pod(), lambda spec: spec["containers"][0].update(command=["x"]))
    assert error.startswith(FROZEN)
    assert update(pod(), lambda spec: spec["containers"].append({"name": "d", "image": "x"})) == [
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    ]
    tolerant = pod(tolerations=[{"key": "a", "operator": "Exists"}])
    (error,) = update(tolerant, lambda spec: spec.update(tolerations=[]))
    assert error == "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"


def test_gates_may_only_go() -> None:
    gated = pod(schedulingGates=[{"name": "example.com/a"}])
    assert update(copy.deepcopy(gated), lambda spec: spec.pop("schedulingGates")) == []
    assert update(copy.deepcopy(gated), lambda spec: spec.update(nodeSelector={"a": "b"})) == []
    (error,) = update(pod(), lambda spec: spec.update(schedulingGates=[{"name": "example.com/a"}]))
    assert error == (
        "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gates 'example.com/a'"
    )


# --- life cycle ------------------------------------------------------------------------------------------------------


def test_a_new_pod_is_pending() -> None:
    given = pod(status={"phase": "Running"})
    default_pod(given)
    PodStrategy().prepare_for_create(context(PODS), given)
    assert given["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    gated = pod(schedulingGates=[{"name": "example.com/a"}])
    default_pod(gated)
    PodStrategy().prepare_for_create(context(PODS), gated)
    assert gated["status"]["conditions"][0]["reason"] == "SchedulingGated"


@pytest.mark.parametrize(
    ("spec", "phase", "asked", "grace"),
    [
        ({}, "Pending", None, 0),
        ({"nodeName": "n"}, "Running", None, 30),
        ({"nodeName": "n"}, "Running", 5, 5),
        ({"nodeName": "n"}, "Running", 0, 0),
        ({"nodeName": "n"}, "Succeeded", None, 0),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 7}, "Running", None, 7),
    ],
)
def test_how_long_a_deleted_pod_stays(spec: JSON, phase: str, asked: int | None, grace: int) -> None:
    given = pod(**spec)
    default_pod(given)
    given["status"] = {"phase": phase}
    assert PodStrategy().check_graceful_delete(context(PODS), given, asked) == grace


def resize(given: JSON, **resources: JSON) -> tuple[JSON, list[str]]:
    default_pod(given)
    new = copy.deepcopy(given)
    new["spec"]["containers"][0]["resources"] = resources
    new["spec"]["nodeName"] = "elsewhere"
    strategy = PodStrategy.subresources["resize"]
    strategy.prepare_for_update(context(PODS), given, new)
    return new, [str(error) for error in strategy.validate_update(given, new)]


def test_a_resize_takes_only_resources() -> None:
    given = pod(container={"resources": {"requests": {"cpu": "1"}}})
    new, found = resize(given, requests={"cpu": "2"})
    assert (found, "nodeName" in new["spec"]) == ([], False)
    assert new["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "2"}}
    _, found = resize(pod(), requests={"cpu": "2"})
    assert found == ['spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing']


def test_ephemeral_containers_are_added_and_stay() -> None:
    strategy = PodStrategy.subresources["ephemeralcontainers"]
    old = pod()
    default_pod(old)
    new = copy.deepcopy(old)
    new["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "busybox", "targetContainerName": "c"}]
    new["spec"]["nodeName"] = "elsewhere"
    strategy.prepare_for_update(context(PODS), old, new)
    assert strategy.validate_update(old, new) == []
    assert "nodeName" not in new["spec"]
    assert new["spec"]["ephemeralContainers"][0]["imagePullPolicy"] == "Always"
    gone = copy.deepcopy(new)
    gone["spec"]["ephemeralContainers"] = []
    strategy.prepare_for_update(context(PODS), new, gone)
    assert [str(error) for error in strategy.validate_update(new, gone)] == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed'
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spec.nodeName", ""),
        ("spec.hostNetwork", "false"),
        ("spec.restartPolicy", "Always"),
        ("status.phase", "Running"),
        ("status.podIPs", "10.0.0.1,10.0.0.2"),
    ],
)
def test_fields_for_selectors(path: str, text: str) -> None:
    given = pod()
    default_pod(given)
    given["status"] = {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}
    assert PodStrategy().field_get(given, path) == text
