"""Duplicate fields of a JSON body, which an ordinary parser swallows. Asked for by strict field validation."""

from __future__ import annotations

import json
from typing import Any

from apimachinery.errors import bad_request


class _Pairs(list[tuple[str, Any]]):
    """An object as it stands in the text."""


def duplicate_fields(body: bytes) -> list[str]:
    """Paths of fields given more than once: `spec.replicas`, `spec.containers[0].image`. Raises ApiError 400."""
    try:
        tree = json.loads(body, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    found: list[str] = []
    _find(tree, "", found)
    return found


def _find(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, item in value:
            where = f"{path}.{key}" if path else key
            if key in seen:
                found.append(where)
            seen.add(key)
            _find(item, where, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _find(item, f"{path}[{index}]", found)
