"""Messages to JSON trees, as upstream's decoder and JSON encoder together would give them.

Every message is compiled once to a table from wire tag to a reader of that field. Zero values follow Go's JSON rules:
encoders write zeros of non-pointer fields always, so they vanish where the field is omitempty, and fields that are
always written come out as zeros when the wire lacks them.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from apiserver.codec import field_table
from apiserver.codec.field_table import Field
from apiserver.codec.special_forms import SPECIAL
from apiserver.codec.wire_format import FIXED64, LENGTH, VARINT, Malformed, read_span, read_varint, signed, skip

JSON = dict[str, Any]
Read = Callable[[bytes, int, int, JSON], int]
"""(data, position, end, the tree to put it in) -> position after the field."""
Span = Callable[[bytes, int, int], Any]
"""(data, start, stop) -> the value of a length-delimited field."""
Scalar = Callable[[int], Any]

_double = struct.Struct("<d").unpack_from


class MessageReader:
    """Reads one kind of message. Fields are compiled at its first use, since messages refer to one another."""

    def __init__(self, name: str) -> None:
        self._name = name
        special = SPECIAL.get(name)
        self._to_json = special[0] if special else None
        self._readers: dict[int, Read] = {}
        self._always: tuple[tuple[str, Any], ...] = ()
        self._compiled = False

    def read(self, data: bytes, start: int, stop: int) -> Any:
        """The JSON form of the message between start and stop; None where that is null."""
        tree: JSON = {}
        self.read_into(data, start, stop, tree)
        return tree if self._to_json is None else self._to_json(tree)

    def read_into(self, data: bytes, position: int, end: int, tree: JSON) -> None:
        if not self._compiled:
            self._compile()
        readers = self._readers
        while position < end:
            key = data[position]
            position += 1
            if key >= 0x80:
                key, position = read_varint(data, position - 1)
            reader = readers.get(key)
            position = skip(data, position, end, key & 7) if reader is None else reader(data, position, end, tree)
        if position != end:
            raise Malformed("unexpected EOF")
        for name, zero in self._always:
            if name not in tree:
                tree[name] = zero() if callable(zero) else zero

    def _compile(self) -> None:
        fields = field_table.fields(self._name)
        for field in fields:
            self._readers.update(_readers(field, keep_zero=self._to_json is not None))
        if self._to_json is None:
            self._always = tuple((field.name, _zero(field)) for field in fields if _has_zero(field))
        self._compiled = True


_READERS: Final[dict[str, MessageReader]] = {}


def reader(message: str) -> MessageReader:
    """The reader of a message by its full name. One per message of the API, so some 1,500 at most."""
    found = _READERS.get(message)
    if found is None:
        found = _READERS[message] = MessageReader(message)
    return found


# --- zeros -----------------------------------------------------------------------------------------------------------

_ZEROS: Final[dict[str, Any]] = {"string": "", "bytes": "", "bool": False, "int32": 0, "int64": 0, "double": 0}


def _has_zero(field: Field) -> bool:
    return field.always_written and (field.scalar or field.repeated or field.map or _null_form(field) is False)


def _null_form(field: Field) -> bool:
    """Whether an empty message of this type is null in JSON, so that its absence is better left absent."""
    special = SPECIAL.get(field.type)
    return special is not None and special[0]({}) is None


def _zero(field: Field) -> Any:
    if field.map:
        return dict
    if field.repeated:
        # k8s differs: it writes null for a nil list, which strict clients refuse.
        return list
    if field.scalar:
        return _ZEROS[field.type]
    return lambda: reader(field.type).read(b"", 0, 0)


# --- fields ----------------------------------------------------------------------------------------------------------

_SCALARS: Final[dict[str, Scalar]] = {"int32": signed, "int64": signed, "bool": bool}


def _readers(field: Field, *, keep_zero: bool) -> dict[int, Read]:
    """By tag. A list of numbers may come one by one or packed."""
    key = field.number << 3
    drop = field.omitempty and not field.pointer and not keep_zero
    if field.inline and not keep_zero:
        return {key | LENGTH: _inline(field)}
    if field.map:
        return {key | LENGTH: _map(field)}
    convert = _SCALARS.get(field.type)
    if convert is not None:
        if field.repeated:
            return {key | VARINT: _numbers(field.name, convert), key | LENGTH: _packed(field.name, convert)}
        return {key | VARINT: _number(field.name, convert, drop)}
    if field.type == "double":
        return {key | FIXED64: _real(field.name, drop)}
    value = _span_of(field, raw=keep_zero)
    if field.repeated:
        return {key | LENGTH: _list(field.name, value)}
    return {key | LENGTH: _single(field.name, value, drop and field.scalar)}


def _span_of(field: Field, *, raw: bool) -> Span:
    if field.type == "string":
        return _text
    if field.type == "bytes":
        return _bytes if raw else _base64
    return reader(field.type).read


def _text(data: bytes, start: int, stop: int) -> str:
    try:
        return data[start:stop].decode()
    except UnicodeDecodeError:
        raise Malformed("string field contains invalid UTF-8") from None


def _bytes(data: bytes, start: int, stop: int) -> bytes:
    return data[start:stop]


def _base64(data: bytes, start: int, stop: int) -> str:
    return b64encode(data[start:stop]).decode()


def _number(name: str, convert: Scalar, drop: bool) -> Read:
    def read(data: bytes, position: int, _end: int, tree: JSON) -> int:
        value, position = read_varint(data, position)
        if value or not drop:
            tree[name] = convert(value)
        else:
            tree.pop(name, None)
        return position

    return read


def _numbers(name: str, convert: Scalar) -> Read:
    def read(data: bytes, position: int, _end: int, tree: JSON) -> int:
        value, position = read_varint(data, position)
        tree.setdefault(name, []).append(convert(value))
        return position

    return read


def _packed(name: str, convert: Scalar) -> Read:
    def read(data: bytes, position: int, end: int, tree: JSON) -> int:
        position, stop = read_span(data, position, end)
        values = tree.setdefault(name, [])
        while position < stop:
            value, position = read_varint(data, position)
            values.append(convert(value))
        return stop

    return read


def _real(name: str, drop: bool) -> Read:
    def read(data: bytes, position: int, end: int, tree: JSON) -> int:
        if position + 8 > end:
            raise Malformed("unexpected EOF")
        (value,) = _double(data, position)
        if value or not drop:
            # Go writes a whole float without a fraction.
            tree[name] = int(value) if value.is_integer() else value
        return position + 8

    return read


def _single(name: str, value: Span, drop: bool) -> Read:
    def read(data: bytes, position: int, end: int, tree: JSON) -> int:
        start, stop = read_span(data, position, end)
        found = value(data, start, stop)
        if found is None or (drop and not found):
            tree.pop(name, None)
        else:
            tree[name] = found
        return stop

    return read


def _list(name: str, value: Span) -> Read:
    def read(data: bytes, position: int, end: int, tree: JSON) -> int:
        start, stop = read_span(data, position, end)
        tree.setdefault(name, []).append(value(data, start, stop))
        return stop

    return read


def _inline(field: Field) -> Read:
    """An embedded struct: its fields are the holder's in JSON."""
    inner = reader(field.type)

    def read(data: bytes, position: int, end: int, tree: JSON) -> int:
        start, stop = read_span(data, position, end)
        inner.read_into(data, start, stop, tree)
        return stop

    return read


def _map(field: Field) -> Read:
    name, value = field.name, _span_of(field, raw=False)
    zero = _ZEROS[field.type] if field.scalar else None

    def read(data: bytes, position: int, end: int, tree: JSON) -> int:
        position, stop = read_span(data, position, end)
        key, found = "", zero
        while position < stop:
            tag, position = read_varint(data, position)
            if tag == 1 << 3 | LENGTH:
                start, position = read_span(data, position, stop)
                key = _text(data, start, position)
            elif tag == 2 << 3 | LENGTH:
                start, position = read_span(data, position, stop)
                found = value(data, start, position)
            else:
                position = skip(data, position, stop, tag & 7)
        tree.setdefault(name, {})[key] = found
        return stop

    return read
