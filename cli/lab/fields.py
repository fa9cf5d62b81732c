"""Fields of an object and what is expected of them. Pure.

A path is `spec.nodeName`, `metadata.labels[app.kubernetes.io/name]`, `status.conditions[type=Ready].status` or
`spec.containers[0].image`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

_PART: Final = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()


def at(tree: Any, path: str) -> Any:
    """What stands there; MISSING if nothing does."""
    for bracketed, plain in _PART.findall(path):
        tree = _one(tree, bracketed or plain)
        if tree is MISSING:
            break
    return tree


def _one(tree: Any, part: str) -> Any:
    if isinstance(tree, Mapping):
        return tree.get(part, MISSING)
    if not isinstance(tree, Sequence) or isinstance(tree, str):
        return MISSING
    key, equals, value = part.partition("=")
    if equals:
        return next((one for one in tree if isinstance(one, Mapping) and str(one.get(key)) == value), MISSING)
    return tree[int(part)] if part.isdigit() and int(part) < len(tree) else MISSING


def same(found: Any, wanted: Any) -> bool:
    """As people write it: case and space around do not count, and 3 is "3"."""
    return plain(found) == plain(wanted)


def plain(value: Any) -> str:
    return str(value).strip().lower()


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")  # compares to nothing


_OPERATORS: Final[dict[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "equals": ("is", same),
    "not": ("is not", lambda found, wanted: not same(found, wanted)),
    "in": ("is one of", lambda found, wanted: any(same(found, one) for one in wanted)),
    "like": ("is like", lambda found, wanted: found is not MISSING and fnmatchcase(str(found), str(wanted))),
    "exists": ("is there:", lambda found, wanted: (found is not MISSING) == wanted),
    "min": ("is at least", lambda found, wanted: _number(found) >= _number(wanted)),
    "max": ("is at most", lambda found, wanted: _number(found) <= _number(wanted)),
}
OPERATORS: Final = frozenset(_OPERATORS)


def meets(found: Any, operator: str, wanted: Any) -> bool:
    return _OPERATORS[operator][1](found, wanted)


def parse(condition: Mapping[str, Any]) -> tuple[str, str, Any]:
    """`{path = ..., equals = ...}` as path, operator, value. Raises ValueError."""
    operators = condition.keys() & OPERATORS
    if len(operators) != 1 or "path" not in condition or len(condition) != 2:
        raise ValueError(f"{dict(condition)} is no condition: it has a path and one of {', '.join(sorted(OPERATORS))}")
    operator = next(iter(operators))
    return condition["path"], operator, condition[operator]


def failing(tree: Any, conditions: Sequence[Mapping[str, Any]]) -> list[str]:
    """What does not hold, each in a sentence."""
    said = []
    for path, operator, wanted in map(parse, conditions):
        found = at(tree, path)
        if not meets(found, operator, wanted):
            said.append(f"{path} is {found!r}; expected: {_OPERATORS[operator][0]} {wanted!r}")
    return said


def holds(tree: Any, conditions: Sequence[Mapping[str, Any]]) -> bool:
    return not failing(tree, conditions)
