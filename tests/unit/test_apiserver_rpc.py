"""Messages joined from bytes are what protobuf itself would have made of them."""

from __future__ import annotations

from apimachinery.errors import not_found
from apimachinery.resources import GVK
from apiserver.registry.request import StoredObject, User, WatchEvent
from apiserver.rpc.encode import encode_batch, encode_failure, encode_object, encode_page, encode_result, varint
from apiserver.rpc.requests import watch_request, write_request
from proto import api_pb2

KIND = GVK("apps", "v1", "ReplicaSet")
RAW = (
    b'{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"resourceVersion":"300","name":"a","namespace":"n",'
    b'"uid":"u","labels":{"x":"y"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"d",'
    b'"uid":"v","controller":true,"blockOwnerDeletion":true}]}}'
)


def stored() -> StoredObject:
    return StoredObject("n/a", 300, RAW, traceparent="00-t", writer="me")


def test_an_object() -> None:
    found = api_pb2.Object.FromString(encode_object(stored(), KIND))
    assert (found.group, found.version, found.kind, found.namespace, found.name) == (
        "apps",
        "v1",
        "ReplicaSet",
        "n",
        "a",
    )
    assert (found.uid, found.resource_version, dict(found.labels)) == ("u", 300, {"x": "y"})
    assert (found.writer, found.traceparent, found.raw) == ("me", "00-t", RAW)
    owner = found.owner_references[0]
    assert (owner.kind, owner.name, owner.controller, owner.block_owner_deletion) == ("Deployment", "d", True, True)


def test_a_page_and_a_batch() -> None:
    page = api_pb2.ListPage.FromString(encode_page(70000, [encode_object(stored(), KIND)] * 3))
    assert page.resource_version == 70000 and [one.name for one in page.items] == ["a"] * 3
    events = [
        WatchEvent("MODIFIED", stored(), 300),
        WatchEvent("BOOKMARK", None, 301, initial_events_end=True),
        WatchEvent("ERROR", None, 0, error=not_found("", "pods", "x")),
    ]
    batch = api_pb2.WatchBatch.FromString(encode_batch(events, KIND))
    modified, bookmark, error = batch.events
    assert modified.type == api_pb2.WatchEvent.MODIFIED and modified.object.raw == RAW
    assert bookmark.initial_events_end and bookmark.object.resource_version == 301
    assert error.type == api_pb2.WatchEvent.ERROR and error.status.code == 404


def test_results() -> None:
    done = api_pb2.WriteResult.FromString(encode_result(7, encode_object(stored(), KIND)))
    assert (done.id, done.object.name, done.HasField("status")) == (7, "a", False)
    refused = api_pb2.WriteResult.FromString(encode_failure(8, not_found("", "pods", "x")))
    assert (refused.id, refused.status.reason) == (8, "NotFound")


def test_numbers_of_any_size() -> None:
    for value in (0, 1, 127, 128, 300, 2**40):
        page = api_pb2.ListPage.FromString(b"\x08" + varint(value))
        assert page.resource_version == value


def test_a_watch_without_a_revision_begins_with_everything() -> None:
    resource = api_pb2.Resource(version="v1", resource="pods")
    fresh = watch_request(api_pb2.WatchRequest(resource=resource), User("u")).query
    assert fresh.send_initial_events and fresh.resource_version == ""
    resumed = watch_request(api_pb2.WatchRequest(resource=resource, resource_version=5), User("u")).query
    assert resumed.send_initial_events is None and resumed.resource_version == "5"


def test_a_write_carries_its_own_trace() -> None:
    message = api_pb2.WriteRequest(
        verb=api_pb2.WriteRequest.PATCH, patch_type=api_pb2.WriteRequest.STRATEGIC, body=b"{}", traceparent="00-x"
    )
    request = write_request(message, User("u"))
    assert (request.verb, request.body, request.traceparent) == ("patch", {}, "00-x")
    assert request.patch_type is not None and request.patch_type.name == "STRATEGIC"
