"""etcd's traffic as those see it who listen to the apiserver's: reads, transactions, changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from apiserver.storage.keys import ROOT, parse
from proto.storage_pb2 import Stored
from wire import trace
from wire.capture import Message
from wire.gates import Subject
from wire.seams import Seams
from wire.traffic import status_of

if TYPE_CHECKING:
    from apiserver.storage.changes import Change

CALLEE: Final = "etcd"


def tell_read(seams: Seams, request: Any, response: Any, began: float) -> None:
    message = _message(seams, "etcd/Range", request.key)
    message.detail = "RANGE" if request.range_end else "GET"
    message.seconds = time.perf_counter() - began
    message.request_bytes, message.response_bytes = request.ByteSize(), response.ByteSize()
    message.status, message.traceparent = "OK", trace.current()
    seams.capture.offer(message)


def tell_txn(
    seams: Seams, request: Any, response: Any, subject: Subject, began: float, error: BaseException | None
) -> None:
    """A write of one key, conditional on its revision."""
    operation = request.success[0]
    put = operation.WhichOneof("request") == "request_put"
    key = operation.request_put.key if put else operation.request_delete_range.key
    message = _message(seams, "etcd/Txn", key, subject)
    message.detail = "PUT" if put else "DELETE"
    message.seconds = time.perf_counter() - began
    message.request_bytes = request.ByteSize()
    message.status = status_of(error) if error is not None else "OK"
    message.traceparent = trace.current()
    before = None
    if response is not None:
        message.response_bytes, message.revision = response.ByteSize(), response.header.revision
        if not response.succeeded:
            message.status = "Conflict"  # somebody else wrote the key since it was read
        elif put and response.responses[0].response_put.HasField("prev_kv"):
            before = object_in(response.responses[0].response_put.prev_kv.value)
    message.failed = message.status != "OK"
    seams.capture.offer(message, object_in(operation.request_put.value) if put else None, None, before)


def tell_change(seams: Seams, change: Change) -> None:
    """One event of etcd's watch."""
    message = _message(seams, "etcd/Watch", change.key)
    message.detail = "DELETE" if change.value is None else "PUT"
    message.streamed, message.status = True, "OK"
    message.response_bytes = len(change.key) + len(change.value or b"")
    message.revision = change.revision
    if change.value is not None:
        message.traceparent = stored_in(change.value).traceparent
    seams.capture.offer(message, None, object_in(change.value) if change.value else None)


def _message(seams: Seams, method: str, key: bytes, subject: Subject = Subject()) -> Message:
    place = parse(key)
    if place is None:
        kind, namespace, name = "", "", key.decode("utf-8", "replace").removeprefix(ROOT)
    else:
        namespace, _, name = place.key.rpartition("/")
        kind = subject.kind or resource_of(place.prefix)
    return Message(
        component=seams.component,
        caller=seams.component,
        callee=CALLEE,
        method=method,
        kind=kind,
        namespace=subject.namespace or namespace,
        name=subject.name or name,
    )


def resource_of(prefix: str) -> str:
    """The resource's plural, from the part of a key that names it."""
    return {"minions": "nodes", "services/specs": "services", "services/endpoints": "endpoints"}.get(
        prefix, prefix.rpartition("/")[2]
    )


def object_in(value: bytes) -> bytes:
    """The object's JSON out of what etcd holds; the value itself if that is no object of ours."""
    return bytes(stored_in(value).raw) or value


def stored_in(value: bytes) -> Stored:
    from google.protobuf.message import DecodeError

    if value[:1] == b"{":
        return Stored(raw=value)
    stored = Stored()
    try:
        stored.ParseFromString(value)
    except DecodeError:
        return Stored()
    return stored
