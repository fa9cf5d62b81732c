"""Keys, envelopes and the resourceVersion that is spliced in."""

from __future__ import annotations

import orjson
import pytest

from apiserver.storage.envelope import canonical, pack, splice, unpack, with_revision
from apiserver.storage.keys import Place, etcd_key, parse, prefix_of, range_end

POD = {
    "spec": {"x": '"metadata":{'},
    "kind": "Pod",
    "metadata": {"name": "p", "resourceVersion": "3"},
    "apiVersion": "v1",
}


@pytest.mark.parametrize(
    ("group", "resource", "builtin", "expected"),
    [
        ("", "pods", True, "pods"),
        ("", "services", True, "services/specs"),
        ("", "endpoints", True, "services/endpoints"),
        ("", "nodes", True, "minions"),
        ("apps", "deployments", True, "deployments"),
        ("networking.k8s.io", "ingresses", True, "ingress"),
        ("events.k8s.io", "events", True, "events"),
        ("apiextensions.k8s.io", "customresourcedefinitions", True, "apiextensions.k8s.io/customresourcedefinitions"),
        ("stable.example.com", "crontabs", False, "stable.example.com/crontabs"),
    ],
)
def test_keys_lie_where_upstream_puts_them(group: str, resource: str, builtin: bool, expected: str) -> None:
    prefix = prefix_of(group, resource, builtin=builtin)
    assert prefix == expected
    assert parse(etcd_key(prefix, "ns/name")) == Place(expected, "ns/name")
    assert parse(etcd_key(prefix, "name")) == Place(expected, "name")


def test_keys_of_others_are_no_objects() -> None:
    assert parse(b"compact_rev_key") is None
    assert parse(b"/registry/pods") is None


def test_a_range_ends_behind_its_prefix() -> None:
    assert range_end(b"/registry/pods/") == b"/registry/pods0"


def test_stored_form_begins_with_type_and_metadata_and_has_no_revision() -> None:
    assert canonical(POD).startswith(b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec"')


def test_the_revision_goes_into_metadata_whatever_strings_the_object_holds() -> None:
    obj = unpack(pack(canonical(POD), "00-trace", "me"), "ns/p", 42, 40)
    assert obj.tree["metadata"] == {"resourceVersion": "42", "name": "p"}
    assert obj.tree["spec"] == POD["spec"]
    assert (obj.namespace, obj.name, obj.writer, obj.traceparent) == ("ns", "p", "me", "00-trace")


def test_plain_json_put_by_hand_is_an_object() -> None:
    assert unpack(orjson.dumps(POD), "ns/p", 7, 7).tree["metadata"]["resourceVersion"] == "7"


def test_what_is_no_object_is_said_to_be_none() -> None:
    with pytest.raises(ValueError, match="not an object of ours"):
        unpack(b"\xff\xff\xff", "ns/p", 7, 7)


def test_a_deleted_object_bears_the_revision_of_its_deletion() -> None:
    obj = unpack(pack(canonical(POD), "", ""), "ns/p", 42, 40)
    gone = with_revision(obj, 50)
    assert gone.revision == 50 and gone.tree["metadata"]["resourceVersion"] == "50"
    assert obj.tree["metadata"]["resourceVersion"] == "42"


def test_empty_metadata_takes_a_revision_too() -> None:
    assert splice(b'{"apiVersion":"v1","kind":"X","metadata":{}}', 1).endswith(b'{"resourceVersion":"1"}}')
