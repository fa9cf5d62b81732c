"""Objects against schemas: decoding errors, unknown fields, pruning, required fields."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.resources import GVK
from apiserver.schema.custom import custom_schema
from apiserver.schema.node import Schema
from apiserver.schema.store import SchemaStore
from apiserver.schema.validate import decode_errors, find_unknown, prune, validate

DEPLOYMENT = GVK("apps", "v1", "Deployment")
POD = GVK("", "v1", "Pod")
QUANTITY_WORDS = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SchemaStore:
    return SchemaStore(tmp_path_factory.mktemp("schema"))


def schema(store: SchemaStore, gvk: GVK) -> Schema:
    found = store.for_kind(gvk)
    assert found is not None
    return found


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "a", **fields}]}}


@pytest.mark.parametrize(
    ("gvk", "obj", "message"),
    [
        (
            DEPLOYMENT,
            {"spec": {"replicas": "3"}},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            DEPLOYMENT,
            {"spec": {"replicas": 1.5}},
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            DEPLOYMENT,
            {"spec": {"replicas": 2**31}},
            "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            POD,
            container(env=[{"name": "x", "value": 1}]),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
        ),
        (
            POD,
            container(args=[True]),
            "json: cannot unmarshal bool into Go struct field Container.spec.containers.args of type string",
        ),
        (
            POD,
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            POD,
            {"metadata": {"labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            POD,
            {"metadata": {"labels": "x"}},
            "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (POD, {"spec": []}, "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"),
        (POD, [], "json: cannot unmarshal array into Go value of type v1.Pod"),
        (POD, container(resources={"limits": {"cpu": "abc"}}), QUANTITY_WORDS),
        (POD, container(resources={"limits": {"cpu": True}}), QUANTITY_WORDS),
        (
            POD,
            container(livenessProbe={"httpGet": {"port": True}}),
            "json: cannot unmarshal bool into Go value of type int32",
        ),
        (GVK("", "v1", "Secret"), {"data": {"a": "x"}}, "illegal base64 data at input byte 0"),
        (GVK("", "v1", "Secret"), {"data": {"a": "aGVsbG8"}}, "illegal base64 data at input byte 4"),
        (GVK("", "v1", "Secret"), {"data": {"a": "aGV$"}}, "illegal base64 data at input byte 3"),
        (
            POD,
            {"metadata": {"creationTimestamp": "yesterday"}},
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
        ),
    ],
)
def test_decode_errors(store: SchemaStore, gvk: GVK, obj: Any, message: str) -> None:
    expected = f'{gvk.kind} in version "v1" cannot be handled as a {gvk.kind}: {message}'
    assert decode_errors(schema(store, gvk), obj, gvk.kind, "v1") == expected


@pytest.mark.parametrize(
    ("gvk", "obj"),
    [
        (POD, {"spec": None, "metadata": {"labels": None, "creationTimestamp": None}}),
        (POD, container(resources={"limits": {"cpu": 1, "memory": "1Gi", "x": 0.5}})),
        (POD, container(livenessProbe={"httpGet": {"port": "http"}}, readinessProbe={"tcpSocket": {"port": 1}})),
        (POD, {"metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"}, "unknown": {"x": [1]}}),
        (GVK("", "v1", "Secret"), {"data": {"a": "aGVsbG8=", "b": "", "c": "aGVs\nbG8="}}),
        (GVK("apps", "v1", "ControllerRevision"), {"data": {"anything": [1, {"x": None}]}}),
    ],
)
def test_decodes(store: SchemaStore, gvk: GVK, obj: Any) -> None:
    assert decode_errors(schema(store, gvk), obj, gvk.kind, "v1") is None


@pytest.mark.parametrize(
    ("obj", "paths"),
    [
        ({"spec": {"foo": 1, "containers": []}}, ["spec.foo"]),
        (container(bar=1, env=[{"name": "x", "no": 1}]), ["spec.containers[0].bar", "spec.containers[0].env[0].no"]),
        ({"metadata": {"labels": {"any": "1"}, "bad": {"x": {}}}, "top": 1}, ["metadata.bad", "top"]),
        ({"metadata": {"managedFields": [{"fieldsV1": {"f:x": {}}}]}}, []),
        (container(resources={"limits": {"example.com/gpu": 1}}), []),
    ],
)
def test_unknown_fields(store: SchemaStore, obj: dict[str, Any], paths: list[str]) -> None:
    assert find_unknown(schema(store, POD), obj) == paths


def test_unknown_fields_are_reported_up_to_a_bound(store: SchemaStore) -> None:
    assert len(find_unknown(schema(store, POD), {f"x{i}": 1 for i in range(500)})) == 100


def test_prune(store: SchemaStore) -> None:
    fields: dict[str, Any] = {"f:x": {".": {}, "n": None}}
    before = {
        "metadata": {"name": "a", "creationTimestamp": None, "managedFields": [{"fieldsV1": fields}]},
        "spec": {"foo": 1, "containers": [{"name": "a", "bar": 1, "env": [{"name": "x", "no": 1}]}]},
        "status": {},
    }
    assert prune(schema(store, POD), before) == {
        "metadata": {"name": "a", "managedFields": [{"fieldsV1": fields}]},
        "spec": {"containers": [{"name": "a", "env": [{"name": "x"}]}]},
        "status": {},
    }
    assert before["spec"] == {"foo": 1, "containers": [{"name": "a", "bar": 1, "env": [{"name": "x", "no": 1}]}]}


@pytest.mark.parametrize(
    ("gvk", "obj", "errors"),
    [
        (POD, {"spec": {}}, ["spec.containers: Required value"]),
        (POD, container(), []),
        (POD, {"spec": {"containers": [{}]}}, ["spec.containers[0].name: Required value"]),
        (POD, {"spec": {"containers": [{"name": ""}]}}, ["spec.containers[0].name: Required value"]),
        (
            POD,
            container(livenessProbe={"httpGet": {"port": 1, "httpHeaders": [{"name": "", "value": ""}]}}),
            ["spec.containers[0].livenessProbe.httpGet.httpHeaders[0].name: Required value"],
        ),
        (POD, container(ports=[{}]), ["spec.containers[0].ports[0].containerPort: Required value"]),
        (DEPLOYMENT, {"spec": {}}, ["spec.selector: Required value", "spec.template: Required value"]),
        (DEPLOYMENT, {"spec": {"selector": {}, "template": {}}, "status": {"conditions": [{}]}}, []),
        (
            GVK("autoscaling", "v2", "HorizontalPodAutoscaler"),
            {"spec": {"maxReplicas": 3}},
            ["spec.scaleTargetRef.kind: Required value", "spec.scaleTargetRef.name: Required value"],
        ),
        (GVK("storage.k8s.io", "v1", "CSINode"), {"spec": {"drivers": None}}, []),
        (GVK("resource.k8s.io", "v1", "ResourceClaim"), {}, []),
    ],
)
def test_required(store: SchemaStore, gvk: GVK, obj: dict[str, Any], errors: list[str]) -> None:
    assert [str(error) for error in validate(schema(store, gvk), obj)] == errors


CUSTOM = Schema(
    {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer"},
            "port": {"x-kubernetes-int-or-string": True},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
)


@pytest.mark.parametrize(
    ("obj", "errors"),
    [
        ({"size": 1, "port": "http", "free": {"x": 1}, "tags": {"a": "b"}}, []),
        ({}, ["size: Required value"]),
        ({"size": "1"}, ['size: Invalid value: "string": size in body must be of type integer: "string"']),
        ({"size": True}, ['size: Invalid value: "boolean": size in body must be of type integer: "boolean"']),
        (
            {"size": 1, "port": []},
            ['port: Invalid value: "array": port in body must be of type integer,string: "array"'],
        ),
        (
            {"size": 1, "tags": {"a": 1}},
            ['tags[a]: Invalid value: "integer": tags[a] in body must be of type string: "integer"'],
        ),
    ],
)
def test_custom_schema(obj: dict[str, Any], errors: list[str]) -> None:
    assert [str(error) for error in validate(CUSTOM, obj)] == errors
    assert find_unknown(CUSTOM, {**obj, "extra": 1, "free": {"y": {}}}) == ["extra"]


FOO = {
    "type": "object",
    "properties": {
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer"},
                "note": {"type": "string", "nullable": True},
                "pod": {"type": "object", "x-kubernetes-embedded-resource": True},
                "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            },
        },
    },
}


def test_custom_resource(store: SchemaStore) -> None:
    foo = custom_schema(FOO, store)
    obj = {
        "apiVersion": "example.com/v1",
        "kind": "Foo",
        "metadata": {"name": "a", "labels": None, "bad": 1},
        "spec": {
            "size": None,
            "note": None,
            "extra": 1,
            "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "no": 1}, "spec": {}},
            "list": [{"a": "x", "b": 1}],
        },
    }
    assert decode_errors(foo, obj, "Foo", "v1") is None
    assert find_unknown(foo, obj) == [
        "metadata.bad",
        "spec.extra",
        "spec.pod.metadata.no",
        "spec.pod.spec",
        "spec.list[0].b",
    ]
    pruned = prune(foo, obj)
    assert pruned["metadata"] == {"name": "a"}
    assert pruned["spec"]["size"] is None
    assert pruned["spec"]["pod"] == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    assert [str(error) for error in validate(foo, pruned)] == [
        'spec.size: Invalid value: "null": spec.size in body must be of type integer: "null"'
    ]
    assert [str(error) for error in validate(foo, {"spec": {}})] == ["spec.size: Required value"]


def test_custom_resource_metadata_is_typed(store: SchemaStore) -> None:
    foo = custom_schema(FOO, store)
    assert decode_errors(foo, {"metadata": {"labels": {"a": 1}}, "spec": 5}, "Foo", "v1") == (
        'Foo in version "v1" cannot be handled as a Foo: json: cannot unmarshal number into Go struct field'
        " ObjectMeta.metadata.labels of type string"
    )


def test_custom_resource_without_a_schema_keeps_everything(store: SchemaStore) -> None:
    foo = custom_schema(None, store)
    obj = {"metadata": {"name": "a"}, "spec": {"x": [None, {"y": None}]}}
    assert find_unknown(foo, obj) == []
    assert prune(foo, obj) == obj
