"""Defaults and rules of all other kinds, and what every strategy must bear."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from apimachinery.resources import GVR
from apiserver.registry.strategies import STRATEGIES
from tests.unit.registry_fakes import context

JSON = dict[str, Any]
RBAC, NETWORK, STORAGE = "rbac.authorization.k8s.io", "networking.k8s.io", "storage.k8s.io"
ADMISSION = "admissionregistration.k8s.io"


def named(**fields: Any) -> JSON:
    return {"metadata": {"name": "x", "namespace": "dev"}, **fields}


@pytest.mark.parametrize(("group", "resource"), STRATEGIES)
def test_every_strategy_bears_an_almost_empty_object(group: str, resource: str) -> None:
    """The schema's check of required fields comes after defaults, so these must not fall over."""
    strategy = STRATEGIES[group, resource]
    obj = named(spec={})
    strategy.defaults(obj)
    once = copy.deepcopy(obj)
    strategy.defaults(obj)
    assert obj == once, "defaults are idempotent"
    strategy.prepare_for_create(context(GVR(group, "v1", resource)), obj)
    strategy.validate(obj)
    strategy.validate_update(obj, copy.deepcopy(obj))
    for path in strategy.selectable_fields:
        assert isinstance(strategy.field_get(obj, path), str)


@pytest.mark.parametrize(
    ("group", "resource", "given", "expected"),
    [
        ("", "secrets", named(stringData={"a": "b"}), {"type": "Opaque", "data": {"a": "Yg=="}}),
        ("", "services", named(spec={"ports": [{"port": 80}]}), {"spec": {
            "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}}),
        ("", "services", named(spec={"type": "LoadBalancer", "sessionAffinity": "ClientIP"}), {"spec": {
            "type": "LoadBalancer", "sessionAffinity": "ClientIP", "internalTrafficPolicy": "Cluster",
            "externalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": True,
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}}),
        ("", "persistentvolumes", named(spec={"hostPath": {"path": "/x"}}), {"spec": {
            "hostPath": {"path": "/x", "type": ""}, "persistentVolumeReclaimPolicy": "Retain",
            "volumeMode": "Filesystem"}}),
        ("", "limitranges", named(spec={"limits": [{"type": "Container", "max": {"cpu": "2"}}]}), {"spec": {"limits": [
            {"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}}]}}),
        ("discovery.k8s.io", "endpointslices", named(ports=[{"port": 80}]),
         {"ports": [{"port": 80, "name": "", "protocol": "TCP"}]}),
        (STORAGE, "storageclasses", named(), {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
        (NETWORK, "networkpolicies", named(spec={"egress": [{"ports": [{"port": 53}]}]}), {"spec": {
            "egress": [{"ports": [{"port": 53, "protocol": "TCP"}]}], "policyTypes": ["Ingress", "Egress"]}}),
        ("autoscaling", "horizontalpodautoscalers", named(), {"spec": {"minReplicas": 1, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {
                "type": "Utilization", "averageUtilization": 80}}}]}}),
        (RBAC, "rolebindings", named(roleRef={"kind": "Role", "name": "r"}, subjects=[
            {"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}]),
         {"roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "r"}, "subjects": [
             {"kind": "User", "name": "u", "apiGroup": RBAC}, {"kind": "ServiceAccount", "name": "s"}]}),
        (ADMISSION, "mutatingwebhookconfigurations", named(webhooks=[{"name": "a"}]), {"webhooks": [
            {"name": "a", "failurePolicy": "Fail", "matchPolicy": "Equivalent", "timeoutSeconds": 10,
             "namespaceSelector": {}, "objectSelector": {}, "reinvocationPolicy": "Never"}]}),
        ("scheduling.k8s.io", "priorityclasses", named(), {"preemptionPolicy": "PreemptLowerPriority"}),
    ],
)  # fmt: skip
def test_defaults(group: str, resource: str, given: JSON, expected: JSON) -> None:
    STRATEGIES[group, resource].defaults(given)
    assert {key: value for key, value in given.items() if key != "metadata"} == expected


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
BACKEND = {"service": {"name": "web", "port": {"number": 80}}}


def ingress(**path: Any) -> JSON:
    return named(spec={"rules": [{"http": {"paths": [{"backend": BACKEND, **path}]}}]})


@pytest.mark.parametrize(
    ("group", "resource", "given", "expected"),
    [
        ("", "services", named(spec={}), ["spec.ports: Required value"]),
        ("", "services", named(spec={"type": "Magic", "ports": [{"port": 1}]}),
         ['spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", '
          '"NodePort"']),
        ("", "services", named(spec={"ports": [{"port": 80, "name": "a"}, {"port": 81}]}),
         ["spec.ports[1].name: Required value"]),
        ("", "services", named(spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}),
         ["spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid "
          "ports is 30000-32767"]),
        ("", "services", named(spec={"clusterIP": "10.1.1.1", "ports": [{"port": 80}]}),
         ['spec.clusterIPs: Invalid value: ["10.1.1.1"]: failed to allocate IP 10.1.1.1: the provided IP is not in the '
          "valid range. The range of valid IPs is 10.96.0.0/12"]),
        ("", "configmaps", named(data={"a/b": ""}),
         ["data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or "
          "'.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"]),
        ("", "secrets", named(type="kubernetes.io/tls", data={"tls.crt": ""}), ["data[tls.key]: Required value"]),
        ("", "persistentvolumeclaims", named(spec={"accessModes": ["ReadWriteOnce"]}),
         ["spec.resources[storage]: Required value"]),
        ("", "persistentvolumeclaims", named(spec=CLAIM), []),
        ("", "persistentvolumes", named(spec={"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}),
         ["spec: Required value: must specify a volume type"]),
        ("", "nodes", named(spec={"taints": [{"key": "a", "effect": "Never"}]}),
         ['spec.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", '
          '"NoExecute"']),
        (RBAC, "roles", named(rules=[{"apiGroups": [""], "resources": ["pods"]}]),
         ["rules[0].verbs: Required value: verbs must contain at least one value"]),
        (RBAC, "clusterrolebindings", named(roleRef={"kind": "Role", "name": "r"}),
         ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"']),
        (NETWORK, "ingresses", named(spec={}),
         ["spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"]),
        (NETWORK, "ingresses", ingress(path="x", pathType="Prefix"),
         ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path']),
        (NETWORK, "ingresses", ingress(path="/"),
         ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"]),
        (NETWORK, "networkpolicies", named(spec={"ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]}),
         ['spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or '
          "2001:db8::/64)"]),
        ("policy", "poddisruptionbudgets", named(spec={"minAvailable": "120%"}),
         ['spec.minAvailable: Invalid value: "120%": must not be greater than 100%']),
        ("autoscaling", "horizontalpodautoscalers", named(spec={
            "maxReplicas": 1, "minReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}),
         ["spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`"]),
        ("scheduling.k8s.io", "priorityclasses", named(value=2000000000),
         ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]),
        (ADMISSION, "validatingwebhookconfigurations", named(webhooks=[
            {"name": "a.b", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://x"}}]),
         ['webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots']),
        ("apiextensions.k8s.io", "customresourcedefinitions", named(spec={
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]}),
         ['metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group']),
    ],
)  # fmt: skip
def test_rules(group: str, resource: str, given: JSON, expected: list[str]) -> None:
    strategy = STRATEGIES[group, resource]
    strategy.defaults(given)
    assert [str(error) for error in strategy.validate(given)] == expected


@pytest.mark.parametrize(
    ("group", "resource", "old", "new", "expected"),
    [
        ("", "secrets", named(type="Opaque"), named(type="example.com/x"),
         ['type: Invalid value: "example.com/x": field is immutable']),
        ("", "secrets", named(immutable=True, data={"a": "Yg=="}), named(immutable=True, data={"a": "YQ=="}),
         ["data: Forbidden: field is immutable when `immutable` is set"]),
        ("", "configmaps", named(immutable=True), named(),
         ["immutable: Forbidden: field is immutable when `immutable` is set"]),
        ("", "persistentvolumeclaims", named(spec=CLAIM), named(spec={**CLAIM, "accessModes": ["ReadWriteMany"]}),
         ["spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName "
          "for bound claims"]),
        ("", "persistentvolumeclaims", named(spec=CLAIM), named(spec={**CLAIM, "volumeName": "pv"}), []),
        (RBAC, "rolebindings", named(roleRef={"apiGroup": RBAC, "kind": "Role", "name": "a"}),
         named(roleRef={"apiGroup": RBAC, "kind": "Role", "name": "b"}),
         ['roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"b"}: cannot change '
          "roleRef"]),
        (STORAGE, "storageclasses", named(provisioner="a"), named(provisioner="b"),
         ["provisioner: Forbidden: updates to provisioner are forbidden."]),
    ],
)  # fmt: skip
def test_updates(group: str, resource: str, old: JSON, new: JSON, expected: list[str]) -> None:
    strategy = STRATEGIES[group, resource]
    for one in (old, new):
        strategy.defaults(one)
    assert [str(error) for error in strategy.validate_update(old, new)] == expected


def test_a_namespace_knows_its_name_and_waits_for_its_controller() -> None:
    strategy = STRATEGIES["", "namespaces"]
    obj: JSON = {"metadata": {"name": "dev", "labels": {"a": "b"}}}
    strategy.defaults(obj)
    strategy.prepare_for_create(context(GVR("", "v1", "namespaces")), obj)
    assert obj["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "dev"}
    assert (obj["spec"], obj["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
    assert strategy.deletion_finalizers(obj) == ["kubernetes"]
    new = {**copy.deepcopy(obj), "spec": {"finalizers": []}}
    strategy.subresources["finalize"].prepare_for_update(context(GVR("", "v1", "namespaces")), obj, new)
    assert strategy.deletion_finalizers(new) == []


CSR = GVR("certificates.k8s.io", "v1", "certificatesigningrequests")
PEM = base64.b64encode(b"-----BEGIN CERTIFICATE REQUEST-----\n").decode()


def test_the_server_says_who_asks_for_a_certificate() -> None:
    strategy = STRATEGIES["certificates.k8s.io", "certificatesigningrequests"]
    obj = named(spec={"request": PEM, "signerName": "example.com/x", "username": "somebody-else"})
    strategy.prepare_for_create(context(CSR), obj)
    assert obj["spec"]["username"] == "ann"
    assert strategy.validate(obj) == []


def test_approval_changes_conditions_only_and_for_good() -> None:
    approval = STRATEGIES["certificates.k8s.io", "certificatesigningrequests"].subresources["approval"]
    old = named(spec={"request": PEM}, status={"certificate": "x"})
    new = named(spec={"request": "other"}, status={"conditions": [{"type": "Approved", "reason": "r"}]})
    approval.prepare_for_update(context(CSR), old, new)
    assert new["spec"] == old["spec"]
    assert new["status"]["certificate"] == "x"
    (condition,) = new["status"]["conditions"]
    assert condition["status"] == "True" and condition["lastUpdateTime"] and condition["lastTransitionTime"]
    assert approval.validate_update(old, new) == []
    undone = named(status={"conditions": []})
    approval.prepare_for_update(context(CSR), new, undone)
    assert [str(error) for error in approval.validate_update(new, undone)] == [
        'status.conditions: Forbidden: updates may not remove a condition of type "Approved"'
    ]
    both = named(status={"conditions": [{"type": "Approved", "status": "True"}, {"type": "Denied", "status": "True"}]})
    assert "mutually exclusive" in str(approval.validate_update(named(), both)[0])
