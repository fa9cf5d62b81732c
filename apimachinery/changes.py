"""What differs between two states of an object, on one line for people to read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NAMED_BY = ("name", "type", "key", "ip", "uid")  # what tells items of a list apart, in Kubernetes' lists
_DULL = (("metadata", "resourceVersion"), ("metadata", "managedFields"), ("metadata", "generation"))
VALUE_CHARS = 60
_MISSING = object()

Path = tuple[str, ...]


def changes(old: Any, new: Any, most: int = 12) -> str:
    """`spec.replicas: 1 → 3; status.conditions[Ready].status: False → True`, at most `most` of them."""
    found = [f"{_shown_path(path)}: {_shown(a)} → {_shown(b)}" for path, a, b in _differences((), old, new)]
    rest = len(found) - most
    return "; ".join(found[:most]) + (f"; and {rest} more" if rest > 0 else "")


def _differences(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Any, Any]]:
    if old == new or path in _DULL:
        return
    if isinstance(old, list) and isinstance(new, list):
        old, new = _keyed(old), _keyed(new)
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield path, old, new
        return
    for key in dict.fromkeys([*old, *new]):
        yield from _differences((*path, str(key)), old.get(key, _MISSING), new.get(key, _MISSING))


def _keyed(items: list[Any]) -> dict[str, Any]:
    """A list as a mapping by what names its items, by position where nothing does."""
    for field in _NAMED_BY:
        names = [item.get(field) if isinstance(item, Mapping) else None for item in items]
        if items and all(names) and len(set(map(str, names))) == len(names):
            return {f"[{name}]": item for name, item in zip(names, items, strict=True)}
    return {f"[{n}]": item for n, item in enumerate(items)}


def _shown_path(path: Path) -> str:
    return ".".join(path).replace(".[", "[") or "object"


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "–"
    if isinstance(value, Mapping):
        names = [str(value[field]) for field in _NAMED_BY if value.get(field)]
        text = f"{{{', '.join(map(str, value))}}}" if not names else f"{{{names[0]}, …}}"
    elif isinstance(value, list):
        text = f"[{len(value)} items]" if any(isinstance(item, (Mapping, list)) for item in value) else str(value)
    else:
        text = "null" if value is None else str(value)
    return text if len(text) <= VALUE_CHARS else f"{text[: VALUE_CHARS - 1]}…"
