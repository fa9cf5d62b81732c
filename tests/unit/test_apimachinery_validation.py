"""Names and metadata: what is refused, and in which words."""

from __future__ import annotations

import random
from typing import Any

import pytest

from apimachinery import names
from apimachinery.names import NameRule
from apimachinery.validation import validate_field_manager, validate_object_meta, validate_object_meta_update

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
DNS1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is"
    " '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


@pytest.mark.parametrize(
    ("rule", "value", "messages"),
    [
        (names.dns1123_subdomain, "a.b-c.1", []),
        (names.dns1123_subdomain, "A", [SUBDOMAIN]),
        (names.dns1123_subdomain, "", [SUBDOMAIN]),
        (names.dns1123_subdomain, "a..b", [SUBDOMAIN]),
        (names.dns1123_subdomain, "a\n", [SUBDOMAIN]),
        (names.dns1123_subdomain, "a" * 254, ["must be no more than 253 bytes"]),
        (names.dns1123_label, "a-1", []),
        (names.dns1123_label, "a_b", [LABEL]),
        (names.dns1123_label, "a.b", ["must not contain dots"]),
        (names.dns1123_label, "a" * 64, ["must be no more than 63 bytes"]),
        (names.dns1035_label, "a1", []),
        (names.dns1035_label, "1a", [DNS1035]),
        (names.path_segment, "system:node", []),
        (names.path_segment, "a/b%", ["may not contain '/'", "may not contain '%'"]),
        (names.path_segment, "..", ["may not be '..'"]),
        (names.qualified_name, "app", []),
        (names.qualified_name, "example.com/App_1.x", []),
        (names.qualified_name, "-a", [NAME_PART]),
        (names.qualified_name, "", ["name part must be non-empty", NAME_PART]),
        (names.qualified_name, "/a", ["prefix part must be non-empty"]),
        (names.qualified_name, "X/a", [f"prefix part {SUBDOMAIN}"]),
        (names.qualified_name, "a" * 64, ["name part must be no more than 63 bytes"]),
        (names.label_value, "", []),
        (names.label_value, "-", [LABEL_VALUE]),
        (names.config_key, "a.b_c-D", []),
        (names.config_key, "..", ["must not be '..'"]),
        (names.config_key, "..a", ["must not start with '..'"]),
        (names.env_var_name, "A.b-1", []),
        (
            names.env_var_name,
            "A=",
            ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
        ),
        (names.port_name, "http", []),
        (names.port_name, "80", ["must contain at least one letter (a-z)"]),
        (names.port_name, "a--b-", ["must not contain consecutive hyphens", "must not begin or end with a hyphen"]),
        (names.port_name, "a" * 16, ["must be no more than 15 bytes"]),
        (names.c_identifier, "_a1", []),
    ],
)
def test_rules(rule: NameRule, value: str, messages: list[str]) -> None:
    assert rule(value) == messages


def test_a_qualified_name_has_one_slash() -> None:
    (message,) = names.qualified_name("a/b/c")
    assert message.startswith("a qualified name must consist of")
    assert message.endswith("with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")


def test_generated_names() -> None:
    name = names.generate_name("web-", random.Random(1))
    assert name == names.generate_name("web-", random.Random(1))
    assert name.startswith("web-")
    assert len(name) == 9
    assert set(name[4:]) <= set("bcdfghjklmnpqrstvwxz2456789")
    assert len(names.generate_name("x" * 100)) == 63


