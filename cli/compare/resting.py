"""When has a side come to rest? Ours says so itself: nothing is under way in it or in the apiserver, all that was
written has been seen, and no work waits to be looked at again soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

import grpc

from cli.compare.arena import Arena, Running, open_channel
from cli.compare.journal import Journal
from cli.compare.limits import POLL_SECONDS, REST_SECONDS, START_SECONDS, TIMERS_SECONDS
from cli.debugging.fleet import Stub
from cli.debugging.rest import Reports
from cli.debugging.stepping import Conductor
from cli.errors import UserError
from cli.etcd.connection import Stub as EtcdStub
from proto import debug_pb2, debug_pb2_grpc
from wire.channel import connect
from wire.errors import from_rpc_error
from wire.seams import make_seams
from wire.tls import TlsFiles

_WORK: Final = ("queue ", "scheduling queue")  # timers of work that waits; all others are looks at the clock
_FIRST_WATCH: Final = "watch:namespaces"  # there are namespaces from the beginning, and both components watch them

Call = grpc.aio.StreamStreamCall[debug_pb2.DriveRequest, debug_pb2.DriveReport]


class Rest(Protocol):
    """Of one side."""

    async def begin(self) -> None:
        """Until it is at work. Raises UserError if it does not come to that."""

    async def come(self, asked: Callable[[], bool]) -> bool:
        """Wait for rest; False if it did not come in time. `asked` says whether something waits for an answer."""


class Asked:
    """The apiserver and our component, asked for reports only: their clocks are left alone."""

    stood = 0.0  # nothing is under debug here

    def __init__(self, stubs: dict[str, Stub]) -> None:
        self._calls: dict[str, Call] = {name: stub.Drive() for name, stub in stubs.items()}

    async def wave(self, to: float | None = None) -> Reports:
        found: Reports = {}
        for name, call in self._calls.items():
            await call.write(debug_pb2.DriveRequest())
            report = await call.read()
            if isinstance(report, debug_pb2.DriveReport):
                found[name] = report
        return found

    def close(self) -> None:
        for call in self._calls.values():
            call.cancel()


class OursRests:
    """`stubs` are the Debug services of the apiserver and of the component, in that order."""

    def __init__(self, process: Running, stubs: dict[str, Stub], journal: Journal, etcd: EtcdStub) -> None:
        self._process = process
        self._stubs = stubs
        self._component = stubs[process.name]
        self._journal = journal
        self._etcd = etcd
        self._asked: Asked | None = None

    async def begin(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not await self._watches():
            if self._process.over:
                raise UserError(f"our {self._process.name} ended: {self._process.end}")
            if time.monotonic() > deadline:
                raise UserError(f"our {self._process.name} does not begin; see {self._process.log}")
            await asyncio.sleep(POLL_SECONDS)
        self._asked = Asked(self._stubs)
        await self.come(lambda: False)

    async def come(self, asked: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + REST_SECONDS
        before: tuple[int, int] | None = None
        try:
            while time.monotonic() < deadline:
                after = await self._look(deadline - time.monotonic())
                due = await self._due()
                if after == before and not due:
                    return True
                before = after
                await asyncio.sleep(max(0.0, due - time.time()) + POLL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise self._gone(from_rpc_error(error).message) from None
        except asyncio.InvalidStateError:
            raise self._gone("it hung up") from None
        return False

    async def _look(self, seconds: float) -> tuple[int, int]:
        """Settle; then etcd's revision and what has happened in the component so far. Two that are the same, with a
        moment between them, are rest: what was on its way between two processes would have arrived."""
        assert self._asked is not None
        await self._journal.catch_up(self._etcd)
        reports = await Conductor(self._asked, seconds).settle()
        revision = await self._journal.catch_up(self._etcd)
        return revision, reports[self._process.name].progress if self._process.name in reports else -1

    async def _due(self) -> float:
        """Unix time of the next work that waits, if that is soon; else 0."""
        timers = (await self._component.ListTimers(debug_pb2.ListTimersRequest())).timers
        soon = time.time() + TIMERS_SECONDS
        return min((one.deadline for one in timers if one.why.startswith(_WORK) and one.deadline < soon), default=0.0)

    async def _watches(self) -> bool:
        try:
            edges = (await self._component.ListEdges(debug_pb2.ListEdgesRequest())).edges
        except grpc.aio.AioRpcError as error:
            if from_rpc_error(error).code != 503:
                raise
            return False
        return any(one.name == _FIRST_WATCH and one.passed for one in edges)

    def _gone(self, why: str) -> UserError:
        what = f"ended: {self._process.end}" if self._process.over else f"or its apiserver does not answer: {why}"
        return UserError(f"our {self._process.name} {what}")

    def close(self) -> None:
        if self._asked is not None:
            self._asked.close()


@asynccontextmanager
async def ours_rests(
    arena: Arena, process: Running, journal: Journal, etcd: EtcdStub
) -> AsyncIterator[tuple[OursRests, dict[str, Stub]]]:
    """And the Debug services of the apiserver and of the component."""
    tls, seams = TlsFiles.in_directory(arena.paths.pki, "admin"), make_seams("orrery")
    async with (
        open_channel(arena, "apiserver-rpc") as apiserver,
        connect(arena.address(process.name), seams, tls, server_name="orrery") as component,
    ):
        stubs = {"apiserver": debug_pb2_grpc.DebugStub(apiserver), process.name: debug_pb2_grpc.DebugStub(component)}
        rests = OursRests(process, stubs, journal, etcd)
        try:
            yield rests, stubs
        finally:
            rests.close()
