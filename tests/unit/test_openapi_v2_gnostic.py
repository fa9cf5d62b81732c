"""gnostic's protobuf form of OpenAPI v2: byte for byte where it is small, read back by numbers where it is not."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from apiserver.codec import gnostic
from apiserver.codec.wire_format import FIXED64, VARINT, read_span, read_varint

JSON = dict[str, Any]


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field; a value is an int or bytes."""
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        number, form = key >> 3, key & 7
        if form == VARINT:
            value, position = read_varint(message, position)
            yield number, value
        elif form == FIXED64:
            yield number, message[position : position + 8]
            position += 8
        else:
            start, position = read_span(message, position, len(message))
            yield number, message[start:position]


def every(message: bytes, number: int) -> list[Any]:
    return [value for key, value in fields(message) if key == number]


def at(message: bytes, *path: int) -> Any:
    """The first value at a path of field numbers."""
    found: Any = message
    for number in path:
        found = every(found, number)[0]
    return found


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"swagger": "2.0"}, b"\x0a\x032.0"),
        ({"swagger": ""}, b""),
        ({"info": {"title": "K", "version": "v1"}}, b"\x12\x07\x0a\x01K\x12\x02v1"),
        ({"schemes": ["https", "http"]}, b"\x2a\x05https\x2a\x04http"),
        ({"x-a": 1}, b"\x82\x01\x0b\x0a\x03x-a\x12\x04\x12\x021\n"),
        ({"security": [{"B": []}]}, b"\x62\x07\x0a\x05\x0a\x01B\x12\x00"),
        ({"definitions": {"A": {"type": "string"}}}, b"\x4a\x12\x0a\x10\x0a\x01A\x12\x0b\xb2\x01\x08\x0a\x06string"),
    ],
)
def test_bytes(document: JSON, expected: bytes) -> None:
    assert gnostic.encode(document) == expected


def schema(value: JSON) -> bytes:
    return bytes(at(gnostic.encode({"definitions": {"one": value}}), 9, 1, 2))


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"$ref": "#/definitions/a"}, (1,), b"#/definitions/a"),
        ({"format": "int32"}, (2,), b"int32"),
        ({"description": "words"}, (4,), b"words"),
        ({"default": {"a": 1}}, (5, 2), b'{"a":1}\n'),
        ({"maximum": 2.5}, (7,), struct.pack("<d", 2.5)),
        ({"maxLength": 300}, (11,), 300),
        ({"pattern": "^a$"}, (13,), b"^a$"),
        ({"uniqueItems": True}, (16,), 1),
        ({"maxProperties": 4}, (17,), 4),
        ({"enum": ["a"]}, (20, 2), b'"a"\n'),
        ({"additionalProperties": {"type": "string"}}, (21, 1, 22, 1), b"string"),
        ({"additionalProperties": False}, (21, 2), 0),
        ({"additionalProperties": True}, (21, 2), 1),
        ({"items": {"format": "byte"}}, (23, 1, 2), b"byte"),
        ({"properties": {"a": {"format": "byte"}}}, (25, 1, 1), b"a"),
        ({"properties": {"a": {"format": "byte"}}}, (25, 1, 2, 2), b"byte"),
        ({"x-kubernetes-list-type": "map"}, (31, 1), b"x-kubernetes-list-type"),
        ({"x-kubernetes-list-type": "map"}, (31, 2, 2), b'"map"\n'),
    ],
)
def test_schema(value: JSON, path: tuple[int, ...], expected: bytes | int) -> None:
    assert at(schema(value), *path) == expected


def test_required_fields_are_repeated() -> None:
    assert every(schema({"required": ["a", "b"]}), 19) == [b"a", b"b"]


PATCH: JSON = {
    "consumes": ["application/json-patch+json"],
    "operationId": "patchIt",
    "parameters": [
        {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/p"}},
        {"name": "fieldValidation", "in": "query", "type": "string", "uniqueItems": True},
        {"$ref": "#/parameters/dryRun"},
    ],
    "responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/a"}}},
    "x-kubernetes-group-version-kind": {"group": "", "kind": "A", "version": "v1"},
}


def test_an_operation_as_kubectl_looks_for_it() -> None:
    shared = {"name": "name", "in": "path", "required": True, "type": "string"}
    path = at(gnostic.encode({"paths": {"/a": {"patch": PATCH, "parameters": [shared]}}}), 8, 2)
    assert at(path, 1) == b"/a"
    operation = at(path, 2, 8)
    assert at(operation, 5) == b"patchIt"
    assert at(operation, 7) == b"application/json-patch+json"
    body, query, reference = every(operation, 8)
    assert at(body, 1, 1, 2) == b"body"
    assert at(body, 1, 1, 5, 1) == b"#/definitions/p"
    assert at(query, 1, 2, 3, 4) == b"fieldValidation"
    assert at(query, 1, 2, 3, 6) == b"string"
    assert at(query, 1, 2, 3, 20) == 1
    assert at(reference, 2, 1) == b"#/parameters/dryRun"
    assert at(operation, 9, 1, 1) == b"200"
    assert at(operation, 9, 1, 2, 1, 2, 1, 1) == b"#/definitions/a"
    assert at(operation, 13, 1) == b"x-kubernetes-group-version-kind"
    assert at(operation, 13, 2, 2) == b'{"group":"","kind":"A","version":"v1"}\n'
    parameter = at(path, 2, 9, 1, 2, 4)
    assert (at(parameter, 4), at(parameter, 5), at(parameter, 1)) == (b"name", b"string", 1)


def test_security() -> None:
    key = {"type": "apiKey", "name": "authorization", "in": "header"}
    encoded = gnostic.encode({"securityDefinitions": {"B": key}})
    assert list(fields(at(encoded, 13, 1, 2, 2))) == [(1, b"apiKey"), (2, b"authorization"), (3, b"header")]


def test_parts_put_together_are_the_whole() -> None:
    """A message field that comes twice is one whose parts are merged, so its lists go on."""
    parts: list[JSON] = [{"swagger": "2.0"}, {"definitions": {"a": {}}}, {"definitions": {"b": {}}}]
    encoded = b"".join(map(gnostic.encode, parts))
    assert [at(one, 1, 1) for one in every(encoded, 9)] == [b"a", b"b"]


@pytest.mark.parametrize(
    "document",
    [
        {"openapi": "3.0.0"},
        {"definitions": {"a": {"oneOf": []}}},
        {"parameters": {"a": {"in": "cookie"}}},
        {"securityDefinitions": {"a": {"type": "oauth2"}}},
    ],
)
def test_what_v2_does_not_have_is_refused(document: JSON) -> None:
    with pytest.raises(ValueError):
        gnostic.encode(document)
