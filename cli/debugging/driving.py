"""The real `Driven`: one Drive stream to every component, and the clock's file for those who come later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from apimachinery.clock import ClockState
from cli.debugging.fleet import Fleet, Stub
from cli.debugging.hidden import why_silent
from cli.debugging.rest import Reports
from cli.debugging.targets import Target
from cli.debugging.timeline import bend, write_line
from cli.spec import Paths
from proto import debug_pb2

REPORT_SECONDS = 5.0  # real time a component has to report
AGAIN_SECONDS = 0.5  # real time between attempts to reach one that was lost

Call = grpc.aio.StreamStreamCall[debug_pb2.DriveRequest, debug_pb2.DriveReport]


class _Driver:
    """One component. Lost, it is tried again now and then; it finds the clock in its file meanwhile."""

    def __init__(self, target: Target, stub: Stub, paths: Paths) -> None:
        self.target = target
        self._paths = paths
        self._stub = stub
        self._call: Call | None = None
        self._try_at = 0.0
        self.lost = ""

    async def report(self, clock: debug_pb2.ClockState) -> debug_pb2.DriveReport | None:
        if self._call is None and (time.monotonic() < self._try_at or self.target.frozen):
            self.lost = self.lost or why_silent(self._paths, self.target.pid)
            return None
        try:
            async with asyncio.timeout(REPORT_SECONDS):
                return await self._exchange(clock)
        except TimeoutError:
            late = f"no report within {REPORT_SECONDS:.0f} s"
            self._lose(why_silent(self._paths, self.target.pid) if self.target.frozen else late)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            self._lose("does not answer")
        return None

    async def _exchange(self, clock: debug_pb2.ClockState) -> debug_pb2.DriveReport | None:
        if self._call is None:
            self._call = self._stub.Drive()
        await self._call.write(debug_pb2.DriveRequest(clock=clock))
        answer = await self._call.read()
        if not isinstance(answer, debug_pb2.DriveReport):
            self._lose("hung up")
            return None
        self.lost = ""
        return answer

    def _lose(self, why: str) -> None:
        self.close()
        self.lost = why
        self._try_at = time.monotonic() + AGAIN_SECONDS

    def close(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class DrivenFleet:
    """Every wave carries the clock, so that a component that was lost and found again has it too."""

    def __init__(self, fleet: Fleet, line: ClockState) -> None:
        self._fleet = fleet
        self._drivers = [_Driver(target, fleet.stub(target.component), fleet.paths) for target in fleet.targets]
        self.line = bend(line, time.monotonic(), 0.0)
        self.missed: dict[str, str] = {}  # who was out of reach at some time, and why

    async def wave(self, to: float | None = None) -> Reports:
        if to is not None:
            self.line = ClockState(time.monotonic(), to, 0.0)
            write_line(self._fleet.paths.clock, self.line)
        clock = debug_pb2.ClockState(**self.line._asdict())
        found = await asyncio.gather(*(driver.report(clock) for driver in self._drivers))
        self.missed |= {one.target.component: one.lost for one in self._drivers if one.lost}
        return {
            one.target.component: report for one, report in zip(self._drivers, found, strict=True) if report is not None
        }

    def close(self) -> None:
        for one in self._drivers:
            one.close()


@asynccontextmanager
async def driven(fleet: Fleet, line: ClockState) -> AsyncIterator[DrivenFleet]:
    """Stop the clock at where `line` is now, and have it driven."""
    found = DrivenFleet(fleet, line)
    try:
        await found.wave(found.line.cluster_time)
        yield found
    finally:
        found.close()
