"""Keeps what is known of the runtime current: whether it is there and ready, and what it has.

Its event stream drives the cache; listing makes up for what a stream may have missed, and replaces it for a runtime
that has no events. A stream that breaks is the first sign of a runtime that died.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from kubelet.context import RuntimeFacts
from kubelet.limits import (
    RELIST_SECONDS,
    RELIST_WITH_EVENTS_SECONDS,
    RUNTIME_CHECK_SECONDS,
    RUNTIME_RETRY_SECONDS,
)
from kubelet.runtime import CriRuntime
from kubelet.runtime_cache import RuntimeCache
from proto import cri_pb2 as pb

log = logging.getLogger(__name__)


class RuntimeWatch:
    """`changed()` is called when what the runtime says of itself changed."""

    def __init__(
        self, runtime: CriRuntime, cache: RuntimeCache, facts: RuntimeFacts, clock: Clock, changed: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._cache = cache
        self._facts = facts
        self._clock = clock
        self._changed = changed
        self._pod_cidr = ""
        self._cidr_given = False
        self._check_now = asyncio.Event()
        self.listed = asyncio.Event()
        """Set once the runtime has been listed."""

    def set_pod_cidr(self, cidr: str) -> None:
        """The node has been given its addresses: pass them on, now and whenever the runtime comes back."""
        if cidr != self._pod_cidr:
            self._pod_cidr, self._cidr_given = cidr, False
            self._check_now.set()

    async def run(self) -> None:
        """Never returns; survives the runtime."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._check_for_ever())
            group.create_task(self._follow_for_ever())

    # --- how it is

    async def _check_for_ever(self) -> None:
        while True:
            self._check_now.clear()
            before = (self._facts.problem, self._facts.network_problem, self._facts.name)
            try:
                await self._check()
            except ApiError as error:
                self._cidr_given = False
                self._facts.problem = f"container runtime is down: {error.message}"
            if before != (self._facts.problem, self._facts.network_problem, self._facts.name):
                log.info("runtime: %s", self._facts.problem or self._facts.network_problem or "ready")
                self._changed()
            healthy = not self._facts.problem and not self._facts.network_problem
            await self._pause(RUNTIME_CHECK_SECONDS if healthy else RUNTIME_RETRY_SECONDS)

    async def _check(self) -> None:
        facts = self._facts
        await self._learn_name()
        if self._pod_cidr and not self._cidr_given:
            await self._runtime.set_pod_cidr(self._pod_cidr)
            self._cidr_given = True
        conditions = {one.type: one for one in (await self._runtime.status()).status.conditions}
        broken = _said(conditions.get("RuntimeReady"), "RuntimeReady")
        facts.problem = f"container runtime not ready: {broken}" if broken else ""
        facts.network_problem = _said(conditions.get("NetworkReady"), "NetworkReady")
        if facts.network_problem:
            self._cidr_given = False  # one that was started anew between two looks does not know it

    async def _learn_name(self) -> None:
        facts = self._facts
        if not facts.name:
            version = await self._runtime.version()
            facts.name, facts.version = version.runtime_name, version.runtime_version

    async def _pause(self, seconds: float) -> None:
        """Until it is time, or someone wants to know at once."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds, "check the runtime"))
        asked = asyncio.ensure_future(self._check_now.wait())
        try:
            await asyncio.wait((sleeping, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            asked.cancel()

    # --- what it has

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._follow()
            except ApiError as error:
                if error.code == 405:
                    await self._list_for_ever(RELIST_SECONDS)
                log.debug("runtime events: %s", error.message)
                self._cache.tell()  # what a listing had learnt that was cut off together with the stream
                self._cidr_given = False
                self._check_now.set()
                await self._clock.sleep(RUNTIME_RETRY_SECONDS, "reach the runtime")

    async def _follow(self) -> None:
        """Raises ApiError when the stream breaks."""
        subscribed = False
        lister: asyncio.Task[None] | None = None
        try:
            async for event in self._runtime.events():
                if not subscribed:
                    subscribed = True
                    await self._list()
                    lister = asyncio.ensure_future(self._list_for_ever(RELIST_WITH_EVENTS_SECONDS))
                elif event.container_id or event.HasField("pod_sandbox_status"):
                    self._take(event)
            raise ApiError("ServiceUnavailable", "the runtime ended its event stream")
        finally:
            if lister is not None:
                lister.cancel()

    def _take(self, event: pb.ContainerEventResponse) -> None:
        self._cache.take_event(event)

    async def _list(self) -> None:
        await self._learn_name()  # pods are looked at after the first list, and containers' ids begin with it
        await self._cache.relist()
        self.listed.set()

    async def _list_for_ever(self, period: float) -> None:
        # Soon after a stream began once more: a runtime may greet a moment before it listens.
        await self._clock.sleep(RELIST_SECONDS, "list the runtime")
        while True:
            try:
                await self._list()
            except ApiError as error:
                log.debug("listing the runtime: %s", error.message)
                self._check_now.set()
            await self._clock.sleep(period, "list the runtime")


def _said(condition: pb.RuntimeCondition | None, kind: str) -> str:
    if condition is None:
        return f"container runtime does not report {kind}"
    if condition.status:
        return ""
    return f"{kind}=false reason:{condition.reason} message:{condition.message}"
