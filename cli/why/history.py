"""What etcd remembers of an object that is gone or going, and what it still holds in a namespace on its way out."""

from __future__ import annotations

import json
from typing import Final

from cli.errors import UserError
from cli.etcd.connection import Stub, open_view
from cli.kinds import etcd_key
from cli.objects import Ref
from cli.why.evidence import JSON, Left, Past
from proto import etcd_view_pb2 as view
from wire.span import trace_id

LEFT_TOLD: Final = 8  # keys of a namespace that are looked into


async def past_of(name: str, ref: Ref) -> Past | None:
    """None if there is nothing in etcd's history, or nobody to ask."""
    key = etcd_key("/".join(part for part in (ref.gvr.resource, ref.namespace, ref.name) if part))
    try:
        async with open_view(name) as stub:
            found = [one async for one in stub.History(view.HistoryRequest(key=key))]
    except UserError:
        return None  # the apiserver is away, which is told elsewhere
    return past(found)


def past(history: list[view.Revision]) -> Past | None:
    if not history:
        return None
    marked = next((one for one in history if not one.deleted and _is_marked(one.raw)), None)
    if marked is history[0] and marked.version > 1:
        marked = None  # the write that marked it is compacted: this one only kept the mark
    last = history[-1]
    states = [one for one in history if not one.deleted]
    newest = last if last.deleted and last.traceparent else marked
    return Past(
        marked=marked.revision if marked else 0,
        asked_by=marked.writer if marked else last.writer if last.deleted else "",
        gone=last.revision if last.deleted else 0,
        trace=trace_id(newest.traceparent) if newest else "",
        last=json.loads(states[-1].raw) if states else None,
    )


def _is_marked(raw: bytes) -> bool:
    return bool(json.loads(raw)["metadata"].get("deletionTimestamp"))


async def left_in(name: str, ref: Ref, obj: JSON | None) -> list[Left]:
    """Of a namespace that is being deleted."""
    if ref.gvr.resource != "namespaces" or obj is None or not obj["metadata"].get("deletionTimestamp"):
        return []
    try:
        async with open_view(name) as stub:
            pages = [page async for page in stub.Keys(view.KeysRequest())]
            keys = [key.key for page in pages for key in page.keys if is_within(key.key, ref.name)]
            return [await _looked_into(stub, key) for key in keys[:LEFT_TOLD]] + [Left(key) for key in keys[LEFT_TOLD:]]
    except UserError:
        return []  # as above


def is_within(key: str, namespace: str) -> bool:
    """`/registry/.../NAMESPACE/NAME`, whatever is between."""
    parts = key.split("/")
    return len(parts) >= 5 and parts[-2] == namespace


async def _looked_into(stub: Stub, key: str) -> Left:
    found = await stub.Get(view.GetRequest(key=key))
    tree: JSON = json.loads(found.raw)
    return Left(key, tuple(tree.get("metadata", {}).get("finalizers") or ()))
