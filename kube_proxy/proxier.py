"""The sync loop: watch, mark what changed, and bring the backend up to date, not more often than it is worth.

Handlers only note which service to look at again. A failed sync is retried with growing pauses, for ever; as long as
this process is away, or its apiserver, the node keeps the rules that it has.
"""

from __future__ import annotations

import asyncio
import logging
import time

from api.service import EndpointSlice, Service
from apimachinery.resources import join_key
from client.informer import Event, InformerFactory
from kube_proxy.backends.backend import Backend, BackendError
from kube_proxy.limits import (
    CAUSES_PER_SERVICE,
    CHECK_SECONDS,
    MIN_SYNC_SECONDS,
    RETRY_MAX_SECONDS,
    RETRY_SECONDS,
    SERVICES_TOLD,
)
from kube_proxy.services import SERVICE_NAME_LABEL, PortRules, port_rules
from wire.doubling import carry_out
from wire.gates import GateError, Subject, Verdict
from wire.seams import Seams

_log = logging.getLogger(__name__)

GATE = "nft:apply"
BY_SERVICE = "service"


class Proxier:
    """`run` never returns. `syncs` counts those that changed something."""

    def __init__(self, informers: InformerFactory, backend: Backend, seams: Seams, node: str) -> None:
        self._informers = informers
        self._services = informers.get(Service)
        self._slices = informers.get(EndpointSlice, indexes={BY_SERVICE: service_of})
        self._backend = backend
        self._seams = seams
        self._node = node
        self._desired: dict[str, tuple[PortRules, ...]] = {}
        self._dirty: dict[str, dict[str, None]] = {}
        self._changed: list[str] = []
        self._wake = asyncio.Event()
        self.syncs = 0
        self._services.add_handler(self._on_service)
        self._slices.add_handler(self._on_slice)

    async def run(self) -> None:
        await self._informers.wait_synced()
        self._wake.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_backend())
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._sync_until_done()
                await self._seams.clock.sleep(MIN_SYNC_SECONDS, "kube-proxy: gather changes")

    def _on_service(self, event: Event[Service]) -> None:
        self._mark(event.object.key, event.traceparent)

    def _on_slice(self, event: Event[EndpointSlice]) -> None:
        for one in (event.old, event.new):
            for key in service_of(one) if one is not None else ():
                self._mark(key, event.traceparent)

    def _mark(self, key: str, traceparent: str) -> None:
        causes = self._dirty.setdefault(key, {})
        if traceparent and len(causes) < CAUSES_PER_SERVICE:
            causes[traceparent] = None
        self._wake.set()

    def _recompute(self) -> tuple[str, ...]:
        """Bring what is desired up to date; gives the trace contexts of the changes."""
        dirty, self._dirty = self._dirty, {}
        for key in dirty:
            service = self._services.get(key)
            found = port_rules(service, self._slices.by_index(BY_SERVICE, key), self._node) if service else ()
            if found:
                self._desired[key] = found
            else:
                self._desired.pop(key, None)
        self._changed = [*dirty][:SERVICES_TOLD]
        return tuple(dict.fromkeys(cause for causes in dirty.values() for cause in causes))

    async def _sync_until_done(self) -> None:
        pause = RETRY_SECONDS
        links: tuple[str, ...] = ()
        while True:
            links += self._recompute()
            try:
                await self._sync(links)
                return
            except (BackendError, GateError) as error:
                level = logging.WARNING if pause == RETRY_SECONDS else logging.DEBUG
                _log.log(level, "rules not applied, trying again: %s", error)
            await self._seams.clock.sleep(pause, "kube-proxy: sync again")
            pause = min(pause * 2, RETRY_MAX_SECONDS)

    async def _sync(self, links: tuple[str, ...]) -> None:
        """One span under the change that came first, linked to the others."""
        parent, services = links[0] if links else "", ", ".join(self._changed)
        with self._seams.tracer.span(
            "sync", parent=parent, links=links[1:], node=self._node, services=services
        ) as span:
            verdict = await self._seams.gates.pass_through(GATE, Subject("Node", "", self._node))
            if verdict is Verdict.DROP:
                raise GateError(GATE, "dropped")
            with self._seams.tracer.span("rules update", backend=type(self._backend).__name__):
                changed = await carry_out(verdict, self._apply)
            span.attributes["decided"] = "rules changed" if changed else "no rule differs"
            if changed:
                self.syncs += 1

    async def _apply(self) -> bool:
        """True if anything had to be changed; then those who listen to the traffic are told."""
        began = time.perf_counter()
        problem: BaseException | None = None
        changed = True
        try:
            changed = await self._backend.apply(self._desired)
            return changed
        except BaseException as error:
            problem = error
            raise
        finally:
            if changed and self._seams.capture.active:
                from wire.traffic import tell_text

                subject = Subject("Node", "", self._node)
                tell_text(self._seams, "nftables", GATE, subject, self._backend.told, began, problem)

    async def _watch_backend(self) -> None:
        """The namespace may be made anew, or emptied by somebody: then everything is applied again."""
        while True:
            await self._seams.clock.sleep(CHECK_SECONDS, "kube-proxy: look at the rules")
            try:
                well = await self._backend.check()
            except BackendError:
                well = False
            if not well:
                self._wake.set()


def service_of(one: EndpointSlice) -> tuple[str, ...]:
    """The key of the service that a slice belongs to, if any."""
    name = one.metadata.labels.get(SERVICE_NAME_LABEL)
    return (join_key(one.namespace, name),) if name else ()
