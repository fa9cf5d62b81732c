"""An apiserver in memory, behind the very interface of `ApiClient`, for tests.

It keeps the rules a component can notice: revisions, conflicts, merge patches, the status subresource, generations,
finalizers and graceful pod deletion, preconditions, selectors, watches that resume, expire and break. It has no
authorization, defaulting or validation. tests/contract/test_api_client.py runs over it and over the real one.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from apimachinery.clock import Clock
from apimachinery.errors import ApiError, expired, unavailable
from apimachinery.fields import parse_field_selector
from apimachinery.resources import split_api_version
from apimachinery.selectors import parse_label_selector
from client.api import ApiClient, PatchType
from client.fake_store import Change, FakeStore
from proto import api_pb2
from wire import trace
from wire.errors import to_proto

JSON = dict[str, Any]
_Event = api_pb2.WatchEvent
_Verb = api_pb2.WriteRequest.Verb
_SUCCESS = api_pb2.Object(version="v1", kind="Status", raw=b'{"kind":"Status","apiVersion":"v1","status":"Success"}')


class FakeApi(ApiClient):
    """`FakeApi(clock)`. `server` is the other side: break it, compact it, look into it."""

    def __init__(self, clock: Clock | None = None, *, writer: str = "test") -> None:
        self.server = FakeServer(FakeStore(clock or Clock(), writer))
        self._transport = self.server


class FakeServer:
    """A Transport that answers by itself."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.writes: list[tuple[str, str, str]] = []
        """(verb, resource or resource/subresource, namespace/name), as they came."""
        self._down = False
        self._failures: list[tuple[str, str, ApiError]] = []
        self._held: dict[str, asyncio.Event] = {}
        self._watchers: dict[asyncio.Queue[Change | None], None] = {}

    # --- what tests do to it -----------------------------------------------------------------------------------------

    def go_down(self) -> None:
        """Refuse everything and break every watch, until `come_up`."""
        self._down = True
        self.break_watches()

    def come_up(self) -> None:
        self._down = False

    def break_watches(self) -> None:
        for watcher in self._watchers:
            watcher.put_nowait(None)

    def compact(self) -> None:
        """Forget history: watches that resume from before now get 410."""
        self.store.compact()

    def fail_next(self, verb: str, resource: str, error: ApiError) -> None:
        """Refuse the next such write (`verb` in create, update, patch, delete) with `error`."""
        self._failures.append((verb, resource, error))

    def hold_writes(self, resource: str) -> Callable[[], None]:
        """Take effect and answer, for a resource or `resource/subresource`, only once what this gives is called."""
        event = self._held[resource] = asyncio.Event()
        return event.set

    # --- Transport ---------------------------------------------------------------------------------------------------

    async def get(self, request: api_pb2.GetRequest) -> api_pb2.Object:
        self._check_up()
        change = self.store.read(request.resource, request.namespace, request.name)
        return to_object(change)

    async def list(self, request: api_pb2.ListRequest) -> AsyncIterator[api_pb2.ListPage]:
        self._check_up()
        selected = [to_object(one) for one in self.store.all(request.resource) if _selects(request, one.tree)]
        yield api_pb2.ListPage(resource_version=self.store.revision, items=selected)

    async def watch(self, request: api_pb2.WatchRequest) -> AsyncIterator[api_pb2.WatchBatch]:
        self._check_up()
        changes: asyncio.Queue[Change | None] = asyncio.Queue()
        if request.send_initial_events or not request.resource_version:
            first = self._initial(request)
        elif request.resource_version < self.store.compacted:
            refused = expired(f"too old resource version: {request.resource_version} ({self.store.compacted})")
            yield api_pb2.WatchBatch(events=[_Event(type=_Event.ERROR, status=to_proto(refused))])
            return
        else:
            first = [self._since(request)]
        self._watchers[changes] = None
        self.store.listeners.append(changes.put_nowait)
        try:
            for events in filter(None, first):
                yield api_pb2.WatchBatch(events=events)
                await asyncio.sleep(0)  # as over a wire: what is between two batches of the first answer can be seen
            while (change := await changes.get()) is not None:
                if event := _event(request, change):
                    yield api_pb2.WatchBatch(events=[event])
            raise unavailable("apiserver: connection lost")
        finally:
            del self._watchers[changes]
            self.store.listeners.remove(changes.put_nowait)

    async def write(self, request: api_pb2.WriteRequest) -> api_pb2.Object:
        self._check_up()
        await asyncio.sleep(0)
        verb = _Verb.Name(request.verb).lower()
        self._note(verb, request)
        if held := self._held.get(self.writes[-1][1]):
            await held.wait()
        body = msgspec.json.decode(request.body) if request.body else None
        traceparent = request.traceparent or trace.current()
        change = self._apply(verb, request, body, traceparent)
        return _SUCCESS if request.subresource in ("binding", "eviction") else to_object(change)

    async def aclose(self) -> None:
        self.break_watches()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check_up(self) -> None:
        if self._down:
            raise unavailable("apiserver: connection refused")

    def _note(self, verb: str, request: api_pb2.WriteRequest) -> None:
        """Write down who asked for what; fail if a test wanted that."""
        resource = request.resource.resource + (f"/{request.subresource}" if request.subresource else "")
        self.writes.append((verb, resource, f"{request.namespace}/{request.name}"))
        for planned in self._failures:
            if planned[:2] == (verb, resource):
                self._failures.remove(planned)
                raise planned[2]

    def _apply(self, verb: str, request: api_pb2.WriteRequest, body: Any, traceparent: str) -> Change:
        where = (request.resource, request.namespace, request.name)
        if verb == "create" and request.subresource == "binding":
            return self.store.bind(*where, body, traceparent)
        if verb == "create" and request.subresource == "eviction":
            return self.store.delete(*where, body.get("deleteOptions") or {}, traceparent)
        if verb == "create":
            return self.store.create(request.resource, request.namespace, body, traceparent)
        if verb == "update":
            return self.store.update(*where, body, request.subresource, traceparent)
        if verb == "patch":
            patch_type = PatchType(request.patch_type)
            return self.store.patch(*where, body, patch_type, request.subresource, traceparent)
        return self.store.delete(*where, body or {}, traceparent)

    def _initial(self, request: api_pb2.WatchRequest) -> builtins.list[builtins.list[api_pb2.WatchEvent]]:
        """What there is, and that this is all, in a batch of its own."""
        events = [
            _Event(type=_Event.ADDED, object=to_object(one))
            for one in self.store.all(request.resource)
            if _selects(request, one.tree)
        ]
        end = api_pb2.Object(resource_version=self.store.revision)
        return [events, [_Event(type=_Event.BOOKMARK, object=end, initial_events_end=True)]]

    def _since(self, request: api_pb2.WatchRequest) -> builtins.list[api_pb2.WatchEvent]:
        found = (_event(request, change) for change in self.store.since(request.resource_version))
        return [event for event in found if event is not None]


