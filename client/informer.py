"""Informers: a typed, indexed cache of one resource that tells its handlers what changed.

    apiserver --watch--> Reflector --> Informer (decode) --> Store
                                           └--> handlers, synchronously, after the store has changed

Contract: an object's events come in order; an event never changes a uid (a re-created object is DELETED, then ADDED);
nothing is reported twice after a reconnection unless it changed; after a fresh start what vanished is DELETED.
"""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal

import msgspec

from api.meta import KubeObject, T
from apimachinery.changes import changes
from apimachinery.errors import ApiError
from apimachinery.resources import join_key
from client.api import ApiClient
from client.decode import decode
from client.reflector import Reflector
from client.store import IndexFunction, Store
from proto import api_pb2
from wire.seams import Seams
from wire.trace import current, gathers_reads, note_read

_log = logging.getLogger(__name__)

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
NO_INDEXES: Final[dict[str, IndexFunction[Any]]] = {}


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """One change of one object. `old` is None when ADDED, `new` when DELETED."""

    type: EventType
    old: T | None
    new: T | None
    traceparent: str = ""

    @property
    def object(self) -> T:
        found = self.new if self.new is not None else self.old
        assert found is not None
        return found


Handler = Callable[[Event[T]], None]


class Informer(Generic[T]):
    """One resource, mirrored. Run it in a TaskGroup; read it when `synced`."""

    def __init__(
        self,
        api: ApiClient,
        cls: type[T],
        seams: Seams,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        indexes: dict[str, IndexFunction[T]] = NO_INDEXES,
    ) -> None:
        self._cls = cls
        self._store: Store[T] = Store(indexes)
        self._handlers: list[Handler[T]] = []
        self._synced = asyncio.Event()
        self._when_synced: list[Callable[[], None]] = []
        self._reflector = Reflector(
            api,
            cls.RESOURCE,
            seams,
            self,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            describe=self.describe,
        )

    # --- for readers -------------------------------------------------------------------------------------------------

    def get(self, key: str) -> T | None:
        """By `namespace/name`, or `name`."""
        found = self._store.get(key)
        if gathers_reads():
            version = f"@{found.metadata.resource_version}" if found is not None else " (absent)"
            note_read(f"{self._cls.KIND} {key}", version)
        return found

    def list(self) -> builtins.list[T]:
        return self._store.list()

    def by_index(self, index: str, value: str) -> builtins.list[T]:
        found = self._store.by_index(index, value)
        if gathers_reads():
            note_read(f"{self._cls.KIND}s by {index}", f" ({len(found)})")
        return found

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        self._store.add_index(name, function)

    def add_handler(self, handler: Handler[T]) -> None:
        """Call `handler` for each change from now on, after ADDED for all that is there."""
        for obj in self._store.list():
            handler(Event("ADDED", None, obj))
        self._handlers.append(handler)

    def when_synced(self, call: Callable[[], None]) -> None:
        """Call it once, as soon as everything that existed at some moment has been seen."""
        if self.synced:
            call()
        else:
            self._when_synced.append(call)

    @property
    def synced(self) -> bool:
        """Whether everything that existed at some moment has been seen."""
        return self._synced.is_set()

    @property
    def revision(self) -> int:
        return self._reflector.revision

    async def wait_synced(self) -> None:
        await self._synced.wait()

    async def run(self) -> None:
        """Follow the resource; never returns, and survives the apiserver."""
        await self._reflector.run()

    # --- the Mirror that the reflector drives ------------------------------------------------------------------------

    def upsert(self, obj: api_pb2.Object) -> None:
        key = join_key(obj.namespace, obj.name)
        old = self._store.get(key)
        if old is not None and old.metadata.resource_version == str(obj.resource_version):
            return
        try:
            new = decode(self._cls, obj)
        except ApiError as error:
            # One unreadable object must not blind the component to all others.
            _log.error("%s; it is left out", error.message)
            return
        if old is not None and old.uid != new.uid:
            self._forget(key, "")
            old = None
        self._store.put(new)
        self._tell(Event("MODIFIED" if old is not None else "ADDED", old, new, current() or obj.traceparent))

    def remove(self, obj: api_pb2.Object) -> None:
        self._forget(join_key(obj.namespace, obj.name), current() or obj.traceparent)

    def listed(self, keys: set[str]) -> None:
        for key in self._store.keys() - keys:
            self._forget(key, "")
        self._synced.set()
        calls, self._when_synced = self._when_synced, []
        for call in calls:
            call()

    def describe(self, event: api_pb2.WatchEvent) -> str:
        """What an event that has not been seen yet would change in the mirror."""
        obj = event.object
        if event.type == api_pb2.WatchEvent.DELETED:
            return "DELETED"
        old = self._store.get(join_key(obj.namespace, obj.name))
        if old is None:
            return "ADDED"
        try:
            told = changes(_tree(old), _tree(decode(self._cls, obj)))
        except ApiError as error:
            return f"MODIFIED {error.message}"
        return f"MODIFIED {told or '(nothing that this component reads)'}"

    def _forget(self, key: str, traceparent: str) -> None:
        old = self._store.pop(key)
        if old is not None:
            self._tell(Event("DELETED", old, None, traceparent))

    def _tell(self, event: Event[T]) -> None:
        for handler in self._handlers:
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - a bug in one handler must not cost the others their event
                _log.exception("handler of %s %s failed", self._cls.KIND, event.object.key)


def _tree(obj: KubeObject) -> Any:
    """By way of JSON, because a Struct may hold raw parts."""
    return msgspec.json.decode(msgspec.json.encode(obj))


class InformerFactory:
    """One informer per resource and scope, shared by all who ask."""

    def __init__(self, api: ApiClient, seams: Seams) -> None:
        self._api = api
        self._seams = seams
        self._informers: dict[tuple[type[KubeObject], str, str, str], Informer[Any]] = {}
        self._group: asyncio.TaskGroup | None = None

    def get(
        self,
        cls: type[T],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        indexes: dict[str, IndexFunction[T]] = NO_INDEXES,
    ) -> Informer[T]:
        key = (cls, namespace, label_selector, field_selector)
        informer: Informer[T] | None = self._informers.get(key)
        if informer is None:
            informer = Informer(
                self._api,
                cls,
                self._seams,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
            )
            self._informers[key] = informer
            self._start(informer)
        for name, function in indexes.items():
            informer.add_index(name, function)
        return informer

    async def run(self) -> None:
        """Run every informer, and those asked for later; never returns."""
        async with asyncio.TaskGroup() as self._group:
            for informer in self._informers.values():
                self._start(informer)
            await asyncio.get_running_loop().create_future()

    async def wait_synced(self) -> None:
        for informer in list(self._informers.values()):
            await informer.wait_synced()

    def _start(self, informer: Informer[Any]) -> None:
        if self._group is not None:
            self._group.create_task(informer.run())
