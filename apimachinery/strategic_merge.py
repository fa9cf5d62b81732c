"""Strategic merge patch: merge by the schema's patch strategies and merge keys.

Directives: `$patch: replace|delete|merge`, `$retainKeys`, `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`.
Contract: "Update API Objects in Place Using kubectl patch" and the strategic-merge-patch design proposal. The order of
a merged list: items the patch names stand in the patch's order, the others keep the server's order around them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from apimachinery.errors import ApiError, bad_request, internal
from apimachinery.json_patch import same
from apimachinery.merge_patch import clone

JSON = dict[str, Any]

PATCH: Final = "$patch"
RETAIN_KEYS: Final = "$retainKeys"
SET_ORDER: Final = "$setElementOrder/"
DELETE_PRIMITIVES: Final = "$deleteFromPrimitiveList/"


class PatchSchema(Protocol):
    """What a merge needs to know of a field."""

    @property
    def patch_strategy(self) -> str:
        """`merge`, `replace`, `retainKeys`, two of them joined by a comma, or empty."""

    @property
    def merge_key(self) -> str:
        """The field that tells a list's items apart; empty for a list of scalars."""

    @property
    def items(self) -> PatchSchema | None:
        """The schema of a list's items."""

    def property(self, name: str, /) -> PatchSchema | None:
        """The schema of an object's field, or of any value of a map."""


def apply(document: JSON, patch: JSON, schema: PatchSchema | None) -> JSON:
    """The patched document. Neither input changes; the result shares nothing with the patch.

    Raises ApiError: 400 for a malformed directive, 422 for a patch that contradicts itself, 500 (as upstream) for a
    list item without its merge key.
    """
    return _merge_map(document, patch, schema)


def _merge_map(original: JSON, patch: JSON, schema: PatchSchema | None) -> JSON:
    directive = patch.get(PATCH)
    if directive == "delete":
        return {}
    if directive == "replace":
        return {key: _without_directives(value) for key, value in patch.items() if not _is_directive(key)}
    if directive not in (None, "merge"):
        raise internal(f"unknown patch type: {directive} in map: {patch}")
    result = _retained(original, patch)
    ordered = _merge_ordered_lists(result, patch, schema)
    for key, value in patch.items():
        if key in ordered or key in (PATCH, RETAIN_KEYS) or key.startswith(SET_ORDER):
            continue
        if key.startswith(DELETE_PRIMITIVES):
            _delete_primitives(result, key.removeprefix(DELETE_PRIMITIVES), value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_value(result.get(key), value, schema.property(key) if schema else None)
    return result


def _merge_value(original: Any, patch: Any, schema: PatchSchema | None) -> Any:
    strategy = _strategy(schema)
    if isinstance(original, dict) and isinstance(patch, dict):
        return _without_directives(patch) if strategy == "replace" else _merge_map(original, patch, schema)
    if isinstance(original, list) and isinstance(patch, list) and strategy == "merge":
        return _merge_list(original, patch, schema)
    return _without_directives(patch)


def _strategy(schema: PatchSchema | None) -> str:
    """The strategy apart from retainKeys, which is the directive's own business."""
    if schema is None:
        return ""
    return next((part for part in schema.patch_strategy.split(",") if part != "retainKeys"), "")


# --- directives ------------------------------------------------------------------------------------------------------


def _retained(original: JSON, patch: JSON) -> JSON:
    """A copy of `original` with only the fields `$retainKeys` lists."""
    if RETAIN_KEYS not in patch:
        return dict(original)
    keys = patch[RETAIN_KEYS]
    if not isinstance(keys, list):
        raise bad_request("invalid patch format of retainKeys")
    for key, value in patch.items():
        if value is not None and key not in keys and not key.startswith("$"):
            raise _contradiction("patch content doesn't match retainKeys list")
    return {key: value for key, value in original.items() if key in keys}


def _delete_primitives(result: JSON, key: str, values: Any) -> None:
    if not isinstance(values, list):
        raise bad_request("invalid patch format of primitive list")
    current = result.get(key)
    if isinstance(current, list):
        result[key] = [item for item in current if not _contains(values, item)]


def _without_directives(value: Any) -> Any:
    """A copy of a new value with nothing of the patch language left in it; nulls mean absent."""
    if isinstance(value, dict):
        return {
            key: _without_directives(item)
            for key, item in value.items()
            if item is not None and not _is_directive(key) and not _deletes(item)
        }
    if isinstance(value, list):
        return [_without_directives(item) for item in value if not (isinstance(item, dict) and _marks(item))]
    return value


def _is_directive(key: str) -> bool:
    return key in (PATCH, RETAIN_KEYS) or key.startswith((SET_ORDER, DELETE_PRIMITIVES))


def _deletes(value: Any) -> bool:
    return isinstance(value, dict) and value.get(PATCH) == "delete"


def _marks(item: JSON) -> bool:
    """Whether a list item is there only for its directive."""
    return item.get(PATCH) in ("delete", "replace")


def _contradiction(why: str) -> ApiError:
    return ApiError(
        "Invalid",
        "the server rejected our request due to an error in our request",
        details={"causes": [{"reason": "UnexpectedServerResponse", "message": why}]},
    )


# --- lists -----------------------------------------------------------------------------------------------------------


def _merge_ordered_lists(result: JSON, patch: JSON, schema: PatchSchema | None) -> set[str]:
    """Merge every list that has a `$setElementOrder`; gives the names of those done."""
    done: set[str] = set()
    for directive, order in patch.items():
        if not directive.startswith(SET_ORDER):
            continue
        key = directive.removeprefix(SET_ORDER)
        if not isinstance(order, list):
            raise bad_request("invalid patch format of setElementOrder list")
        merged = _merge_ordered(result.get(key), patch.get(key), order, schema.property(key) if schema else None)
        if merged is not None:
            result[key] = merged
            done.add(key)
    return done


def _merge_ordered(original: Any, patch: Any, order: list[Any], schema: PatchSchema | None) -> list[Any] | None:
    """The merged list in the order asked for, or None where there is no list to order."""
    if not isinstance(original, list | None) or not isinstance(patch, list | None):
        raise bad_request("invalid patch format of setElementOrder list")
    if original is None and patch is None:
        return None
    merge_key = schema.merge_key if schema else ""
    _check_order(patch or [], order, merge_key)
    if patch is None:
        merged = list(original or [])
    elif original is None:
        merged = _without_directives(patch)
    else:
        merged = _merge_value(original, patch, schema)
    return _in_order(merged, order, original or [], merge_key)


def _merge_list(original: list[Any], patch: list[Any], schema: PatchSchema | None) -> list[Any]:
    if not any(isinstance(item, dict) for item in (*original, *patch)):
        merged = _distinct([*original, *patch])
        return _in_order(merged, patch, original, "")
    merge_key = schema.merge_key if schema else ""
    if not merge_key:
        raise internal("cannot merge lists without merge key")
    original, patch, replaced = _obey_item_directives(original, patch, merge_key)
    if replaced:
        return _without_directives(patch)  # type: ignore[no-any-return]
    merged = list(original)
    for item in patch:
        index = _index_of(merged, item, merge_key)
        if index < 0:
            merged.append(_without_directives(item))
        else:
            merged[index] = _merge_map(merged[index], item, schema.items if schema else None)
    return _in_order(merged, patch, original, merge_key)


def _obey_item_directives(original: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any], bool]:
    """(what the patch leaves of the original, the patch's plain items, whether they replace the list)."""
    replaced = any(isinstance(item, dict) and item.get(PATCH) == "replace" for item in patch)
    plain: list[Any] = []
    for item in patch:
        _key_of(item, merge_key, required=not replaced)
        directive = item.get(PATCH)
        if directive == "delete":
            original = [kept for kept in original if not same(_key_of(kept, merge_key), item[merge_key])]
        elif directive in (None, "merge"):
            plain.append({key: value for key, value in item.items() if key != PATCH})
        elif directive != "replace":
            raise internal(f"unknown patch type: {directive} in map: {item}")
    return original, plain, replaced


