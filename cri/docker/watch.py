"""Keeps the store true: a look at all that is there, then the engine's events; all over again after a break."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from apimachinery.errors import ApiError
from apimachinery.patience import patience
from cri.docker.containers import Containers
from cri.docker.engine import Engine
from cri.docker.identity import (
    CLUSTER,
    CREATED,
    KIND,
    KIND_CONTAINER,
    KIND_NODE,
    KIND_SANDBOX,
    NEVER_STARTED,
    NODE,
    SANDBOX,
    inspected_container,
    inspected_sandbox,
)
from cri.docker.refusals import silent
from cri.docker.sandboxes import Sandboxes
from cri.docker.stream import EngineStream
from cri.docker.times import EngineTime
from cri.limits import (
    DOCKER_HANG_SECONDS,
    DOCKER_LOOK_SECONDS,
    DOCKER_PING_PERIOD_SECONDS,
    DOCKER_RETRY_SECONDS,
)
from cri.records import Condition, Container, Sandbox
from cri.store import Store

log = logging.getLogger(__name__)

_EVENTS = ["create", "start", "oom", "die", "destroy"]


class Watch:
    """`condition` says whether the store may be believed now."""

    def __init__(
        self, engine: Engine, store: Store, sandboxes: Sandboxes, containers: Containers, time: EngineTime,
        *, owner: Mapping[str, str], ensure_node: Callable[[], Awaitable[None]],
        looked: Callable[[], Awaitable[None]], log_root: Path,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._store = store
        self._sandboxes = sandboxes
        self._containers = containers
        self._time = time
        self._owner = owner
        self._ensure_node = ensure_node
        self._looked = looked
        self._log_root = log_root
        self.condition = Condition(False, "Starting", "docker engine is not reached yet")

    async def run(self) -> None:
        while True:
            try:
                await self._watch_once()
            except ApiError as error:
                if self.condition.ok or self.condition.message != error.message:
                    log.warning("%s", error.message)
                reason = "DockerNotAnswering" if error.reason == "ServiceUnavailable" else "DockerError"
                self.condition = Condition(False, reason, error.message)
            except OSError as error:
                message = f"the node's disk: {error.strerror}: {error.filename}"
                log.warning("%s", message)
                self.condition = Condition(False, "NodeDiskError", message)
            await asyncio.sleep(DOCKER_RETRY_SECONDS)  # real time: it is the engine we wait for

    async def _watch_once(self) -> None:
        labels = [f"{key}={self._owner[key]}" for key in (CLUSTER, NODE)]
        query = {"filters": json.dumps({"type": ["container"], "event": _EVENTS, "label": labels})}
        async with AsyncExitStack() as stack:
            try:
                async with patience(DOCKER_LOOK_SECONDS):
                    events = self._engine.stream("GET", "/events", query)
                    stream = await stack.enter_async_context(events)
                    await self._ensure_node()
                    await self._look(labels)
                    await self._looked()
            except TimeoutError:
                raise silent(f"it has not said what it has within {DOCKER_LOOK_SECONDS:g} s") from None
            self.condition = Condition(True)
            await self._follow_while_it_answers(stream)
        raise ApiError("ServiceUnavailable", "docker engine does not answer: its event stream ended")

    # --- a look

    async def _look(self, labels: list[str]) -> None:
        """What our own calls make or remove meanwhile is neither forgotten nor brought back."""
        before = {*self._store.sandboxes, *self._store.containers}
        with self._store.noting_drops() as dropped:
            listed = await self._engine.call(
                "containers", lambda api: api.containers(all=True, filters={"label": labels})
            )
            ours = [one["Id"] for one in listed if one["Labels"].get(KIND) in (KIND_SANDBOX, KIND_CONTAINER)]
            found = [one async for one in self._inspect(ours)]
        self._learn([one for one in found if one["Id"] not in dropped])
        self._forget(before - {one["Id"] for one in found})

    def _learn(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Sandboxes first: their containers refer to them."""
        kinds = {one["Id"]: one["Config"]["Labels"] for one in found}
        for one in found:
            if kinds[one["Id"]][KIND] == KIND_SANDBOX:
                self._sandboxes.found(inspected_sandbox(one), started=one["State"]["Status"] != NEVER_STARTED)
        for one in found:
            sandbox = self._store.sandboxes.get(kinds[one["Id"]].get(SANDBOX, ""))
            if kinds[one["Id"]][KIND] == KIND_CONTAINER and sandbox is not None:
                self._containers.found(self._container(one, sandbox))

    async def _inspect(self, ids: list[str]) -> AsyncIterator[dict[str, Any]]:
        """What vanishes meanwhile is left out."""

        async def inspect(container_id: str) -> dict[str, Any] | None:
            try:
                found: dict[str, Any] = await self._engine.call(
                    "inspect_container", lambda api: api.inspect_container(container_id)
                )
            except ApiError as error:
                if error.reason == "NotFound":
                    return None
                raise
            return found

        for one in await asyncio.gather(*map(inspect, ids)):
            if one is not None:
                yield one

    def _container(self, found: Mapping[str, Any], sandbox: Sandbox) -> Container:
        record = inspected_container(found, sandbox, self._log_root)
        return replace(
            record,
            started_at=self._time.cluster(record.started_at),
            finished_at=self._time.cluster(record.finished_at),
        )

    def _forget(self, gone: set[str]) -> None:
        for container_id in gone & self._store.containers.keys():
            self._containers.removed(container_id)
        for sandbox_id in gone & self._store.sandboxes.keys():
            self._sandboxes.removed(sandbox_id)

    # --- events

    async def _follow_while_it_answers(self, stream: EngineStream) -> None:
        """An engine that hangs keeps its stream open and says nothing, as one does where nothing happens."""
        both = [asyncio.ensure_future(self._follow(stream)), asyncio.ensure_future(self._ping_for_ever())]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                await one
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _ping_for_ever(self) -> None:
        """Raises ApiError when the engine does not answer."""
        while True:
            await asyncio.sleep(DOCKER_PING_PERIOD_SECONDS)
            try:
                async with patience(DOCKER_HANG_SECONDS), self._engine.stream("GET", "/_ping"):
                    pass
            except TimeoutError:
                raise silent(f"it has not answered a ping for {DOCKER_HANG_SECONDS:g} s") from None

    async def _follow(self, stream: EngineStream) -> None:
        async for line in stream.lines():
            event = json.loads(line)
            if self._engine.teller.active:
                self._engine.teller.event(event, line)
            attributes = event["Actor"]["Attributes"]
            kind = attributes.get(KIND)
            if kind == KIND_NODE:
                if event["Action"] in ("die", "destroy"):
                    log.warning("the node's container has ended: making it again")
                    await self._ensure_node()
            elif CREATED in attributes:
                self._apply(event["Action"], event["Actor"]["ID"], attributes, self._time.cluster(event["timeNano"]))

    def _apply(self, action: str, container_id: str, attributes: Mapping[str, str], at: int) -> None:
        if attributes[KIND] == KIND_SANDBOX:
            self._apply_to_sandbox(action, container_id, attributes, at)
        elif action == "create":
            sandbox = self._store.sandboxes.get(attributes.get(SANDBOX, ""))
            self._containers.created(container_id, attributes, sandbox)
        elif action == "start":
            self._containers.started(container_id, at)
        elif action == "oom":
            self._containers.ran_out_of_memory(container_id)
        elif action == "die":
            self._containers.ended(container_id, int(attributes.get("exitCode", "255")), at)
        elif action == "destroy":
            self._containers.removed(container_id)

    def _apply_to_sandbox(self, action: str, sandbox_id: str, attributes: Mapping[str, str], at: int) -> None:
        if action == "start":
            self._sandboxes.started(sandbox_id, attributes)
        elif action == "die":
            self._sandboxes.ended(sandbox_id, at)
        elif action == "destroy":
            self._sandboxes.removed(sandbox_id)
