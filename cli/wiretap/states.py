"""What each write changed: from the state before it, as etcd's transaction or an earlier message shows it."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any, Final

from cli.diffs import diff
from proto.debug_pb2 import WireMessage
from wire.rules import fold_kind

STATES: Final = 2000  # objects, and writes, remembered


class States:
    """Say every message to it, in order of time, whether it is shown or not."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str, str], Any] = OrderedDict()
        self._writes: OrderedDict[int, tuple[Any, Any]] = OrderedDict()  # before and after, by revision

    def changes(self, message: WireMessage) -> list[str] | None:
        """None for a message that is no write and no event, or where the state before is not known."""
        write = self._write(message)
        if not _is_change(message):
            return None
        before, after = write
        if before is None or after is None:
            return _patch(message)
        return diff(before, after)

    def _write(self, message: WireMessage) -> tuple[Any, Any]:
        """States before and after. Whoever tells first of a revision (its transaction, most often) tells for all."""
        revision = _revision(message)
        known = self._writes.get(revision) if not message.failed else None
        if known is not None and known[0] is not None:
            return known
        key = (fold_kind(message.kind), message.namespace, message.name)
        last, after = self._last.get(key), _after(message)
        if after is None or (last is not None and last.get("kind") != after.get("kind")):
            return None, None  # such as a Scale, which is another view of the object
        before = _tree(message.before) or last
        _remember(self._last, key, after)
        if revision and _is_change(message):
            _remember(self._writes, revision, (before, after))
        return before, after


def _remember(where: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    where[key] = value
    where.move_to_end(key)
    while len(where) > STATES:
        where.popitem(last=False)


def _tree(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _after(message: WireMessage) -> Any:
    if message.failed:
        return None
    tree = _tree(message.request if message.method == "etcd/Txn" else message.response)
    return tree if isinstance(tree, dict) and "metadata" in tree and "items" not in tree else None


def _revision(message: WireMessage) -> int:
    if message.revision:
        return message.revision
    tree = _tree(message.response)
    metadata = tree.get("metadata") if isinstance(tree, dict) else None
    text = str((metadata or {}).get("resourceVersion") or "0")
    return int(text) if text.isdigit() else 0


def _is_change(message: WireMessage) -> bool:
    word = message.detail.partition(" ")[0].upper()
    return word in ("PATCH", "UPDATE", "PUT", "MODIFIED") or message.method.startswith(("PATCH ", "PUT "))


def _patch(message: WireMessage) -> list[str] | None:
    """The change itself, as it was asked for."""
    tree = _tree(message.request)
    if message.method == "etcd/Txn" or tree is None or "PATCH" not in f"{message.method} {message.detail}":
        return None
    return [f"patch {json.dumps(tree, ensure_ascii=False)}"]