def _key_of(item: Any, merge_key: str, *, required: bool = True) -> Any:
    if not isinstance(item, dict):
        raise internal(f"expected a map in a list merged by {merge_key}, got {type(item).__name__}")
    if required and merge_key not in item:
        raise internal(f"map: {item} does not contain declared merge key: {merge_key}")
    return item.get(merge_key)


def _index_of(items: Iterable[Any], wanted: Any, merge_key: str) -> int:
    identity = _key_of(wanted, merge_key) if merge_key else wanted
    for index, item in enumerate(items):
        if same(_key_of(item, merge_key) if merge_key else item, identity):
            return index
    return -1


def _contains(items: list[Any], wanted: Any) -> bool:
    return any(same(item, wanted) for item in items)


def _distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if not _contains(found, item):
            found.append(clone(item))
    return found


def _check_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """Every item that the patch sets must stand in the order list, and in that order."""
    if not order:
        return
    position = 0
    for item in patch:
        if isinstance(item, dict) and PATCH in item:
            continue
        offset = _index_of(order[position:], item, merge_key)
        if offset < 0:
            raise internal(
                f"The order in patch list:\n{patch}\n doesn't match {SET_ORDER.removesuffix('/')} list:\n{order}\n"
            )
        position += offset + 1


def _in_order(merged: list[Any], order: list[Any], server: list[Any], merge_key: str) -> list[Any]:
    """Weave the items in `order` (sorted by it) with the server's others (sorted as the server had them).

    Where two heads compete, the server's own goes first only if both stood in the server's list in that order.
    """
    named = [(index, item) for item in merged if (index := _index_of(order, item, merge_key)) >= 0]
    patched = [item for _, item in sorted(named, key=lambda pair: pair[0])]
    others = [item for item in merged if _index_of(order, item, merge_key) < 0]
    others.sort(key=lambda item: _index_of(server, item, merge_key))
    result: list[Any] = []
    while patched and others:
        left, right = (_index_of(server, queue[0], merge_key) for queue in (others, patched))
        result.append(others.pop(0) if 0 <= left < right else patched.pop(0))
    return result + others + patched
