"""What differs between two states of an object, one line per change. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

SHOWN_CHARS: Final = 160  # of one value
LINES: Final = 60  # of one diff
_NOISE: Final = frozenset({"metadata.managedFields", "metadata.resourceVersion"})
_IDENTITIES: Final = ("name", "type", "uid", "ip", "key", "containerPort", "port")


def diff(before: Any, after: Any) -> list[str]:
    """`~ path: old -> new`, `+ path: new`, `- path: old`; empty if they are the same. Long ones end early."""
    lines = list(_changes("", before, after))
    return lines if len(lines) <= LINES else [*lines[:LINES], f"... and {len(lines) - LINES} more changes"]


def _changes(path: str, before: Any, after: Any) -> Iterator[str]:
    if path in _NOISE or before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _of_maps(path, before, after)
    elif _list(before) and _list(after) and (identity := _identity([*before, *after])):
        yield from _of_maps(path, _by(before, identity), _by(after, identity), element=True)
    else:
        yield f"~ {path or '.'}: {shown(before)} -> {shown(after)}"


def _of_maps(path: str, before: Mapping[str, Any], after: Mapping[str, Any], *, element: bool = False) -> Iterator[str]:
    for key in dict.fromkeys((*before, *after)):
        where = f"{path}[{key}]" if element else _join(path, key)
        if where in _NOISE:
            continue
        if key not in after:
            yield f"- {where}: {shown(before[key])}"
        elif key not in before:
            yield f"+ {where}: {shown(after[key])}"
        else:
            yield from _changes(where, before[key], after[key])


def _join(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _identity(items: list[Any]) -> str:
    """The field that tells the elements of a list apart, as `name` does for containers; "" if none does."""
    if not items or not all(isinstance(one, Mapping) for one in items):
        return ""
    return next((one for one in _IDENTITIES if all(one in item for item in items)), "")


def _by(items: Sequence[Mapping[str, Any]], identity: str) -> dict[str, Any]:
    return {str(item[identity]): item for item in items}


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
