"""Watch as a chunked answer: one line of JSON per event (or one frame of protobuf), spliced, never re-encoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final

import orjson

from apimachinery.errors import ApiError
from apimachinery.resources import GVK
from apiserver.codec import protobuf
from apiserver.http.limits import WATCH_FIRST_SECONDS
from apiserver.http.message import JSON_TYPE, StreamResponse
from apiserver.http.negotiate import PROTOBUF_TYPE
from apiserver.http.views import View
from apiserver.registry.request import WatchEvent

JSON = dict[str, Any]
Batches = AsyncIterator[list[WatchEvent]]

_END_OF_INITIAL: Final = {"k8s.io/initial-events-end": "true"}


async def watch_response(
    batches: Batches, view: View, ended: Callable[[], None], tell: Callable[[list[WatchEvent]], None]
) -> StreamResponse:
    """Begin a watch. A refusal that comes at once is raised, with its own HTTP status; one that comes later, when the
    client has long been told 200, is an ERROR event. `tell` is called with all that is sent, `ended` once, when the
    stream is over."""
    first = asyncio.ensure_future(anext(batches, None))
    try:
        await asyncio.wait((first,), timeout=WATCH_FIRST_SECONDS)
        if first.done() and (error := first.exception()) is not None:
            raise error
    except BaseException:
        first.cancel()
        ended()
        raise
    proto = view.form.media == PROTOBUF_TYPE
    encode = ProtobufEvents(view).encode if proto else JsonEvents(view).encode
    media = f"{PROTOBUF_TYPE};stream=watch" if proto else JSON_TYPE
    return StreamResponse(_stream(first, batches, encode, ended, tell), media)


async def _stream(
    first: asyncio.Future[list[WatchEvent] | None],
    batches: Batches,
    encode: Callable[[list[WatchEvent]], bytes],
    ended: Callable[[], None],
    tell: Callable[[list[WatchEvent]], None],
) -> AsyncIterator[bytes]:
    try:
        async with aclosing(batches) as rest:  # type: ignore[type-var]
            batch = await first
            while batch is not None:
                tell(batch)
                yield encode(batch)
                batch = await anext(rest, None)
    except ApiError as error:
        last = [WatchEvent("ERROR", None, 0, error=error)]
        tell(last)
        yield encode(last)
    finally:
        first.cancel()
        ended()


class JsonEvents:
    """One line per event."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._columns_sent = False
        self._plain = not view.form.kind

    def encode(self, batch: list[WatchEvent]) -> bytes:
        parts: list[bytes] = []
        for event in batch:
            parts += (b'{"type":"', event.type.encode(), b'","object":', self._object(event), b"}\n")
        return b"".join(parts)

    def _object(self, event: WatchEvent) -> bytes:
        if event.error is not None:
            return orjson.dumps(event.error.to_status())
        raw = event.object.raw if event.object is not None else orjson.dumps(bookmark(self._view.gvk, event))
        if self._plain:
            return raw
        if self._view.form.kind == "Table":
            return self._table(event, raw)
        return self._view.partial(raw)

    def _table(self, event: WatchEvent, raw: bytes) -> bytes:
        """Column definitions are told once."""
        view, metadata = self._view, {"resourceVersion": str(event.revision)}
        first, self._columns_sent = not self._columns_sent, True
        if event.object is not None:
            return view.table([raw], metadata, with_columns=first)
        table = orjson.loads(view.table([], metadata, with_columns=first))
        cells = [""] * len(view.tables.columns(view.gvk))
        return orjson.dumps({**table, "rows": [view.row(cells, raw)]})


class ProtobufEvents:
    """One length-prefixed frame per event, for clients who take nothing else."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._json = JsonEvents(view)

    def encode(self, batch: list[WatchEvent]) -> bytes:
        return b"".join(self._frame(event) for event in batch)

    def _frame(self, event: WatchEvent) -> bytes:
        tree = orjson.loads(self._json._object(event))
        gvk = self._view.gvk
        if event.error is not None:
            gvk = GVK("", "v1", "Status")
        elif self._view.form.kind:
            gvk = GVK("meta.k8s.io", self._view.form.version, tree["kind"])
        return protobuf.encode_watch_event(event.type, gvk, tree)


def bookmark(gvk: GVK, event: WatchEvent) -> JSON:
    """An object of the right kind that says nothing but how far the stream has come."""
    metadata: JSON = {"resourceVersion": str(event.revision)}
    if event.initial_events_end:
        metadata["annotations"] = _END_OF_INITIAL
    return {"kind": gvk.kind, "apiVersion": gvk.api_version, "metadata": metadata}
