"""What an object looks like in etcd, and how it gets its resourceVersion on the way out."""

from __future__ import annotations

from typing import Any, Final

import orjson

from apiserver.registry.request import StoredObject
from proto.storage_pb2 import Stored

JSON = dict[str, Any]

_METADATA: Final = b'"metadata":{'


def canonical(obj: JSON) -> bytes:
    """The object as stored: apiVersion, kind and metadata first, no resourceVersion.

    With a fixed beginning, metadata is found without parsing, whatever strings the object holds.
    """
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    first = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
    raw: bytes = orjson.dumps(first | {key: value for key, value in obj.items() if key not in first})
    return raw


def pack(raw: bytes, traceparent: str, writer: str) -> bytes:
    packed: bytes = Stored(raw=raw, traceparent=traceparent, writer=writer).SerializeToString()
    return packed


def splice(raw: bytes, revision: int) -> bytes:
    """`raw` as stored, with its resourceVersion."""
    at = raw.index(_METADATA) + len(_METADATA)
    comma = b"" if raw[at : at + 1] == b"}" else b","
    return b'%b"resourceVersion":"%d"%b%b' % (raw[:at], revision, comma, raw[at:])


def unpack(value: bytes, key: str, revision: int, created_revision: int) -> StoredObject:
    """A stored object from what etcd holds. Raises ValueError if that is no object of ours.

    Plain JSON is read too, so that a value put by hand with etcdctl is an object like any other.
    """
    if value[:1] == b"{":
        stored = Stored(raw=canonical(orjson.loads(value)))
    else:
        try:
            stored = Stored.FromString(value)
        except Exception as error:
            raise ValueError(f"{key}: not an object of ours: {error}") from error
    raw = splice(stored.raw, revision)
    return StoredObject(
        key, revision, raw, created_revision=created_revision, traceparent=stored.traceparent, writer=stored.writer
    )


def with_revision(obj: StoredObject, revision: int, cause: str = "") -> StoredObject:
    """The object as the event that took it away shows it: its last state, under the deletion's revision and trace."""
    old = b'"resourceVersion":"%d"' % obj.revision
    raw = obj.raw.replace(old, b'"resourceVersion":"%d"' % revision, 1)
    return StoredObject(
        obj.key,
        revision,
        raw,
        created_revision=obj.created_revision,
        traceparent=cause or obj.traceparent,
        writer=obj.writer,
    )
