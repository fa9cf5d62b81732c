"""JSON merge patch, RFC 7386."""

from __future__ import annotations

from typing import Any


def apply(document: Any, patch: Any) -> Any:
    """The patched document. Neither input changes.

    The result may share what did not change with `document`, but nothing with `patch`: a patch is applied again after
    a conflict, when the first result may have been defaulted in place.
    """
    if not isinstance(patch, dict):
        return clone(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = apply(result.get(key), value)
        else:
            result[key] = clone(value)
    return result


def clone(tree: Any) -> Any:
    """A deep copy of a JSON tree; a fraction of the cost of `copy.deepcopy`."""
    if isinstance(tree, dict):
        return {key: clone(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [clone(item) for item in tree]
    return tree
