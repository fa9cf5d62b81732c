"""Sandboxes and containers of one runtime in memory, and the events of their changes.

Properties: reads are synchronous and never wait; every change of a container's state is told once, in order, to every
subscriber; a subscriber that falls behind its bounded queue loses its stream, never single events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from apimachinery.errors import ApiError
from cri.limits import EVENT_QUEUE, EVENT_SUBSCRIBERS
from cri.records import Container, Event, EventType, Sandbox, State

R = TypeVar("R")


class Subscriber:
    """One reader of events."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._wakeup = asyncio.Event()
        self._overflowed = False

    def push(self, event: Event) -> None:
        if len(self._events) >= EVENT_QUEUE:
            self._overflowed = True
        else:
            self._events.append(event)
        self._wakeup.set()

    async def pop(self) -> Event:
        """Raises ApiError once events had to be left out."""
        while not self._events:
            if self._overflowed:
                raise ApiError("TooManyRequests", f"more than {EVENT_QUEUE} events behind; list and subscribe again")
            self._wakeup.clear()
            await self._wakeup.wait()
        return self._events.popleft()


class Store:
    """The truth of one runtime, as its backend reports it."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.sandboxes: dict[str, Sandbox] = {}
        self.containers: dict[str, Container] = {}
        self._of_sandbox: dict[str, dict[str, None]] = {}
        self._subscribers: set[Subscriber] = set()
        self._exits: dict[str, asyncio.Event] = {}
        self._noted: set[str] | None = None

    # --- reads

    def sandbox(self, sandbox_id: str) -> Sandbox | None:
        return _find(self.sandboxes, sandbox_id)

    def container(self, container_id: str) -> Container | None:
        return _find(self.containers, container_id)

    def containers_of(self, sandbox_id: str) -> list[Container]:
        return [self.containers[one] for one in self._of_sandbox.get(sandbox_id, ())]

    async def wait_exited(self, container_id: str) -> None:
        """Return once the container has ended or is gone. Works for a sandbox as well: once it is not ready."""
        while self._lives(container_id):
            await self._exits.setdefault(container_id, asyncio.Event()).wait()

    def _lives(self, container_id: str) -> bool:
        container = self.containers.get(container_id)
        if container is not None:
            return container.state in (State.RUNNING, State.CREATED)
        sandbox = self.sandboxes.get(container_id)
        return sandbox is not None and sandbox.ready

    # --- changes

    def put_sandbox(self, sandbox: Sandbox, *, at: int = 0) -> None:
        """Add or replace; tells of a sandbox that became known, ready or not ready."""
        before = self.sandboxes.get(sandbox.id)
        self.sandboxes[sandbox.id] = sandbox
        if before is None:
            self._tell(EventType.CREATED, sandbox.id, sandbox.id, at)
        if sandbox.ready and (before is None or not before.ready):
            self._tell(EventType.STARTED, sandbox.id, sandbox.id, at)
        elif not sandbox.ready and (before is None or before.ready):
            self._ended(sandbox.id)
            self._tell(EventType.STOPPED, sandbox.id, sandbox.id, at)

    def put_container(self, container: Container, *, at: int = 0) -> None:
        """Add or replace; tells of every state that the container passed through."""
        before = self.containers.get(container.id)
        self.containers[container.id] = container
        self._of_sandbox.setdefault(container.sandbox_id, {})[container.id] = None
        if before is None:
            self._tell(EventType.CREATED, container.id, container.sandbox_id, at)
        was = State.CREATED if before is None else before.state
        if was is State.CREATED and container.started_at and container.state is not State.CREATED:
            self._tell(EventType.STARTED, container.id, container.sandbox_id, at)
        if was is not State.EXITED and container.state is State.EXITED:
            self._ended(container.id)
            self._tell(EventType.STOPPED, container.id, container.sandbox_id, at)

    def drop_sandbox(self, sandbox_id: str) -> None:
        if self.sandboxes.pop(sandbox_id, None) is not None:
            self._of_sandbox.pop(sandbox_id, None)
            self._dropped(sandbox_id, sandbox_id)

    def drop_container(self, container_id: str) -> None:
        container = self.containers.pop(container_id, None)
        if container is not None:
            self._of_sandbox.get(container.sandbox_id, {}).pop(container_id, None)
            self._dropped(container_id, container.sandbox_id)

    def _dropped(self, container_id: str, sandbox_id: str) -> None:
        if self._noted is not None:
            self._noted.add(container_id)
        self._ended(container_id)
        self._tell(EventType.DELETED, container_id, sandbox_id, 0)

    @contextmanager
    def noting_drops(self) -> Iterator[set[str]]:
        """The ids of all that is dropped in the body of the `with`. For one reader at a time."""
        noted = self._noted = set()
        try:
            yield noted
        finally:
            self._noted = None

    def _ended(self, container_id: str) -> None:
        waiting = self._exits.pop(container_id, None)
        if waiting is not None:
            waiting.set()

    # --- events

    async def events(self) -> AsyncIterator[Event]:
        """Everything that happens from now on. Raises ApiError when too many read, or this one is too slow."""
        if len(self._subscribers) >= EVENT_SUBSCRIBERS:
            raise ApiError("TooManyRequests", f"there are {EVENT_SUBSCRIBERS} readers of events already")
        subscriber = Subscriber()
        self._subscribers.add(subscriber)
        try:
            while True:
                yield await subscriber.pop()
        finally:
            self._subscribers.discard(subscriber)

    def _tell(self, event_type: EventType, container_id: str, sandbox_id: str, at: int) -> None:
        event = Event(event_type, container_id, sandbox_id, at or self._now())
        for subscriber in self._subscribers:
            subscriber.push(event)


def _find(records: dict[str, R], wanted: str) -> R | None:
    """By id, or by the beginning of one if that is unambiguous, as people type them."""
    exact = records.get(wanted)
    if exact is not None or len(wanted) < 4:
        return exact
    found = [record for one, record in records.items() if one.startswith(wanted)]
    return found[0] if len(found) == 1 else None
