"""Writes core/v1 Events: what `kubectl describe` shows under an object.

Recording never waits and never fails: events queue up to a bound, equal ones are counted on one Event, and what
cannot be written after many tries is dropped, with a line in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from api.core import Event
from api.meta import KubeObject
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_time
from client.api import ApiClient
from client.backoff import Backoff
from client.limits import EVENT_MESSAGE_BYTES, EVENT_TRIES, EVENTS_BATCH, EVENTS_QUEUED, EVENTS_REMEMBERED
from wire import trace
from wire.seams import Seams

_log = logging.getLogger(__name__)
JSON = dict[str, Any]
EventKind = Literal["Normal", "Warning"]


class _Same(NamedTuple):
    """What makes two occurrences one Event."""

    namespace: str
    uid: str
    kind: str
    name: str
    field_path: str
    type: str
    reason: str
    message: str


@dataclass(frozen=True)
class _Occurrence:
    same: _Same
    body: JSON
    first: float
    last: float
    count: int
    traceparent: str


@dataclass
class _Written:
    name: str
    count: int


class EventRecorder:
    """Events of one component; `host` is the node's name where it has one."""

    def __init__(self, api: ApiClient, seams: Seams, component: str, host: str = "") -> None:
        self._api = api
        self._clock = seams.clock
        self._component = component
        self._host = host
        self._queue: asyncio.Queue[_Occurrence] = asyncio.Queue(EVENTS_QUEUED)
        self._written: OrderedDict[_Same, _Written] = OrderedDict()
        self._serial = 0
        self.dropped = 0

    def event(
        self,
        obj: KubeObject,
        type: EventKind,
        reason: str,
        message: str,
        *,
        action: str = "",
        field_path: str = "",
    ) -> None:
        """Record that something happened to `obj`, now, in the current trace."""
        message = message[:EVENT_MESSAGE_BYTES]
        same = _Same(obj.namespace, obj.uid, obj.KIND, obj.name, field_path, type, reason, message)
        now = self._clock.time()
        body = self._body(obj, same, action)
        try:
            self._queue.put_nowait(_Occurrence(same, body, now, now, 1, trace.current()))
        except asyncio.QueueFull:
            self.dropped += 1
            _log.warning("event queue full, %d dropped so far: %s %s", self.dropped, reason, obj.key)

    async def run(self) -> None:
        """Write what is recorded; never returns."""
        while True:
            batch = await self._next_batch()
            async with asyncio.TaskGroup() as group:
                for occurrence in batch:
                    group.create_task(self._write(occurrence))

    async def _next_batch(self) -> list[_Occurrence]:
        """At least one; equal ones merged, so that no two of a batch write the same Event."""
        merged: dict[_Same, _Occurrence] = {}
        occurrence = await self._queue.get()
        while True:
            known = merged.get(occurrence.same)
            merged[occurrence.same] = _merge(known, occurrence) if known else occurrence
            if len(merged) >= EVENTS_BATCH or self._queue.empty():
                return list(merged.values())
            occurrence = self._queue.get_nowait()

    async def _write(self, occurrence: _Occurrence) -> None:
        trace.attach(occurrence.traceparent)
        backoff = Backoff(self._clock, "write an event", max_seconds=10.0)
        for _ in range(EVENT_TRIES):
            try:
                await self._write_once(occurrence)
                return
            except ApiError as error:
                if error.code != 503:
                    _log.info("event %s of %s not written: %s", occurrence.same.reason, occurrence.same.name, error)
                    return
            await backoff.wait()
        _log.warning("event %s of %s not written: apiserver away", occurrence.same.reason, occurrence.same.name)

    async def _write_once(self, occurrence: _Occurrence) -> None:
        known = self._written.get(occurrence.same)
        if known is not None:
            try:
                await self._raise_count(known, occurrence)
                return
            except ApiError as error:
                if error.code != 404:
                    raise
        await self._create(occurrence)

    async def _raise_count(self, known: _Written, occurrence: _Occurrence) -> None:
        self._written.move_to_end(occurrence.same)
        count = known.count + occurrence.count
        patch = {"count": count, "lastTimestamp": format_time(occurrence.last)}
        await self._api.patch(Event, known.name, patch, namespace=_namespace(occurrence.same))
        known.count = count

    async def _create(self, occurrence: _Occurrence) -> None:
        self._serial += 1
        name = f"{occurrence.same.name}.{int(occurrence.first * 1e9) + self._serial:x}"
        body = occurrence.body | {
            "metadata": {"name": name, "namespace": _namespace(occurrence.same)},
            "firstTimestamp": format_time(occurrence.first),
            "lastTimestamp": format_time(occurrence.last),
            "count": occurrence.count,
        }
        await self._api.create(Event, body)
        self._written[occurrence.same] = _Written(name, occurrence.count)
        if len(self._written) > EVENTS_REMEMBERED:
            self._written.popitem(last=False)

    def _body(self, obj: KubeObject, same: _Same, action: str) -> JSON:
        involved = {
            "kind": obj.KIND,
            "apiVersion": obj.RESOURCE.api_version,
            "namespace": obj.namespace,
            "name": obj.name,
            "uid": obj.uid,
            "resourceVersion": obj.metadata.resource_version,
            "fieldPath": same.field_path,
        }
        source = {"component": self._component} | ({"host": self._host} if self._host else {})
        body: JSON = {
            "apiVersion": "v1",
            "kind": "Event",
            "involvedObject": {key: value for key, value in involved.items() if value},
            "type": same.type,
            "reason": same.reason,
            "message": same.message,
            "source": source,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
        return body | ({"action": action} if action else {})


def _merge(known: _Occurrence, more: _Occurrence) -> _Occurrence:
    return replace(more, first=known.first, count=known.count + more.count)


def _namespace(same: _Same) -> str:
    """Events of objects without a namespace go to `default`."""
    return same.namespace or "default"