def to_object(change: Change) -> api_pb2.Object:
    meta = change.tree["metadata"]
    group, version = split_api_version(change.tree.get("apiVersion", ""))
    owners = [
        api_pb2.OwnerReference(
            api_version=ref.get("apiVersion", ""),
            kind=ref.get("kind", ""),
            name=ref.get("name", ""),
            uid=ref.get("uid", ""),
            controller=bool(ref.get("controller")),
            block_owner_deletion=bool(ref.get("blockOwnerDeletion")),
        )
        for ref in meta.get("ownerReferences", ())
    ]
    return api_pb2.Object(
        group=group,
        version=version,
        kind=change.tree.get("kind", ""),
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta["uid"],
        resource_version=change.revision,
        labels=meta.get("labels") or {},
        owner_references=owners,
        writer=change.writer,
        traceparent=change.traceparent,
        raw=msgspec.json.encode(change.tree),
    )


def _event(request: api_pb2.WatchRequest, change: Change) -> api_pb2.WatchEvent | None:
    """As this watch sees the change: an object that comes into or leaves its selection is ADDED or DELETED."""
    if (request.resource.group, request.resource.resource) != change.resource:
        return None
    before = change.old is not None and _selects(request, change.old)
    after = not change.deleted and _selects(request, change.tree)
    if not before and not after:
        return None
    kind = (_Event.MODIFIED if before else _Event.ADDED) if after else _Event.DELETED
    return _Event(type=kind, object=to_object(change))


def _selects(request: api_pb2.ListRequest | api_pb2.WatchRequest, tree: JSON) -> bool:
    meta = tree["metadata"]
    if request.namespace and meta.get("namespace") != request.namespace:
        return False
    if not parse_label_selector(request.label_selector).matches(meta.get("labels")):
        return False
    return parse_field_selector(request.field_selector).matches(lambda path: _field(tree, path))


def _field(tree: Any, path: str) -> str:
    for step in path.split("."):
        tree = tree.get(step) if isinstance(tree, dict) else None
    if isinstance(tree, bool):
        return str(tree).lower()
    return "" if tree is None else str(tree)
