"""What a stranger asks of its apiserver: whether it asks at all, and what was refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from cli.compare.arena import Arena, open_channel
from cli.compare.limits import REFUSALS
from proto import debug_pb2, debug_pb2_grpc

_HEALTHY = ("NotFound", "404", "Expired", "410", "Cancelled")  # answers, not refusals


class Ear:
    """Of one arena. `identity` is the name that its component shows."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self.heard = 0
        self.refused: Counter[str] = Counter()

    def take(self, message: debug_pb2.WireMessage) -> None:
        if message.caller != self._identity:
            return
        self.heard += 1
        if not message.failed or message.status in _HEALTHY:
            return
        about = f"{message.kind} {message.namespace}/{message.name}" if message.name else message.kind
        text = f"{message.method} {message.detail} {about}: {message.status}"
        if len(self.refused) < REFUSALS or text in self.refused:
            self.refused[" ".join(text.split())] += 1


@asynccontextmanager
async def open_ear(arena: Arena, identity: str) -> AsyncIterator[Ear]:
    ear = Ear(identity)
    async with open_channel(arena, "apiserver-rpc") as channel:
        listening = asyncio.create_task(_listen(debug_pb2_grpc.DebugStub(channel), ear))
        try:
            yield ear
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _listen(stub: debug_pb2_grpc.DebugAsyncStub, ear: Ear) -> None:
    """Until the apiserver ends, which others notice, too."""
    try:
        async for message in stub.Wire(debug_pb2.WireRequest(served=True)):
            ear.take(message)
    except grpc.aio.AioRpcError:
        return
