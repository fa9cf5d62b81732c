"""JSON patch and merge patch, by the examples of their RFCs and upstream's leniency."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from apimachinery import json_patch, merge_patch
from apimachinery.errors import ApiError


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a"], {"x": 1}, {"x": 1}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": 1}, ["x"], ["x"]),
    ],
)
def test_merge_patch(document: Any, patch: Any, expected: Any) -> None:
    before = copy.deepcopy((document, patch))
    assert merge_patch.apply(document, patch) == expected
    assert (document, patch) == before


def test_merge_patch_result_shares_nothing_with_the_patch() -> None:
    patch = {"a": {"b": [1]}, "c": [{"d": 1}]}
    result = merge_patch.apply({}, patch)
    result["a"]["b"].append(2)
    result["c"][0]["d"] = 2
    assert patch == {"a": {"b": [1]}, "c": [{"d": 1}]}


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/-1"}], {"a": [1]}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": None}], {"a": None}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 1}}], {"b": 1}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a/b": {"~": 1}}, [{"op": "test", "path": "/a~1b/~0", "value": 1}], {"a/b": {"~": 1}}),
        ({}, [{"op": "test", "path": "/none", "value": None}], {}),
        ({"a": 1}, [], {"a": 1}),
    ],
)
def test_json_patch(document: Any, patch: Any, expected: Any) -> None:
    before = copy.deepcopy((document, patch))
    assert json_patch.apply(document, patch) == expected
    assert (document, patch) == before


@pytest.mark.parametrize(
    ("operation", "cause"),
    [
        ({"op": "test", "path": "/a", "value": 2}, "testing value /a failed: test failed"),
        ({"op": "test", "path": "/a", "value": True}, "testing value /a failed: test failed"),
        ({"op": "remove", "path": "/x"}, 'error in remove for path: "/x": Unable to remove nonexistent key'),
        ({"op": "replace", "path": "/x", "value": 1}, "replace operation does not apply: doc is missing key: /x"),
        ({"op": "add", "path": "/x/y", "value": 1}, 'add operation does not apply: doc is missing path: "/x/y"'),
        ({"op": "add", "path": "/list/5", "value": 1}, "Unable to access invalid index: 5"),
        ({"op": "add", "path": "/list/x", "value": 1}, "strconv.Atoi"),
        ({"op": "add", "path": "/b"}, "add operation: missing value"),
        ({"op": "jump", "path": "/b"}, "Unexpected kind: jump"),
        ({"op": "add"}, "Unable to decode path"),
        ({"op": "move", "from": "/o", "path": "/o/p"}, "move operation does not apply"),
        ({"op": "copy", "path": "/o"}, "copy operation: unable to decode from"),
    ],
)
def test_json_patch_that_does_not_apply_is_422(operation: dict[str, Any], cause: str) -> None:
    document = {"a": 1, "list": [1], "o": {}}
    with pytest.raises(ApiError) as refused:
        json_patch.apply(document, [operation])
    assert refused.value.code == 422
    assert refused.value.message == "the server rejected our request due to an error in our request"
    assert refused.value.details["causes"][0]["message"].startswith(cause)


def test_json_patch_shape_and_size() -> None:
    with pytest.raises(ApiError) as shape:
        json_patch.apply({}, {"op": "add"})
    assert shape.value.code == 400
    operation = {"op": "test", "path": "", "value": {}}
    assert json_patch.apply({}, [operation] * 10_000) == {}
    with pytest.raises(ApiError) as size:
        json_patch.apply({}, [operation] * 10_001)
    assert size.value.code == 413
    assert size.value.message == "The allowed maximum operations in a JSON patch is 10000, got 10001"
