"""JSON trees to messages: the inverse of `message_reader`. Unknown fields and nulls are left out, as Go leaves them.

Only what the tree has is written. A reader cannot tell that from upstream's habit of writing zeros as well.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final

from apiserver.codec import field_table
from apiserver.codec.field_table import Field
from apiserver.codec.special_forms import SPECIAL
from apiserver.codec.wire_format import FIXED64, LENGTH, VARINT, tag, write_span, write_varint

JSON = dict[str, Any]
Write = Callable[[Any], bytes]
"""A field's value, not null, to all of its bytes, tag included."""

_pack_double = struct.Struct("<d").pack


class MessageWriter:
    """Writes one kind of message. Compiled at its first use, since messages refer to one another."""

    def __init__(self, name: str) -> None:
        self._name = name
        special = SPECIAL.get(name)
        self._from_json = special[1] if special else None
        self._fields: dict[str, Write] = {}
        self._inline: list[Callable[[JSON], bytes]] = []
        self._compiled = False

    def write(self, value: Any) -> bytes:
        if not self._compiled:
            self._compile()
        tree: JSON = value if self._from_json is None else self._from_json(value)
        parts = [write(tree) for write in self._inline]
        for name, item in tree.items():
            write_field = self._fields.get(name)
            if write_field is not None and item is not None:
                parts.append(write_field(item))
        return b"".join(parts)

    def _compile(self) -> None:
        special = self._from_json is not None
        for field in field_table.fields(self._name):
            if field.inline and not special:
                self._inline.append(_inline(field))
            else:
                self._fields[field.name] = _writer(field, raw=special)
        self._compiled = True


_WRITERS: Final[dict[str, MessageWriter]] = {}


def writer(message: str) -> MessageWriter:
    """The writer of a message by its full name. One per message of the API, so some 1,500 at most."""
    found = _WRITERS.get(message)
    if found is None:
        found = _WRITERS[message] = MessageWriter(message)
    return found


def _inline(field: Field) -> Callable[[JSON], bytes]:
    key, inner = tag(field.number, LENGTH), writer(field.type)
    return lambda tree: write_span(key, inner.write(tree))


def _writer(field: Field, *, raw: bool) -> Write:
    if field.map:
        return _map(field)
    single = _value(field, raw=raw)
    if not field.repeated:
        return single
    return lambda values: b"".join([single(value) for value in values])


def _value(field: Field, *, raw: bool, number: int = 0) -> Write:
    number = number or field.number
    if field.type in ("int32", "int64", "bool"):
        key = tag(number, VARINT)
        return lambda value: key + write_varint(int(value))
    if field.type == "double":
        key = tag(number, FIXED64)
        return lambda value: key + _pack_double(value)
    key = tag(number, LENGTH)
    content = _content(field, raw=raw)
    return lambda value: write_span(key, content(value))


def _content(field: Field, *, raw: bool) -> Write:
    if field.type == "string":
        return str.encode
    if field.type == "bytes":
        return bytes if raw else b64decode
    return writer(field.type).write


def _map(field: Field) -> Write:
    key, key_tag = tag(field.number, LENGTH), tag(1, LENGTH)
    value = _value(field, raw=False, number=2)

    def write(items: JSON) -> bytes:
        entries = (
            write_span(key_tag, name.encode()) + (value(item) if item is not None else b"")
            for name, item in sorted(items.items())
        )
        return b"".join([write_span(key, entry) for entry in entries])

    return write
