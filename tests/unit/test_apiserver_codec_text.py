"""YAML and strict JSON bodies."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.errors import ApiError
from apiserver.codec.strict_json import duplicate_fields
from apiserver.codec.yaml import decode_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("On", True),
        ("y", True),
        ("n", False),
        ("off", False),
        ("yesterday", "yesterday"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nullx", "nullx"),
        ("12", 12),
        ("-12", -12),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("1_000", 1000),
        ("08", 8),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.0", 1),
        ("1e3", 1000),
        ("1.2.3", "1.2.3"),
        ("22:22", "22:22"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"),
        ("!!str 5", "5"),
        ("'5'", "5"),
        ("100m", "100m"),
        ("=", "="),
        ("[1, a]", [1, "a"]),
        ("{a: {b: c}}", {"a": {"b": "c"}}),
    ],
)
def test_yaml_values(text: str, value: Any) -> None:
    found = decode_yaml(f"x: {text}\n".encode())["x"]
    assert found == value
    assert type(found) is type(value)


def test_yaml_keys_become_text() -> None:
    assert decode_yaml(b"1: a\non: b\n1.5: c\n") == {"1": "a", "true": "b", "1.5": "c"}


def test_yaml_takes_json() -> None:
    assert decode_yaml(b'{"a": {"b": [1, true, null]}}') == {"a": {"b": [1, True, None]}}


def test_yaml_duplicates_are_reported_and_the_last_counts() -> None:
    problems: list[str] = []
    assert decode_yaml(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", problems) == {"a": 3, "b": {"c": 2}}
    assert problems == [
        'yaml: unmarshal errors:\n  line 4: key "c" already set in map\n  line 5: key "a" already set in map'
    ]


def test_yaml_aliases_come_apart() -> None:
    tree = decode_yaml(b"a: &x {k: [1]}\nb: *x\nc:\n  <<: *x\n  m: 2\n")
    assert tree == {"a": {"k": [1]}, "b": {"k": [1]}, "c": {"k": [1], "m": 2}}
    tree["a"]["k"].append(2)
    assert tree["b"] == {"k": [1]}


def test_yaml_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ApiError, match="excessive aliasing"):
        decode_yaml("\n".join(lines).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"a: [",
        b"- a",
        b"text",
        b"",
        b"a: .inf",
        b"? [a]\n: b",
        b"a: !!python/object:x {}",
        b"a: &x [*x]",
        b"\xff\xfe\xfa",
    ],
)
def test_bad_yaml_is_400(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        decode_yaml(body)
    assert refused.value.code == 400
    assert refused.value.message.startswith("error converting YAML to JSON")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b'{"a": 1, "b": {"a": 1}}', []),
        (b'{"a": 1, "a": 2}', ["a"]),
        (b'{"spec": {"replicas": 1, "replicas": 1}}', ["spec.replicas"]),
        (b'{"l": [{}, {"x": 1, "x": {"y": 1, "y": 2}}]}', ["l[1].x", "l[1].x.y"]),
    ],
)
def test_duplicate_fields_of_json(body: bytes, paths: list[str]) -> None:
    assert duplicate_fields(body) == paths


def test_bad_json_is_400() -> None:
    with pytest.raises(ApiError) as refused:
        duplicate_fields(b"{")
    assert refused.value.code == 400
