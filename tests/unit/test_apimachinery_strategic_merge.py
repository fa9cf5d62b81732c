"""Strategic merge patch over a small hand-made schema."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from apimachinery import strategic_merge
from apimachinery.errors import ApiError


@dataclass
class Node:
    """A schema as the merge sees it."""

    fields: dict[str, Node] = field(default_factory=dict)
    patch_strategy: str = ""
    merge_key: str = ""
    items: Node | None = None

    def property(self, name: str, /) -> Node | None:
        return self.fields.get(name)


PORTS = Node(patch_strategy="merge", merge_key="port", items=Node())
CONTAINER = Node({"ports": PORTS, "args": Node(), "resources": Node()})
SCHEMA = Node(
    {
        "containers": Node(patch_strategy="merge", merge_key="name", items=CONTAINER),
        "finalizers": Node(patch_strategy="merge", items=Node()),
        "args": Node(items=Node()),
        "strategy": Node({"rolling": Node()}, patch_strategy="retainKeys"),
        "volumes": Node(patch_strategy="merge,retainKeys", merge_key="name", items=Node()),
        "whole": Node(patch_strategy="replace"),
        "labels": Node(),
    }
)


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, **more} for name in names]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "maps merge, nulls delete": (
        {"labels": {"a": "1", "b": "2"}},
        {"labels": {"b": None, "c": "3", "none": None}},
        {"labels": {"a": "1", "c": "3"}},
    ),
    "nulls in new values vanish": ({}, {"labels": {"a": None, "b": {"c": None}}}, {"labels": {"b": {}}}),
    "plain lists are replaced": ({"args": ["a"]}, {"args": ["b"]}, {"args": ["b"]}),
    "unknown fields: lists are replaced": ({"x": [1]}, {"x": [2]}, {"x": [2]}),
    "replace strategy": ({"whole": {"a": 1}}, {"whole": {"b": 2}}, {"whole": {"b": 2}}),
    "items merge by key": (
        {"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "1"}]},
        {"containers": [{"name": "a", "image": "2"}]},
        {"containers": [{"name": "a", "image": "2", "args": ["x"]}, {"name": "b", "image": "1"}]},
    ),
    "a new item goes before the server's": (
        {"containers": named("a", "b")},
        {"containers": named("c")},
        {"containers": named("c", "a", "b")},
    ),
    "nested lists merge": (
        {"containers": [{"name": "a", "ports": [{"port": 1, "x": 1}, {"port": 2}]}]},
        {"containers": [{"name": "a", "ports": [{"port": 1, "y": 1}]}]},
        {"containers": [{"name": "a", "ports": [{"port": 1, "x": 1, "y": 1}, {"port": 2}]}]},
    ),
    "delete an item": (
        {"containers": named("a", "b")},
        {"containers": [{"name": "a", "$patch": "delete"}]},
        {"containers": named("b")},
    ),
    "delete an item that is not there": (
        {},
        {"containers": [{"name": "a", "$patch": "delete"}, {"name": "b"}]},
        {"containers": named("b")},
    ),
    "replace a list": (
        {"containers": named("a", "b")},
        {"containers": [{"$patch": "replace"}, {"name": "c"}]},
        {"containers": named("c")},
    ),
    "replace a map": (
        {"labels": {"a": "1"}},
        {"labels": {"$patch": "replace", "b": "2"}},
        {"labels": {"b": "2"}},
    ),
    "delete a map's content": ({"labels": {"a": "1"}}, {"labels": {"$patch": "delete"}}, {"labels": {}}),
    "merge said aloud": (
        {"labels": {"a": "1"}},
        {"labels": {"$patch": "merge", "b": "2"}},
        {"labels": {"a": "1", "b": "2"}},
    ),
    "retain keys": (
        {"strategy": {"type": "RollingUpdate", "rolling": {"a": 1}}},
        {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
        {"strategy": {"type": "Recreate"}},
    ),
    "retain keys of an item": (
        {"volumes": [{"name": "v", "emptyDir": {}}]},
        {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]},
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    ),
    "retain keys in a new map": ({}, {"strategy": {"$retainKeys": ["type"], "type": "R"}}, {"strategy": {"type": "R"}}),
    "scalars join": ({"finalizers": ["a", "b"]}, {"finalizers": ["c", "a"]}, {"finalizers": ["c", "a", "b"]}),
    "scalars are taken out": (
        {"finalizers": ["a", "b", "c"]},
        {"$deleteFromPrimitiveList/finalizers": ["b"]},
        {"finalizers": ["a", "c"]},
    ),
    "scalars out, in and in order": (
        {"finalizers": ["a", "b"]},
        {
            "$deleteFromPrimitiveList/finalizers": ["b"],
            "$setElementOrder/finalizers": ["c", "a"],
            "finalizers": ["c"],
        },
        {"finalizers": ["c", "a"]},
    ),
    "order with content": (
        {"containers": named("a", "b")},
        {"$setElementOrder/containers": named("a", "b", "c"), "containers": named("c")},
        {"containers": named("a", "b", "c")},
    ),
    "order alone": (
        {"containers": named("a", "b", "c")},
        {"$setElementOrder/containers": named("c", "a")},
        {"containers": named("b", "c", "a")},
    ),
    "order keeps the server's own in place": (
        {"containers": named("sidecar", "a", "b")},
        {"$setElementOrder/containers": named("b", "a"), "containers": [{"name": "a", "image": "2"}]},
        {"containers": [{"name": "sidecar"}, {"name": "b"}, {"name": "a", "image": "2"}]},
    ),
    "order with a deletion": (
        {"containers": named("a", "b")},
        {"$setElementOrder/containers": named("b"), "containers": [{"name": "a", "$patch": "delete"}]},
        {"containers": named("b")},
    ),
    "order of a list that is nowhere": ({}, {"$setElementOrder/containers": named("b")}, {}),
    "order of a new list": (
        {},
        {"$setElementOrder/containers": named("a", "b"), "containers": named("a", "b")},
        {"containers": named("a", "b")},
    ),
    "types differ: the patch wins": ({"labels": "x"}, {"labels": {"a": 1}}, {"labels": {"a": 1}}),
    "whole document replaced": ({"args": [1], "x": 1}, {"$patch": "replace", "x": 2}, {"x": 2}),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_strategic_merge(case: str) -> None:
    document, patch, expected = CASES[case]
    before = copy.deepcopy((document, patch))
    assert strategic_merge.apply(document, patch, SCHEMA) == expected
    assert (document, patch) == before


def test_result_shares_nothing_with_the_patch() -> None:
    patch = {"containers": [{"name": "a", "args": ["x"]}], "args": [{"b": 1}], "labels": {"l": "1"}}
    before = copy.deepcopy(patch)
    result = strategic_merge.apply({"labels": {}}, patch, SCHEMA)
    result["containers"][0]["args"].append("y")
    result["args"][0]["b"] = 2
    result["labels"]["l"] = "2"
    assert patch == before


@pytest.mark.parametrize(
    ("patch", "code", "message"),
    [
        ({"labels": {"$patch": "burn"}}, 500, "Internal error occurred: unknown patch type: burn in map"),
        (
            {"containers": [{"image": "x"}]},
            500,
            "Internal error occurred: map: {'image': 'x'} does not contain declared",
        ),
        ({"$setElementOrder/containers": "x"}, 400, "invalid patch format of setElementOrder list"),
        ({"$deleteFromPrimitiveList/finalizers": "x"}, 400, "invalid patch format of primitive list"),
        ({"strategy": {"$retainKeys": "x"}}, 400, "invalid patch format of retainKeys"),
        ({"strategy": {"$retainKeys": ["a"], "b": 1}}, 422, "the server rejected our request"),
        (
            {"$setElementOrder/containers": named("a"), "containers": named("b")},
            500,
            "Internal error occurred: The order in patch list",
        ),
    ],
)
def test_bad_directives(patch: dict[str, Any], code: int, message: str) -> None:
    document = {"labels": {"a": "1"}, "containers": named("a"), "strategy": {"type": "x"}, "finalizers": ["a"]}
    with pytest.raises(ApiError) as refused:
        strategic_merge.apply(document, patch, SCHEMA)
    assert refused.value.code == code
    assert refused.value.message.startswith(message)
