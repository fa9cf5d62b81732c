"""Service `EtcdView`: what etcd holds and held, for administrators. Reading only; nothing here is cached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from apimachinery.errors import ApiError, bad_request, not_found
from apiserver.limits import ETCD_PAGE_KEYS
from apiserver.storage.etcd import Compacted, Entry, Etcd
from apiserver.storage.history import Past, history, written
from apiserver.storage.keys import parse
from apiserver.storage.told import object_in, resource_of, stored_in
from apiserver.watch.cacher import Cacher
from proto import etcd_view_pb2 as view
from proto import etcd_view_pb2_grpc
from wire.masking import masked
from wire.server import Service
from wire.span import Span
from wire.tls import require_admin
from wire.tracer import Tracer

NAME = view.DESCRIPTOR.services_by_name["EtcdView"].full_name
_ANSWER_POLLS: Final = 10
_ANSWER_POLL_SECONDS: Final = 0.01
WHAT: Final = "what etcd holds"


class EtcdViewService(etcd_view_pb2_grpc.EtcdViewServicer):
    """Methods mirror `proto/etcd_view.proto`."""

    def __init__(self, etcd: Etcd, cacher: Cacher, tracer: Tracer) -> None:
        self._tracer = tracer
        self._etcd = etcd
        self._cacher = cacher

    async def Keys(self, request: view.KeysRequest, context: Any) -> AsyncIterator[view.KeysPage]:
        require_admin(context, WHAT)
        prefix = request.prefix.encode()
        page = await self._etcd.page(prefix, limit=ETCD_PAGE_KEYS)
        revision = page.revision
        yield _page(revision, page.entries)
        while page.more:
            start = page.entries[-1].key + b"\x00"
            page = await self._etcd.page(prefix, start=start, limit=ETCD_PAGE_KEYS, revision=revision)
            yield _page(revision, page.entries)

    async def Get(self, request: view.GetRequest, context: Any) -> view.Revision:
        require_admin(context, WHAT)
        newest = await self._etcd.revision() if request.revision else 0
        if request.revision > newest:
            raise bad_request(f"revision {request.revision} is yet to come: the store is at {newest}")
        try:
            entry = await self._etcd.get(request.key.encode(), request.revision)
        except Compacted as error:
            raise ApiError(
                "Expired", f"revision {request.revision} is not in etcd's history any more: {error}"
            ) from None
        if entry is None:
            raise not_found("", "keys", request.key)
        past = Past(entry.key, entry.value, entry.revision, entry.created_revision, entry.version)
        return _revision(past, secrets=request.secrets)

    async def History(self, request: view.HistoryRequest, context: Any) -> AsyncIterator[view.Revision]:
        require_admin(context, WHAT)
        try:
            found = await history(self._etcd, request.key.encode())
        except Compacted as error:
            raise ApiError("Expired", f"etcd's history was cut while it was read: {error}; try again") from None
        for one in found:
            yield self._told(one, secrets=request.secrets)

    async def Watch(self, request: view.WatchRequest, context: Any) -> AsyncIterator[view.Revision]:
        require_admin(context, WHAT)
        async for one in written(self._etcd, request.prefix.encode()):
            yield await self._told_soon(one, secrets=request.secrets)

    async def _told_soon(self, past: Past, *, secrets: bool) -> view.Revision:
        """etcd's event may come before the answer to the transaction that it tells of, which knows its trace."""
        for _ in range(_ANSWER_POLLS):
            found = self._told(past, secrets=secrets)
            if found.traceparent or past.value is not None:
                break
            await asyncio.sleep(_ANSWER_POLL_SECONDS)  # real time: it is etcd that we wait for
        return found

    def _told(self, past: Past, *, secrets: bool) -> view.Revision:
        """A deletion leaves no value that could say whose it was: our own transaction knows, if it is not long ago."""
        found = _revision(past, secrets=secrets)
        if past.value is None:
            revision, key = str(past.revision), _text(past.key)
            spans = [one for one in self._tracer.spans() if one.attributes.get("revision") == revision]
            ours = next((one for one in spans if one.attributes.get("key") == key), None)
            if ours is not None:
                found.traceparent, found.writer = ours.traceparent, self._asker(ours)
        return found

    def _asker(self, span: Span) -> str:
        """Whose request a transaction was part of, "" if that came from another process or is forgotten."""
        spans = {one.span_id: one for one in self._tracer.related(frozenset({span.trace_id}))}
        above: Span | None = span
        while above is not None and "user" not in above.attributes:
            above = spans.get(above.parent_id)
        return above.attributes["user"] if above is not None else ""

    async def State(self, request: view.StateRequest, context: Any) -> view.StateResponse:
        require_admin(context, WHAT)
        revision = await self._etcd.revision()
        cacher = self._cacher
        return view.StateResponse(
            cluster_id=self._etcd.cluster_id,
            revision=revision,
            cache_cluster_id=cacher.cluster_id,
            cache_revision=cacher.revision,
            ready=cacher.ready.is_set() and cacher.connected,
        )


def _page(revision: int, entries: list[Entry]) -> view.KeysPage:
    return view.KeysPage(revision=revision, keys=[_key(entry) for entry in entries])


def _key(entry: Entry) -> view.Key:
    return view.Key(
        key=_text(entry.key),
        revision=entry.revision,
        created_revision=entry.created_revision,
        version=entry.version,
        size=len(entry.value),
    )


def _revision(past: Past, *, secrets: bool) -> view.Revision:
    stored = stored_in(past.value or b"")
    return view.Revision(
        key=_text(past.key),
        revision=past.revision,
        created_revision=past.created_revision,
        version=past.version,
        size=len(past.value or b""),
        deleted=past.value is None,
        writer=stored.writer,
        traceparent=stored.traceparent,
        raw=_shown(past.key, past.value, secrets=secrets),
        before_history=past.before_history,
        omitted=past.omitted,
        previous=_shown(past.key, past.previous, secrets=secrets),
    )


def _shown(key: bytes, value: bytes | None, *, secrets: bool) -> bytes:
    if not value:
        return b""
    raw, place = object_in(value), parse(key)
    return raw if secrets or place is None else masked(raw, resource_of(place.prefix))


def _text(key: bytes) -> str:
    return key.decode("utf-8", "replace")


def etcd_view_service(etcd: Etcd, cacher: Cacher, tracer: Tracer) -> Service:
    servicer = EtcdViewService(etcd, cacher, tracer)
    return Service(NAME, lambda server: etcd_view_pb2_grpc.add_EtcdViewServicer_to_server(servicer, server))
