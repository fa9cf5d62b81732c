"""Messages of `api.proto` put together from bytes: an object is encoded once per revision, then only copied.

Protobuf lets a message be the concatenation of its fields in any order, so an `Object` is a small head (identity and
metadata, kept with the stored object) followed by field 15, the JSON as the cache has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from apimachinery.errors import ApiError
from apimachinery.resources import GVK
from apiserver.registry.request import StoredObject, WatchEvent
from proto import api_pb2
from wire.errors import to_proto


class _Owner(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class _Meta(msgspec.Struct, rename="camel"):
    uid: str = ""
    labels: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _View(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


_view_of = msgspec.json.Decoder(_View).decode

# Tags: field number << 3 | 2 for bytes, | 0 for numbers.
_RAW: Final = b"\x7a"
_FIELD_1: Final = b"\x0a"
_FIELD_2: Final = b"\x12"
_FIELD_3: Final = b"\x1a"
_FIELD_4: Final = b"\x22"
_NUMBER_1: Final = b"\x08"
_INITIAL_EVENTS_END: Final = b"\x18\x01"

_TYPES: Final[dict[str, int]] = dict(api_pb2.WatchEvent.Type.items())


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _sized(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


def encode_object(obj: StoredObject, gvk: GVK) -> bytes:
    """An `Object`."""
    if obj.proto is None:
        obj.proto = _head(obj, gvk)
    return obj.proto + _RAW + varint(len(obj.raw)) + obj.raw


def _head(obj: StoredObject, gvk: GVK) -> bytes:
    metadata = _view_of(obj.raw).metadata
    owners = [
        api_pb2.OwnerReference(
            api_version=one.api_version,
            kind=one.kind,
            name=one.name,
            uid=one.uid,
            controller=bool(one.controller),
            block_owner_deletion=bool(one.block_owner_deletion),
        )
        for one in metadata.owner_references or ()
    ]
    head: bytes = api_pb2.Object(
        group=gvk.group,
        version=gvk.version,
        kind=gvk.kind,
        namespace=obj.namespace,
        name=obj.name,
        uid=metadata.uid,
        resource_version=obj.revision,
        labels=metadata.labels,
        owner_references=owners,
        writer=obj.writer,
        traceparent=obj.traceparent,
    ).SerializeToString()
    return head


def encode_page(revision: int, objects: Iterable[bytes]) -> bytes:
    """A `ListPage` of encoded objects."""
    items = b"".join([_sized(_FIELD_2, one) for one in objects])
    return _NUMBER_1 + varint(revision) + items


def encode_batch(events: Iterable[WatchEvent], gvk: GVK) -> bytes:
    """A `WatchBatch`."""
    return b"".join([_sized(_FIELD_1, _event(event, gvk)) for event in events])


def _event(event: WatchEvent, gvk: GVK) -> bytes:
    head = _NUMBER_1 + varint(_TYPES[event.type])
    if event.object is not None:
        return head + _sized(_FIELD_2, encode_object(event.object, gvk))
    if event.error is not None:
        return head + _sized(_FIELD_4, to_proto(event.error).SerializeToString())
    bookmark = api_pb2.Object(
        group=gvk.group, version=gvk.version, kind=gvk.kind, resource_version=event.revision
    ).SerializeToString()
    return head + _sized(_FIELD_2, bookmark) + (_INITIAL_EVENTS_END if event.initial_events_end else b"")


def encode_result(request_id: int, obj: bytes) -> bytes:
    """A `WriteResult` of a write that succeeded."""
    return _NUMBER_1 + varint(request_id) + (_sized(_FIELD_2, obj) if obj else b"")


def encode_failure(request_id: int, error: ApiError) -> bytes:
    return _NUMBER_1 + varint(request_id) + _sized(_FIELD_3, to_proto(error).SerializeToString())
