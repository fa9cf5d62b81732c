"""The traffic of all components as one stream, in order of time. Components may go and come back."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import grpc

from cli.debugging.fleet import Fleet
from cli.debugging.targets import Target
from cli.errors import UserError
from proto.debug_pb2 import WireMessage, WireRequest
from wire.errors import from_rpc_error

ORDER_SECONDS: Final = 0.15  # real time that messages wait for earlier ones of other components
RETRY_SECONDS: Final = 0.5
WAITING: Final = 4096  # messages taken in and not shown; then components have to wait, and drop


async def follow(fleet: Fleet, asked: WireRequest, take: Callable[[WireMessage], bool]) -> None:
    """Hand over all messages in order of time, until `take` says that it has enough.

    Raises a group of UserErrors if a component refuses.
    """
    names = names_of(fleet.cluster.addresses)
    queue: asyncio.Queue[WireMessage] = asyncio.Queue(WAITING)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_listen(fleet, one, asked, queue)) for one in fleet.targets]
        enough = False
        waiting: list[tuple[float, int, WireMessage]] = []
        numbers = itertools.count()
        while not enough:
            message = await _next(queue, waiting)
            if message is not None:
                message.caller, message.callee = _named(message.caller, names), _named(message.callee, names)
                heapq.heappush(waiting, (message.time, next(numbers), message))
            elif waiting:
                enough = take(heapq.heappop(waiting)[2])
        for task in tasks:
            task.cancel()


async def _next(queue: asyncio.Queue[WireMessage], waiting: list[tuple[float, int, WireMessage]]) -> WireMessage | None:
    """The next message that comes in, or None when the earliest of those that wait is due."""
    left = waiting[0][0] + ORDER_SECONDS - time.time() if waiting else None
    if len(waiting) >= WAITING or (left is not None and left <= 0):
        return None
    try:
        async with asyncio.timeout(left):
            return await queue.get()
    except TimeoutError:
        return None


async def _listen(fleet: Fleet, target: Target, asked: WireRequest, queue: asyncio.Queue[WireMessage]) -> None:
    """Until cancelled; tells once when the component stays away. A first attempt may fail where much goes on."""
    failures, why = 0, "it ended the stream"
    while True:
        try:
            async for message in fleet.stub(target.component).Wire(asked):
                message.component = message.component or target.component
                await queue.put(message)
                failures = 0
        except grpc.aio.AioRpcError as error:
            problem = from_rpc_error(error)
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise UserError(
                    f"{target.component} does not tell its traffic: it runs other code; restart it"
                ) from None
            if problem.code not in (500, 503, 504):
                raise UserError(f"{target.component}: {problem.message}") from None
            why = problem.message
        failures += 1
        if failures == 2:
            print(f"--- {target.component} is not reached, trying again ({why})", file=sys.stderr)
        await asyncio.sleep(RETRY_SECONDS)


def names_of(addresses: Mapping[str, str]) -> dict[str, str]:
    """Who listens where."""
    aliases = {"apiserver-rpc": "apiserver", "dns-debug": "dns", "etcd-peer": "etcd"}
    return {address: aliases.get(name, name) for name, address in addresses.items()}


def _named(end: str, names: Mapping[str, str]) -> str:
    if end.startswith("unix:") and end.endswith("/cri.sock"):
        return f"runtime-{Path(end).parent.name}"
    return names.get(end, end)
