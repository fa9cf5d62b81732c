"""JSON trees in Go's form: the same as a round trip through protobuf."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from apimachinery.resources import GVK
from apiserver.codec import protobuf
from apiserver.codec.go_form import go_form

POD = GVK("", "v1", "Pod")
DEPLOYMENT = GVK("apps", "v1", "Deployment")
CRD = GVK("apiextensions.k8s.io", "v1", "CustomResourceDefinition")


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "a", **fields}]}}


CASES: dict[str, tuple[GVK, dict[str, Any], dict[str, Any]]] = {
    "unknown fields and nulls go": (
        POD,
        {"metadata": {"name": "a", "labels": None, "x": 1}, "y": {}},
        {"metadata": {"name": "a"}},
    ),
    "zeros of omitempty go, pointers keep theirs": (
        POD,
        {
            "spec": {
                "containers": [],
                "hostNetwork": False,
                "nodeName": "",
                "tolerations": [],
                "nodeSelector": {},
                "terminationGracePeriodSeconds": 0,
                "securityContext": {},
            }
        },
        {"spec": {"containers": [], "terminationGracePeriodSeconds": 0, "securityContext": {}}},
    ),
    "quantities": (
        POD,
        container(resources={"limits": {"cpu": 1, "memory": "1024Mi", "x": 0.5}}),
        container(resources={"limits": {"cpu": "1", "memory": "1Gi", "x": "500m"}}),
    ),
    "a list always written": (
        GVK("rbac.authorization.k8s.io", "v1", "Role"),
        {"metadata": {"name": "r"}, "rules": None},
        {"metadata": {"name": "r"}, "rules": []},
    ),
    "texts and numbers always written": (
        POD,
        {"spec": {"containers": [{"ports": [{}], "env": [{}]}]}},
        {"spec": {"containers": [{"name": "", "ports": [{"containerPort": 0}], "env": [{"name": ""}]}]}},
    ),
    "times": (
        GVK("coordination.k8s.io", "v1", "Lease"),
        {
            "metadata": {"creationTimestamp": "2026-11-20T12:00:00.5+02:00"},
            "spec": {"renewTime": "2026-11-20T10:00:00Z"},
        },
        {
            "metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"},
            "spec": {"renewTime": "2026-11-20T10:00:00.000000Z"},
        },
    ),
    "base64 with line ends": (GVK("", "v1", "Secret"), {"data": {"a": "aGVs\nbG8="}}, {"data": {"a": "aGVsbG8="}}),
    "nulls in maps and lists": (
        POD,
        {"metadata": {"labels": {"a": None}}, "spec": {"containers": [{"name": "a", "args": [None]}]}},
        {"metadata": {"labels": {"a": ""}}, "spec": {"containers": [{"name": "a", "args": [""]}]}},
    ),
    "embedded structs": (
        POD,
        {"spec": {"containers": [], "volumes": [{"name": "v", "configMap": {"name": "", "items": [], "no": 1}}]}},
        {"spec": {"containers": [], "volumes": [{"name": "v", "configMap": {}}]}},
    ),
    "ports of either kind": (
        POD,
        container(livenessProbe={"httpGet": {"port": "http"}}, readinessProbe={"tcpSocket": {"port": 80}}),
        container(livenessProbe={"httpGet": {"port": "http"}}, readinessProbe={"tcpSocket": {"port": 80}}),
    ),
    "schemas": (
        CRD,
        {
            "spec": {
                "group": "g",
                "names": {"plural": "p", "kind": "K", "shortNames": []},
                "scope": "Cluster",
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "nullable": False,
                                "properties": {
                                    "a": {"items": {"type": "string", "x": 1}, "default": {"n": None}},
                                    "b": {"additionalProperties": False, "maximum": 1.0},
                                },
                            }
                        },
                    }
                ],
            }
        },
        {
            "spec": {
                "group": "g",
                "names": {"plural": "p", "kind": "K"},
                "scope": "Cluster",
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "properties": {
                                    "a": {"items": {"type": "string"}, "default": {"n": None}},
                                    "b": {"additionalProperties": False, "maximum": 1},
                                },
                            }
                        },
                    }
                ],
            }
        },
    ),
    "managed fields stay whole": (
        POD,
        {"metadata": {"managedFields": [{"fieldsV1": {"f:metadata": {".": {}, "f:x": None}}, "subresource": ""}]}},
        {"metadata": {"managedFields": [{"fieldsV1": {"f:metadata": {".": {}, "f:x": None}}}]}},
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_go_form(case: str) -> None:
    gvk, given, expected = CASES[case]
    obj = {"apiVersion": gvk.api_version, "kind": gvk.kind, **given}
    before = copy.deepcopy(obj)
    found = go_form(gvk, obj)
    assert found == {"apiVersion": gvk.api_version, "kind": gvk.kind, **expected}
    assert obj == before
    assert go_form(gvk, found) == found


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("nulls")], ids=str)
def test_equals_a_round_trip_through_protobuf(case: str) -> None:
    gvk, given, _ = CASES[case]
    obj = {"apiVersion": gvk.api_version, "kind": gvk.kind, **given}
    assert protobuf.decode(protobuf.encode(gvk, obj))[1] == go_form(gvk, obj)


def test_kinds_without_a_table_are_left_alone() -> None:
    obj = {"apiVersion": "example.com/v1", "kind": "Foo", "spec": {"x": None}}
    assert go_form(GVK("example.com", "v1", "Foo"), obj) is obj
