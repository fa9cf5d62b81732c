"""What must not be shown of a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wire.masking import MASK, masked

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize(
    ("kind", "detail", "tree", "expected"),
    [
        ("secrets", "", {"data": {"a": "eA=="}, "type": "Opaque"}, {"data": {"a": MASK}, "type": "Opaque"}),
        ("Secret", "", {"stringData": {"a": "x"}}, {"stringData": {"a": MASK}}),
        ("secrets", "", {"items": [{"data": {"a": "eA=="}}]}, {"items": [{"data": {"a": MASK}}]}),
        ("secrets", "PATCH", [{"op": "replace", "path": "/data/a", "value": "eA=="}],
         [{"op": "replace", "path": "/data/a", "value": MASK}]),
        ("secrets", "", {"data": None}, {"data": MASK}),
        ("secrets", "", {"metadata": {"annotations": {LAST_APPLIED: "{}", "b": "c"}}},
         {"metadata": {"annotations": {LAST_APPLIED: MASK, "b": "c"}}}),
        ("serviceaccounts", "create token", {"status": {"token": "abc", "expirationTimestamp": "x"}},
         {"status": {"token": MASK, "expirationTimestamp": "x"}}),
        ("tokenreviews", "create", {"spec": {"token": "abc"}}, {"spec": {"token": MASK}}),
        ("Pod", "", {"config": {"envs": [{"key": "P", "value": "x"}]}},
         {"config": {"envs": [{"key": "P", "value": MASK}]}}),
        ("Pod", "", {"Config": {"Env": ["P=x", "Q="]}}, {"Config": {"Env": [f"P={MASK}", f"Q={MASK}"]}}),
        ("", "", {"Env": ["P=x"]}, {"Env": [f"P={MASK}"]}),
        ("", "", {"auth": {"username": "u", "password": "p"}}, {"auth": {"username": "u", "password": MASK}}),
        ("configmaps", "", {"data": {"a": "x"}}, {"data": {"a": "x"}}),
    ],
)  # fmt: skip
def test_masks(kind: str, detail: str, tree: Any, expected: Any) -> None:
    assert json.loads(masked(json.dumps(tree, separators=(",", ":")).encode(), kind, detail)) == expected


def test_a_secret_that_is_no_json_is_masked_whole() -> None:
    assert masked(b"k8s\x00binary", "secrets") == b'"***"'
    assert masked(b"", "secrets") == b""
