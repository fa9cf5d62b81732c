"""An OpenAPI v2 document as protobuf: the message `openapi.v2.Document` that gnostic defines. Pure.

kubectl up to 1.28, and newer ones for kinds they find nowhere else, read `/openapi/v2` in this form only. Each table
gives the fields of a message by their JSON names: the number, and how a field is written. Maps are lists of name and
value there; extensions (`x-...`) and other free values are YAML text, of which JSON is a part.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from apiserver.codec.wire_format import FIXED64, LENGTH, VARINT, tag, write_span, write_varint

JSON = dict[str, Any]

Write = Callable[[int, Any], bytes]
"""Writes a whole field, its tag included, from its number and value."""
Fields = Mapping[str, tuple[int, Write]]

_NAME: Final = 1
_VALUE: Final = 2
_YAML: Final = 2


def encode(document: JSON) -> bytes:
    """The message. Encodings of parts of a document, put one after another, are the encoding of the whole.

    Raises ValueError for what OpenAPI v2 does not have.
    """
    return _record(_DOCUMENT, 16, document)


def _record(fields: Fields, extension: int, value: JSON) -> bytes:
    return b"".join([_field(fields, extension, key, item) for key, item in value.items()])


def _field(fields: Fields, extension: int, key: str, item: Any) -> bytes:
    known = fields.get(key)
    if known is not None:
        number, write = known
        return write(number, item)
    if extension and key.startswith("x-"):
        return _named(extension, key, _any(_VALUE, item))
    raise ValueError(f"OpenAPI v2 has no field {key!r} here")


# --- scalars: the zero value is not written


def _string(number: int, value: str) -> bytes:
    return _span(number, value.encode()) if value else b""


def _boolean(number: int, value: bool) -> bytes:
    return tag(number, VARINT) + b"\x01" if value else b""


def _integer(number: int, value: int) -> bytes:
    return tag(number, VARINT) + write_varint(int(value)) if value else b""


def _double(number: int, value: float) -> bytes:
    return tag(number, FIXED64) + struct.pack("<d", value) if value else b""


def _strings(number: int, values: Iterable[str]) -> bytes:
    return b"".join([_span(number, value.encode()) for value in values])


# --- messages


def _span(number: int, content: bytes) -> bytes:
    return write_span(tag(number, LENGTH), content)


def _any(number: int, value: Any) -> bytes:
    return _span(number, _span(_YAML, orjson.dumps(value) + b"\n"))


def _anys(number: int, values: Iterable[Any]) -> bytes:
    return b"".join([_any(number, value) for value in values])


def _named(number: int, name: str, value: bytes) -> bytes:
    return _span(number, _string(_NAME, name) + value)


def _message(fields: Fields, extension: int = 0) -> Write:
    return lambda number, value: _span(number, _record(fields, extension, value))


def _list(write: Write) -> Write:
    return lambda number, values: b"".join([write(number, value) for value in values])


def _map(write: Write) -> Write:
    """A message whose only field is a list of named values."""
    return lambda number, values: _span(
        number, b"".join([_named(1, name, write(_VALUE, value)) for name, value in values.items()])
    )


# --- schemas


def _schema(number: int, value: JSON) -> bytes:
    return _span(number, _record(_SCHEMA, 31, value))


def _additional_properties(number: int, value: JSON | bool) -> bytes:
    """One of two, so that `false` is written too."""
    return _span(number, tag(2, VARINT) + bytes((value,)) if isinstance(value, bool) else _schema(1, value))


def _type(number: int, value: str | list[str]) -> bytes:
    return _span(number, _strings(1, [value] if isinstance(value, str) else value))


_BOUNDS: Final = ("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
                  "maxItems", "minItems", "uniqueItems")  # fmt: skip
_BOUND_WRITERS: Final[dict[str, Write]] = {
    "maximum": _double, "exclusiveMaximum": _boolean, "minimum": _double, "exclusiveMinimum": _boolean,
    "maxLength": _integer, "minLength": _integer, "pattern": _string, "maxItems": _integer, "minItems": _integer,
    "uniqueItems": _boolean,
}  # fmt: skip


def _bounds(first: int) -> Fields:
    """The fields that limit a value, which every message that has them numbers in the same order."""
    return {name: (first + place, _BOUND_WRITERS[name]) for place, name in enumerate(_BOUNDS)}


_EXTERNAL_DOCS: Final[Fields] = {"description": (1, _string), "url": (2, _string)}
_XML: Final[Fields] = {
    "name": (1, _string), "namespace": (2, _string), "prefix": (3, _string), "attribute": (4, _boolean),
    "wrapped": (5, _boolean),
}  # fmt: skip
_SCHEMA: Final[Fields] = {
    "$ref": (1, _string), "format": (2, _string), "title": (3, _string), "description": (4, _string),
    "default": (5, _any), "multipleOf": (6, _double), **_bounds(7), "maxProperties": (17, _integer),
    "minProperties": (18, _integer), "required": (19, _strings), "enum": (20, _anys),
    "additionalProperties": (21, _additional_properties), "type": (22, _type),
    "items": (23, lambda number, value: _span(number, _schema(1, value))), "allOf": (24, _list(_schema)),
    "properties": (25, _map(_schema)), "discriminator": (26, _string), "readOnly": (27, _boolean),
    "xml": (28, _message(_XML, 6)), "externalDocs": (29, _message(_EXTERNAL_DOCS, 3)), "example": (30, _any),
}  # fmt: skip


# --- parameters


def _primitives(number: int, value: JSON) -> bytes:
    return _span(number, _record(_PRIMITIVES, 18, value))


_PRIMITIVES: Final[Fields] = {
    "type": (1, _string), "format": (2, _string), "items": (3, _primitives), "collectionFormat": (4, _string),
    "default": (5, _any), **_bounds(6), "enum": (16, _anys), "multipleOf": (17, _double),
}  # fmt: skip
_PARAMETER: Final[Fields] = {"required": (1, _boolean), "in": (2, _string), "description": (3, _string),
                             "name": (4, _string)}  # fmt: skip
_PLAIN: Final[Fields] = {
    **_PARAMETER, "type": (5, _string), "format": (6, _string), "items": (7, _primitives),
    "collectionFormat": (8, _string), "default": (9, _any), **_bounds(10), "enum": (20, _anys),
    "multipleOf": (21, _double),
}  # fmt: skip
_WITH_EMPTY: Final[Fields] = {
    **_PARAMETER, "allowEmptyValue": (5, _boolean),
    **{name: (number + 1, write) for name, (number, write) in _PLAIN.items() if name not in _PARAMETER},
}  # fmt: skip
_BODY: Final[Fields] = {
    "description": (1, _string), "name": (2, _string), "in": (3, _string), "required": (4, _boolean),
    "schema": (5, _schema),
}  # fmt: skip
_NON_BODY: Final[dict[str, tuple[int, Write]]] = {
    "header": (1, _message(_PLAIN, 22)),
    "formData": (2, _message(_WITH_EMPTY, 23)),
    "query": (3, _message(_WITH_EMPTY, 23)),
    "path": (4, _message(_PLAIN, 22)),
}


def _parameter(number: int, value: JSON) -> bytes:
    place = value["in"]
    if place == "body":
        return _span(number, _span(1, _record(_BODY, 6, value)))
    if place not in _NON_BODY:
        raise ValueError(f"OpenAPI v2 has no parameters in {place!r}")
    sub_number, write = _NON_BODY[place]
    return _span(number, _span(2, write(sub_number, value)))


_REFERENCE: Final[Fields] = {"$ref": (1, _string), "description": (2, _string)}


def _or_reference(write: Write) -> Write:
    """The thing itself (field 1), or where it is to be found (field 2)."""
    refer = _message(_REFERENCE)
    return lambda number, value: _span(number, refer(2, value) if "$ref" in value else write(1, value))


# --- paths

_HEADER: Final[Fields] = {
    "type": (1, _string), "format": (2, _string), "items": (3, _primitives), "collectionFormat": (4, _string),
    "default": (5, _any), **_bounds(6), "enum": (16, _anys), "multipleOf": (17, _double), "description": (18, _string),
}  # fmt: skip
_RESPONSE: Final[Fields] = {
    "description": (1, _string),
    "schema": (2, lambda number, value: _span(number, _schema(1, value))),
    "headers": (3, _map(_message(_HEADER, 19))),
    "examples": (4, _map(_any)),
}
_response: Final = _or_reference(_message(_RESPONSE, 5))


def _responses(number: int, value: JSON) -> bytes:
    return _span(number, b"".join([_named(1, code, _response(_VALUE, one)) for code, one in value.items()]))


_parameters: Final = _list(_or_reference(_parameter))

_OPERATION: Final[Fields] = {
    "tags": (1, _strings), "summary": (2, _string), "description": (3, _string),
    "externalDocs": (4, _message(_EXTERNAL_DOCS, 3)), "operationId": (5, _string), "produces": (6, _strings),
    "consumes": (7, _strings), "parameters": (8, _parameters), "responses": (9, _responses),
    "schemes": (10, _strings), "deprecated": (11, _boolean),
}  # fmt: skip
_operation: Final = _message(_OPERATION, 13)
_PATH_ITEM: Final[Fields] = {
    "$ref": (1, _string), "get": (2, _operation), "put": (3, _operation), "post": (4, _operation),
    "delete": (5, _operation), "options": (6, _operation), "head": (7, _operation), "patch": (8, _operation),
    "parameters": (9, _parameters),
}  # fmt: skip
_path_item: Final = _message(_PATH_ITEM, 10)


def _paths(number: int, value: JSON) -> bytes:
    return _span(number, b"".join([_named(2, path, _path_item(_VALUE, item)) for path, item in value.items()]))


# --- the document


def _security_requirement(number: int, value: JSON) -> bytes:
    named = [_named(1, name, _span(_VALUE, _strings(1, scopes))) for name, scopes in value.items()]
    return _span(number, b"".join(named))


_API_KEY: Final[Fields] = {"type": (1, _string), "name": (2, _string), "in": (3, _string), "description": (4, _string)}


def _security_definition(number: int, value: JSON) -> bytes:
    if value["type"] != "apiKey":
        raise ValueError(f"security of type {value['type']!r} is not written")
    return _span(number, _span(2, _record(_API_KEY, 5, value)))


_CONTACT: Final[Fields] = {"name": (1, _string), "url": (2, _string), "email": (3, _string)}
_LICENSE: Final[Fields] = {"name": (1, _string), "url": (2, _string)}
_INFO: Final[Fields] = {
    "title": (1, _string), "version": (2, _string), "description": (3, _string), "termsOfService": (4, _string),
    "contact": (5, _message(_CONTACT, 4)), "license": (6, _message(_LICENSE, 3)),
}  # fmt: skip
_DOCUMENT: Final[Fields] = {
    "swagger": (1, _string), "info": (2, _message(_INFO, 7)), "host": (3, _string), "basePath": (4, _string),
    "schemes": (5, _strings), "consumes": (6, _strings), "produces": (7, _strings), "paths": (8, _paths),
    "definitions": (9, _map(_schema)), "parameters": (10, _map(_parameter)),
    "responses": (11, _map(_message(_RESPONSE, 5))), "security": (12, _list(_security_requirement)),
    "securityDefinitions": (13, _map(_security_definition)), "externalDocs": (15, _message(_EXTERNAL_DOCS, 3)),
}  # fmt: skip
