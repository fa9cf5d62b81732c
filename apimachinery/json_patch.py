"""JSON patch, RFC 6902, with the leniency of upstream's library: negative indexes, `test` of null on nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apimachinery.errors import ApiError, bad_request, too_large
from apimachinery.merge_patch import clone

MAX_OPERATIONS: Final = 10_000
"""As upstream: more is 413."""


class _Failed(Exception):
    """The operation does not apply; the message says why."""


def apply(document: Any, patch: Any) -> Any:
    """The patched document; the inputs stay as they are.

    Raises ApiError: 400 for what is no patch, 413 over `MAX_OPERATIONS`, 422 when an operation does not apply.
    """
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise bad_request("json: cannot unmarshal JSON patch: an array of operations is expected")
    if len(patch) > MAX_OPERATIONS:
        raise too_large(f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}")
    result = clone(document)
    for operation in patch:
        try:
            result = _apply_one(result, operation)
        except _Failed as failure:
            raise _refused(str(failure)) from None
    return result


def _refused(why: str) -> ApiError:
    # k8s differs: it keeps the library's message to itself; the cause is added so that a student can see it.
    return ApiError(
        "Invalid",
        "the server rejected our request due to an error in our request",
        details={"causes": [{"reason": "UnexpectedServerResponse", "message": why}]},
    )


def _apply_one(document: Any, operation: dict[str, Any]) -> Any:
    name = operation.get("op")
    action = _OPERATIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise _Failed(f"Unexpected kind: {name}")
    path = operation.get("path")
    if not isinstance(path, str):
        raise _Failed("Unable to decode path field: missing value")
    return action(document, path, operation)


def _tokens(path: str) -> list[str]:
    if not path:
        return []
    if not path.startswith("/"):
        raise _Failed(f"path must start with '/': {path}: missing value")
    return [token.replace("~1", "/").replace("~0", "~") for token in path[1:].split("/")]


def _parent(document: Any, path: str, operation: str) -> tuple[Any, str]:
    *way, last = _tokens(path)
    node = document
    for token in way:
        try:
            node = _child(node, token)
        except _Failed:
            raise _Failed(
                f'{operation} operation does not apply: doc is missing path: "{path}": missing value'
            ) from None
    if not isinstance(node, dict | list):
        raise _Failed(f'{operation} operation does not apply: doc is missing path: "{path}": missing value')
    return node, last


def _child(node: Any, token: str) -> Any:
    if isinstance(node, dict):
        if token not in node:
            raise _Failed(f"Unable to get nonexistent key: {token}: missing value")
        return node[token]
    if isinstance(node, list):
        return node[_index(token, len(node))]
    raise _Failed(f"Unable to get key of a scalar: {token}: missing value")


def _index(token: str, length: int) -> int:
    """Where in a list of `length` the token points; negative counts from the end, as upstream's library allows."""
    digits = token[1:] if token.startswith("-") else token
    if not (digits.isascii() and digits.isdigit()):
        raise _Failed(f'strconv.Atoi: parsing "{token}": invalid syntax')
    index = int(token) + (length if token.startswith("-") else 0)
    if not 0 <= index < length:
        raise _Failed(f"Unable to access invalid index: {token}: invalid index referenced")
    return index


def _get(document: Any, path: str, operation: str) -> Any:
    if not path:
        return document
    parent, last = _parent(document, path, operation)
    return _child(parent, last)


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise _Failed(f"{operation['op']} operation: missing value")
    return clone(operation["value"])


def _add(document: Any, path: str, operation: dict[str, Any]) -> Any:
    return _insert(document, path, _value(operation), "add")


def _insert(document: Any, path: str, value: Any, operation: str) -> Any:
    if not path:
        return value
    parent, last = _parent(document, path, operation)
    if isinstance(parent, dict):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    else:
        parent.insert(_index(last, len(parent) + 1), value)
    return document


def _remove(document: Any, path: str, _: dict[str, Any]) -> Any:
    return _delete(document, path, "remove")


def _delete(document: Any, path: str, operation: str) -> Any:
    if not path:
        raise _Failed(f"{operation} operation does not apply: the whole document cannot be removed")
    parent, last = _parent(document, path, operation)
    if isinstance(parent, list):
        del parent[_index(last, len(parent))]
    elif last in parent:
        del parent[last]
    else:
        raise _Failed(
            f'error in {operation} for path: "{path}": Unable to remove nonexistent key: {last}: missing value'
        )
    return document


def _replace(document: Any, path: str, operation: dict[str, Any]) -> Any:
    value = _value(operation)
    if not path:
        return value
    parent, last = _parent(document, path, "replace")
    if isinstance(parent, list):
        parent[_index(last, len(parent))] = value
    elif last in parent:
        parent[last] = value
    else:
        raise _Failed(f"replace operation does not apply: doc is missing key: {path}: missing value")
    return document


def _source(operation: dict[str, Any]) -> str:
    source = operation.get("from")
    if not isinstance(source, str):
        raise _Failed(f"{operation['op']} operation: unable to decode from: missing value")
    return source


def _move(document: Any, path: str, operation: dict[str, Any]) -> Any:
    source = _source(operation)
    if path.startswith(f"{source}/"):
        raise _Failed(f'move operation does not apply: "{source}" is an ancestor of "{path}"')
    value = _get(document, source, "move")
    return _insert(_delete(document, source, "move"), path, value, "move")


def _copy(document: Any, path: str, operation: dict[str, Any]) -> Any:
    return _insert(document, path, clone(_get(document, _source(operation), "copy")), "copy")


def _test(document: Any, path: str, operation: dict[str, Any]) -> Any:
    expected = operation.get("value")
    try:
        found = _get(document, path, "test")
    except _Failed:
        if expected is None:
            return document
        raise
    if not same(found, expected):
        raise _Failed(f"testing value {path} failed: test failed")
    return document


def same(left: Any, right: Any) -> bool:
    """Equality of JSON trees. Python's own takes True for 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


_OPERATIONS: Final[dict[str, Callable[[Any, str, dict[str, Any]], Any]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
