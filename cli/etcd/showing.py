"""Keys as a tree, values decoded, revisions with what they changed. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cli.diffs import diff
from cli.wiretap.showing import size
from proto.etcd_view_pb2 import Key, Revision
from wire.span import trace_id


class Branch:
    """One part of the keys: what lies below it, and the key that ends here."""

    def __init__(self) -> None:
        self.below: dict[str, Branch] = {}
        self.key: Key | None = None

    def grow(self, parts: list[str], key: Key) -> None:
        branch = self
        for part in parts:
            branch = branch.below.setdefault(part, Branch())
        branch.key = key

    @property
    def keys(self) -> int:
        return (self.key is not None) + sum(one.keys for one in self.below.values())

    @property
    def bytes(self) -> int:
        return (self.key.size if self.key is not None else 0) + sum(one.bytes for one in self.below.values())


def tree(keys: Iterable[Key], revision: int, depth: int = 0) -> list[str]:
    """With `depth`, branches below that many parts are only counted."""
    root = Branch()
    for key in keys:
        root.grow([part for part in key.key.split("/") if part], key)
    if not root.below:
        return [f"no keys (store at revision {revision})"]
    lines = list(_branches(root, "", depth, 1))
    return [*lines, "", f"{_keys(root.keys)}, {size(root.bytes)}, store at revision {revision}"]


def _branches(branch: Branch, indent: str, depth: int, level: int) -> Iterator[str]:
    for number, (part, below) in enumerate(branch.below.items(), 1):
        last = number == len(branch.below)
        yield f"{indent}{'└── ' if last else '├── '}{part}{_told(below)}"
        if not depth or level < depth:
            yield from _branches(below, indent + ("    " if last else "│   "), depth, level + 1)


def _told(branch: Branch) -> str:
    if branch.key is not None:
        key = branch.key
        changed = f" changed {key.version - 1} times," if key.version > 1 else ""
        return f"  rev {key.revision},{changed} {size(key.size)}"
    return f"  ({_keys(branch.keys)}, {size(branch.bytes)})"


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"


def value(one: Revision) -> str:
    """One key, decoded."""
    head = [
        f"key:      {one.key}",
        f"revision: {one.revision} (created at {one.created_revision}, write {one.version})",
    ]
    head += [f"size:     {size(one.size)}"]
    if one.writer or one.traceparent:
        head += [f"writer:   {one.writer or 'unknown'}", f"trace:    {trace_id(one.traceparent) or 'none'}"]
    return "\n".join([*head, "", pretty(one.raw)])


def pretty(raw: bytes) -> str:
    decoded = tree_of(raw)
    return json.dumps(decoded, indent=2, ensure_ascii=False) if decoded is not None else repr(raw)


def tree_of(raw: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


def revisions(history: Iterable[Revision]) -> Iterator[str]:
    """One paragraph for each, with what it changed."""
    before: Revision | None = None
    for one in history:
        if one.omitted:
            yield f"... {one.omitted} older revisions are left out"
        yield from revision(one, before.raw if before is not None else b"", first=before is None)
        before = None if one.deleted else one


def revision(one: Revision, before: bytes, *, first: bool = False) -> Iterator[str]:
    yield f"rev {one.revision}  {_what(one)}  {_who(one)}".rstrip()
    if one.deleted:
        return
    if before:
        was, now = tree_of(before), tree_of(one.raw)
        changes = diff(was, now) if was is not None else [f"~ {before!r} -> {one.raw!r}"]
        yield from (f"    {line}" for line in changes or ["(nothing but bookkeeping)"])
    elif first and one.before_history:
        yield "    (what came before was compacted)"


def event(one: Revision) -> list[str]:
    """One line of `watch`, with the key, and what changed."""
    head, *rest = revision(one, one.previous)
    first, _, others = head.partition("  ")
    return [f"{first}  {one.key}  {others}", *rest]


def _what(one: Revision) -> str:
    if one.deleted:
        return "DELETED"
    return f"{'CREATED' if one.version == 1 else f'write {one.version}'}, {size(one.size)}"


def _who(one: Revision) -> str:
    trace = trace_id(one.traceparent)
    told = f"trace {trace}" if trace else ""
    # etcd keeps no value with a deletion, and so nothing about who did it: only the apiserver's memory may know.
    writer = one.writer or ("" if one.deleted else "unknown")
    return "  ".join(part for part in (writer and f"by {writer}", told) if part)