META: dict[str, Any] = {"name": "web", "namespace": "default"}


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({}, []),
        ({"name": ""}, ["metadata.name: Required value: name or generateName is required"]),
        ({"name": "Web"}, [f'metadata.name: Invalid value: "Web": {SUBDOMAIN}']),
        ({"generateName": "web-"}, []),
        ({"generateName": "Web-"}, [f'metadata.generateName: Invalid value: "Web-": {SUBDOMAIN}']),
        ({"namespace": ""}, ["metadata.namespace: Required value"]),
        ({"namespace": "a.b"}, ['metadata.namespace: Invalid value: "a.b": must not contain dots']),
        ({"labels": {"-": "x"}}, [f'metadata.labels: Invalid value: "-": {NAME_PART}']),
        ({"labels": {"a": "x y"}}, [f'metadata.labels: Invalid value: "x y": {LABEL_VALUE}']),
        ({"annotations": {"Example.com/a": "anything at all"}}, []),
        ({"annotations": {"a b": ""}}, [f'metadata.annotations: Invalid value: "a b": {NAME_PART}']),
        ({"annotations": {"a": "x" * 262144}}, ["metadata.annotations: Too long: may not be more than 262144 bytes"]),
        ({"finalizers": ["example.com/x", "orphan"]}, []),
        (
            {"finalizers": ["x"]},
            [
                'metadata.finalizers: Invalid value: "x": name is neither a standard finalizer name nor is it fully'
                " qualified"
            ],
        ),
        (
            {"ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": ""}]},
            [
                'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
                'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
                'metadata.ownerReferences.name: Invalid value: "": must not be empty',
                'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
            ],
        ),
        ({"generation": -1}, ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"managedFields": [{"operation": "Guess", "manager": "m"}]},
            ['metadata.managedFields[0].operation: Invalid value: "Guess": must be `Apply` or `Update`'],
        ),
    ],
)
def test_object_meta(change: dict[str, Any], errors: list[str]) -> None:
    assert [str(error) for error in validate_object_meta({**META, **change}, namespaced=True)] == errors


def test_one_controller_only() -> None:
    owners = [{"apiVersion": "v1", "kind": "X", "name": n, "uid": n, "controller": True} for n in ("a", "b")]
    (error,) = validate_object_meta({**META, "ownerReferences": owners}, namespaced=True)
    assert error.detail == (
        'Only one reference can have Controller set to true. Found "true" in references for a and b'
    )


def test_cluster_scope() -> None:
    assert validate_object_meta({"name": "x"}, namespaced=False) == []
    (error,) = validate_object_meta(META, namespaced=False)
    assert str(error) == "metadata.namespace: Forbidden: not allowed on this type"


STORED = {
    **META,
    "uid": "u",
    "resourceVersion": "1",
    "creationTimestamp": "2026-11-20T10:00:00Z",
    "finalizers": ["a/b"],
}


@pytest.mark.parametrize(
    ("old", "new", "errors"),
    [
        ({}, {}, []),
        ({}, {"resourceVersion": "2", "labels": {"a": "b"}, "finalizers": []}, []),
        ({}, {"name": "x"}, ['metadata.name: Invalid value: "x": field is immutable']),
        ({}, {"uid": "v"}, ['metadata.uid: Invalid value: "v": field is immutable']),
        ({}, {"resourceVersion": ""}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']),
        ({"generation": 2}, {"generation": 1}, ["metadata.generation: Invalid value: 1: must not be decremented"]),
        ({}, {"finalizers": ["a/b", "c/d"]}, []),
        (
            {"deletionTimestamp": "2026-11-20T10:00:00Z"},
            {"deletionTimestamp": "2026-11-20T10:00:00Z", "finalizers": ["a/b", "c/d"]},
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found"
                ' new finalizers []string{"c/d"}'
            ],
        ),
    ],
)
def test_object_meta_update(old: dict[str, Any], new: dict[str, Any], errors: list[str]) -> None:
    found = validate_object_meta_update({**STORED, **new}, {**STORED, **old})
    assert [str(error) for error in found] == errors


def test_field_manager() -> None:
    assert validate_field_manager("kubectl") == []
    assert str(validate_field_manager("x" * 129)[0]) == "fieldManager: Too long: may not be more than 128 bytes"
    assert validate_field_manager("a\tb")[0].kind == "invalid"
