"""Keeps a mirror of one resource in step with the apiserver, for ever.

The first watch asks for initial events; a lost one is resumed from the last revision seen; 410 begins anew, and what
vanished meanwhile is reported as deleted. Every event passes the gate `watch:RESOURCE` before the mirror sees it, and
is handed over within the trace context of the write that caused it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from apimachinery.errors import ApiError
from apimachinery.resources import GVR, join_key
from client.api import ApiClient
from client.backoff import Backoff
from client.limits import UNSERVED_SECONDS
from proto import api_pb2
from wire import trace
from wire.gates import GateError, Subject, Verdict
from wire.seams import Seams

_log = logging.getLogger(__name__)
_Event = api_pb2.WatchEvent


class Mirror(Protocol):
    """What follows the resource. Its methods are synchronous, so no one sees half an event."""

    def upsert(self, obj: api_pb2.Object) -> None:
        """The object exists in this state; it may be known in it already."""

    def remove(self, obj: api_pb2.Object) -> None:
        """The object is gone; `obj` is its last state."""

    def listed(self, keys: set[str]) -> None:
        """A fresh start is complete: of all objects just these exist."""


class Reflector:
    """`run` never returns."""

    def __init__(
        self,
        api: ApiClient,
        gvr: GVR,
        seams: Seams,
        mirror: Mirror,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        describe: Callable[[api_pb2.WatchEvent], str] | None = None,
    ) -> None:
        """`describe` tells what an event changes, should someone ask while it is held at the gate."""
        self._describe = describe or _type_of
        self._api = api
        self._gvr = gvr
        self._seams = seams
        self._mirror = mirror
        self._scope = {"namespace": namespace, "label_selector": label_selector, "field_selector": field_selector}
        self._edge = f"watch:{gvr.resource}"
        seams.gates.declare(self._edge)
        self._revision = 0
        self._backoff = Backoff(seams.clock, f"watch {gvr.resource} again")
        self._well = True

    @property
    def revision(self) -> int:
        """Of the last event seen; 0 before the first list is complete."""
        return self._revision

    async def run(self) -> None:
        trace.attach("")  # whoever asked for the resource first is no cause of its changes
        while True:
            try:
                await self._follow()
            except ApiError as error:
                self._lost(error)
                if error.code == 404:
                    await self._seams.clock.sleep(UNSERVED_SECONDS, f"watch {self._gvr.resource}: not served")
            except GateError as error:
                _log.info("watch %s: %s", self._gvr.resource, error)
            await self._backoff.wait()

    def _lost(self, error: ApiError) -> None:
        """A dependency that is away is worth one line, not one per attempt."""
        if error.code == 410:
            _log.info("watch %s: revision %d is too old, listing again", self._gvr.resource, self._revision)
            self._revision = 0
        elif error.code == 404:
            # A resource that is not served has no objects.
            self._revision = 0
            self._mirror.listed(set())
        elif self._well:
            _log.warning("watch %s: %s; trying again until it works", self._gvr.resource, error.message)
        self._well = False

    async def _follow(self) -> None:
        """One watch, from the last revision or from scratch."""
        fresh: set[str] | None = set() if self._revision == 0 else None
        watch = self._api.watch(
            self._gvr,
            **self._scope,
            resource_version=self._revision,
            send_initial_events=fresh is not None,
        )
        async for event in watch:
            self._backoff.reset()
            self._well = True
            if event.type == _Event.BOOKMARK:
                fresh = self._bookmark(event, fresh)
                continue
            if fresh is not None:
                fresh.add(join_key(event.object.namespace, event.object.name))
            await self._pass_on(event, fresh is None)
            if fresh is None:
                self._revision = event.object.resource_version

    def _bookmark(self, event: api_pb2.WatchEvent, fresh: set[str] | None) -> set[str] | None:
        if fresh is not None and not event.initial_events_end:
            return fresh
        if fresh is not None:
            self._mirror.listed(fresh)
        self._revision = event.object.resource_version
        return None

    async def _pass_on(self, event: api_pb2.WatchEvent, live: bool) -> None:
        """What is new is a hop of its trace; what was there before the watch began is none."""
        obj = event.object
        if not obj.traceparent:
            await self._through_gate(event)
            return
        if not live:
            token = trace.attach(obj.traceparent)  # what a held event belongs to
            try:
                await self._through_gate(event)
            finally:
                trace.detach(token)
            return
        told = f"{obj.namespace}/{obj.name}" if obj.namespace else obj.name
        with self._seams.tracer.span(
            self._edge, parent=obj.traceparent, type=_type_of(event), object=f"{told}@{obj.resource_version}"
        ):
            await self._through_gate(event)

    async def _through_gate(self, event: api_pb2.WatchEvent) -> None:
        if self._seams.gates.passes_freely(self._edge):
            self._deliver(event)
            return
        obj = event.object
        verdict = await self._seams.gates.pass_through(
            self._edge, Subject(obj.kind, obj.namespace, obj.name), lambda: self._describe(event)
        )
        if verdict is Verdict.DROP:
            return
        for _ in range(2 if verdict is Verdict.TWICE else 1):
            self._deliver(event)

    def _deliver(self, event: api_pb2.WatchEvent) -> None:
        if event.type == _Event.DELETED:
            self._mirror.remove(event.object)
        else:
            self._mirror.upsert(event.object)


def _type_of(event: api_pb2.WatchEvent) -> str:
    return str(_Event.Type.Name(event.type))
