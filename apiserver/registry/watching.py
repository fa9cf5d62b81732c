"""Watch: where a stream begins, what it tells, and when it ends."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple

import orjson

from apimachinery.changes import changes
from apimachinery.errors import ApiError, expired
from apiserver.limits import BOOKMARK_GRID_SECONDS, BOOKMARK_SECONDS, WATCH_BATCH, WATCH_TIMEOUT_SECONDS, WATCHERS
from apiserver.registry.objects import ObjectStore
from apiserver.registry.options import check_watch, revision_of, too_large
from apiserver.registry.request import ListOptions, Request, StoredObject, WatchEvent
from apiserver.registry.resource import Resource
from apiserver.registry.selection import Selection, selection_of
from apiserver.watch.alarms import Alarms
from apiserver.watch.events import CacheEvent, translate
from apiserver.watch.watcher import Watcher
from wire import trace
from wire.gates import TIMES, GateError, Subject
from wire.seams import Seams


class Start(NamedTuple):
    """How a watch begins: everything as ADDED first, or on from `revision`."""

    initial: bool
    revision: int
    bookmark: bool
    """Say when the initial events are through."""


async def watch_objects(
    store: ObjectStore, alarms: Alarms, seams: Seams, resource: Resource, request: Request
) -> AsyncIterator[list[WatchEvent]]:
    """Batches of events until the timeout, or until the watcher has fallen behind. Raises ApiError before the first."""
    options = request.query
    check_watch(options)
    selection = selection_of(request, resource)
    if store.cacher.watching >= WATCHERS:
        raise ApiError("TooManyRequests", f"there are {WATCHERS} watches already", details={"retryAfterSeconds": 1})
    start = await _start(store, options)
    cache = store.cache(resource)
    # From here to `attach` nothing awaits: the snapshot and what follows it fit together without a gap.
    backlog = [] if start.initial else cache.since(start.revision)
    if backlog is None:
        message = f"too old resource version: {start.revision} ({cache.horizon})"
        yield [WatchEvent("ERROR", None, start.revision, error=expired(message))]
        return
    snapshot = list(cache.range(selection.namespace)) if start.initial else []
    begin = store.cacher.revision if start.initial else max(start.revision, store.cacher.revision)
    watcher = Watcher(selection.scope(), begin)
    cache.attach(watcher)
    store.cacher.watching += 1
    try:
        stream = _Stream(store, alarms, seams, selection, watcher, request)
        async for batch in stream.run(start, snapshot, backlog, begin):
            yield batch
    finally:
        cache.detach(watcher)
        store.cacher.watching -= 1


async def _start(store: ObjectStore, options: ListOptions) -> Start:
    """Waits until the cache is as new as the request needs. Raises ApiError 503 while there is none."""
    wanted, unset = revision_of(options.resource_version), options.resource_version in ("", "0")
    asked = options.send_initial_events
    initial = unset if asked is None else asked
    if asked is not None and not asked and unset:
        initial = False
    try:
        if options.resource_version == "":
            await store.cacher.catch_up()
        else:
            # A watch may begin in the future, but not before the cache is filled: it would miss what that brings.
            await store.cacher.wait_for(wanted if initial else 0)
    except TimeoutError:
        raise too_large(wanted, store.cacher.revision) from None
    revision = store.cacher.revision if unset else wanted
    return Start(initial, revision, bool(asked) and options.allow_watch_bookmarks)


class _Stream:
    """One watch under way."""

    def __init__(
        self,
        store: ObjectStore,
        alarms: Alarms,
        seams: Seams,
        selection: Selection,
        watcher: Watcher,
        request: Request,
    ) -> None:
        self._store = store
        self._alarms = alarms
        self._seams = seams
        self._matches = selection.matches if selection.selective or selection.namespace else None
        self._kind = selection.resource.kind
        self._edge = f"apiwatch:{selection.resource.name}"
        self._watcher = watcher
        self._to = request.user.name
        self._bookmarks = request.query.allow_watch_bookmarks
        lifetime = request.query.timeout_seconds or WATCH_TIMEOUT_SECONDS * (1 + random.random())
        self._deadline = seams.clock.time() + lifetime

    async def run(
        self, start: Start, snapshot: list[StoredObject], backlog: list[CacheEvent], begin: int
    ) -> AsyncIterator[list[WatchEvent]]:
        chosen = [obj for obj in snapshot if self._matches is None or self._matches(obj)]
        for at in range(0, len(chosen), WATCH_BATCH):
            events = [WatchEvent("ADDED", obj, obj.revision) for obj in chosen[at : at + WATCH_BATCH]]
            if passed := await self._through_gate(events):
                yield passed
        if start.bookmark:
            yield [WatchEvent("BOOKMARK", None, begin, initial_events_end=True)]
        if passed := await self._through_gate(self._translated(backlog)):
            yield passed
        async for batch in self._live():
            yield batch

    async def _live(self) -> AsyncIterator[list[WatchEvent]]:
        bookmark_at = self._arm(self._seams.clock.time())
        while True:
            events = await self._watcher.take()
            if passed := await self._through_gate(self._translated(events)):
                yield passed
            if events:
                continue
            if self._watcher.ended:
                if self._watcher.expired:
                    error = expired("too old resource version: the store was restored")
                    yield [WatchEvent("ERROR", None, 0, error=error)]
                return
            now = self._seams.clock.time()
            if now >= self._deadline:
                return
            if now >= bookmark_at:
                if self._bookmarks:
                    yield [WatchEvent("BOOKMARK", None, self._store.cacher.revision)]
                bookmark_at = self._arm(now)

    def _arm(self, now: float) -> float:
        """Have the alarm clock poke the watcher at its next bookmark or its end, whichever is first.

        Bookmarks of all watches fall on few moments, so that whoever steps the clock does not stop at each.
        """
        bookmark_at = self._deadline
        if self._bookmarks:
            bookmark_at = math.ceil(now / BOOKMARK_GRID_SECONDS) * BOOKMARK_GRID_SECONDS + BOOKMARK_SECONDS
        self._alarms.set(min(bookmark_at, self._deadline), self._watcher)
        return bookmark_at

    def _translated(self, events: list[CacheEvent]) -> list[WatchEvent]:
        return [found for event in events if (found := translate(event, self._matches)) is not None]

    async def _through_gate(self, events: list[WatchEvent]) -> list[WatchEvent]:
        if self._seams.gates.passes_freely(self._edge, len(events)):
            return events
        passed: list[WatchEvent] = []
        for event in events:
            assert event.object is not None
            trace.attach(event.object.traceparent)  # what a held event belongs to
            subject = Subject(self._kind, event.object.namespace, event.object.name)
            try:
                verdict = await self._seams.gates.pass_through(self._edge, subject, partial(_told, event, self._to))
            except GateError as error:
                passed.append(WatchEvent("ERROR", None, event.revision, error=ApiError("InternalError", str(error))))
                self._watcher.end()
                break
            passed.extend([event] * TIMES[verdict])
        return passed


def _told(event: WatchEvent, to: str) -> str:
    """Of a held event: whom it would reach, who wrote it, and what it changes."""
    writer = event.object.writer if event.object is not None else ""
    told = f"{event.type} to {to}, revision {event.revision}" + (f", written by {writer}" if writer else "")
    if event.object is None or event.previous is None:
        return told
    changed = changes(orjson.loads(event.previous.raw), orjson.loads(event.object.raw))
    return f"{told}: {changed or '(nothing but bookkeeping)'}"
