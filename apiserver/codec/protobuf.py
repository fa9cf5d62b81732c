"""`application/vnd.kubernetes.protobuf`: the envelope around a message, and both to and from JSON trees.

Envelope: the four bytes `k8s\\0`, then `runtime.Unknown`: typeMeta 1 {apiVersion 1, kind 2}, raw 2,
contentEncoding 3, contentType 4.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from apimachinery.errors import bad_request
from apimachinery.resources import GVK, split_api_version
from apiserver.codec import field_table
from apiserver.codec.message_reader import reader
from apiserver.codec.message_writer import writer
from apiserver.codec.special_forms import PROTOBUF_PREFIX
from apiserver.codec.wire_format import LENGTH, Malformed, read_span, read_varint, skip, tag, write_span

JSON = dict[str, Any]

CONTENT_TYPE: Final = "application/vnd.kubernetes.protobuf"

_WATCH_EVENT: Final = f"{field_table.META}.WatchEvent"
_NO_PREFIX: Final = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"


def decode(body: bytes, default: GVK | None = None) -> tuple[GVK, JSON]:
    """What the body holds: its kind, and the JSON tree with `apiVersion` and `kind` first.

    `default` stands in where the envelope names no kind. Raises ApiError 400.
    """
    try:
        return _decode(body, default)
    except Malformed as error:
        raise bad_request(f"couldn't decode the protobuf body: {error}") from None
    except RecursionError:
        raise bad_request("couldn't decode the protobuf body: nested too deeply") from None


def decode_tree(body: bytes) -> JSON:
    """An envelope within a message. Raises Malformed or ApiError."""
    return _decode(body, None)[1]


def _decode(body: bytes, default: GVK | None) -> tuple[GVK, JSON]:
    if not body.startswith(PROTOBUF_PREFIX):
        raise Malformed(_NO_PREFIX)
    api_version, kind, raw, content_type = _open(body)
    if default is not None:
        api_version, kind = api_version or default.api_version, kind or default.kind
    gvk = GVK(*split_api_version(api_version), kind)
    tree: JSON = {"apiVersion": api_version, "kind": kind}
    if content_type == "application/json":
        tree.update(orjson.loads(raw))
    else:
        reader(_message(gvk)).read_into(raw, 0, len(raw), tree)
    return gvk, tree


def _message(gvk: GVK) -> str:
    name = field_table.message_name(gvk)
    if name is None:
        raise bad_request(f'no kind "{gvk.kind}" is registered for version "{gvk.api_version}" with a protobuf form')
    return name


def _open(body: bytes) -> tuple[str, str, bytes, str]:
    """(apiVersion, kind, raw, contentType) of the envelope."""
    parts = _spans(body, len(PROTOBUF_PREFIX), len(body))
    type_meta = parts.get(1, b"")
    meta = _spans(type_meta, 0, len(type_meta))
    try:
        texts = [part.decode() for part in (meta.get(1, b""), meta.get(2, b""), parts.get(4, b""))]
    except UnicodeDecodeError:
        raise Malformed("string field contains invalid UTF-8") from None
    return texts[0], texts[1], parts.get(2, b""), texts[2]


def _spans(data: bytes, position: int, end: int) -> dict[int, bytes]:
    """The length-delimited fields of a message, by number."""
    found: dict[int, bytes] = {}
    while position < end:
        key, position = read_varint(data, position)
        if key & 7 == LENGTH:
            start, position = read_span(data, position, end)
            found[key >> 3] = data[start:position]
        else:
            position = skip(data, position, end, key & 7)
    return found


def encode(gvk: GVK, obj: JSON) -> bytes:
    """The whole body for an object. Raises ApiError 400 for a kind without a protobuf form."""
    type_meta = write_span(tag(1, LENGTH), gvk.api_version.encode()) + write_span(tag(2, LENGTH), gvk.kind.encode())
    raw = writer(_message(gvk)).write(obj)
    empty = write_span(tag(3, LENGTH), b"") + write_span(tag(4, LENGTH), b"")
    return PROTOBUF_PREFIX + write_span(tag(1, LENGTH), type_meta) + write_span(tag(2, LENGTH), raw) + empty


def encodable(gvk: GVK) -> bool:
    """Whether the kind has a protobuf form. Custom resources have none."""
    return field_table.message_name(gvk) is not None


def encode_watch_event(event_type: str, gvk: GVK, obj: JSON) -> bytes:
    """One frame of `application/vnd.kubernetes.protobuf;stream=watch`: length, then a `WatchEvent`.

    The event is no envelope itself; the object within it is.
    """
    extension = write_span(tag(1, LENGTH), encode(gvk, obj))
    event = write_span(tag(1, LENGTH), event_type.encode()) + write_span(tag(2, LENGTH), extension)
    return len(event).to_bytes(4, "big") + event
