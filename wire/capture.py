"""Capture: the traffic of a process for whoever listens, decoded. With no listener it costs one look at `active`.

Those who carry messages offer them here when they are over; `wire.traffic` says how one is described. Every listener
has a queue of its own, bounded in messages and bytes: what does not fit is left out and counted, so a slow listener
never holds up the component.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from proto import debug_pb2
from wire.limits import WIRE_BODY_BYTES, WIRE_LISTENERS, WIRE_QUEUE, WIRE_QUEUE_BYTES, WIRE_RING
from wire.rules import fold_kind

Message = debug_pb2.WireMessage
Request = debug_pb2.WireRequest


class Capture:
    """One per process."""

    def __init__(self) -> None:
        self.active = False
        """Does anybody listen?"""
        self.bodies = False
        """Does anybody want bodies, too?"""
        self._listeners: list[Listener] = []
        self._ring: deque[Message] = deque(maxlen=WIRE_RING)

    def offer(self, message: Message, request: Any = None, response: Any = None, before: Any = None) -> None:
        """Hand over one message that is through. Bodies are protobuf messages, or bytes of JSON, or None."""
        message.time = time.time()
        self._ring.append(message)
        for listener in self._listeners:
            listener.offer(message, request, response, before)

    @contextmanager
    def listen(self, wanted: Request) -> Iterator[Listener]:
        """Raises OverflowError if too many listen already."""
        if len(self._listeners) >= WIRE_LISTENERS:
            raise OverflowError(f"{WIRE_LISTENERS} listeners are all that one component serves")
        listener = Listener(wanted)
        if wanted.recent:
            for message in self._ring:
                listener.offer(message, None, None, None)
        self._listeners.append(listener)
        self._look()
        try:
            yield listener
        finally:
            self._listeners.remove(listener)
            self._look()

    def _look(self) -> None:
        self.active = bool(self._listeners)
        self.bodies = any(one.wanted.bodies for one in self._listeners)


class Listener:
    """One who listens, and what waits for him."""

    def __init__(self, wanted: Request) -> None:
        self.wanted = wanted
        self._queue: deque[Message] = deque()
        self._bytes = 0
        self._lost = 0
        self._filled = asyncio.Event()

    def offer(self, message: Message, request: Any, response: Any, before: Any) -> None:
        if not takes(self.wanted, message):
            return
        self._filled.set()
        if len(self._queue) >= WIRE_QUEUE or self._bytes >= WIRE_QUEUE_BYTES:
            self._lost += 1
            return
        copy = Message()
        copy.CopyFrom(message)
        if self.wanted.bodies:
            for field, payload in (("request", request), ("response", response), ("before", before)):
                if payload is not None:
                    setattr(copy, field, _shown(payload, message, secrets=self.wanted.secrets))
        copy.lost, self._lost = self._lost, 0
        self._queue.append(copy)
        self._bytes += copy.ByteSize()

    async def messages(self) -> AsyncIterator[Message]:
        """For ever. What was lost at the end of a burst is told by a message that is nothing else."""
        while True:
            await self._filled.wait()
            while self._queue:
                message = self._queue.popleft()
                self._bytes -= message.ByteSize()
                yield message
            if self._lost:
                lost, self._lost = self._lost, 0
                yield Message(lost=lost, time=time.time())
            if not self._queue and not self._lost:
                self._filled.clear()


def takes(wanted: Request, message: Message) -> bool:
    """Is this message among those asked for? Used where it is captured and where a recording is read."""
    return (
        (wanted.served or not message.served)
        and (not wanted.errors or message.failed)
        and (not wanted.method or wanted.method.lower() in f"{message.method} {message.detail}".lower())
        and (not wanted.kind or fnmatchcase(fold_kind(message.kind), fold_kind(wanted.kind)))
        and (not wanted.namespace or fnmatchcase(message.namespace, wanted.namespace))
        and (not wanted.name or fnmatchcase(message.name, wanted.name))
    )


def _shown(payload: Any, message: Message, *, secrets: bool) -> bytes:
    from wire.masking import Spoken, masked
    from wire.traffic import json_of

    if isinstance(payload, Spoken) and payload and not secrets:
        return b'"***"'
    raw = json_of(payload)
    if not secrets:
        raw = masked(raw, message.kind, message.detail)
    if len(raw) <= WIRE_BODY_BYTES:
        return raw
    return b'"(%d bytes, more than the %d that are shown)"' % (len(raw), WIRE_BODY_BYTES)
