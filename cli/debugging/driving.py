"""The real `Driven`: one Drive stream to every component, and the clock's file for those who come later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from apimachinery.clock import ClockState
from cli.debugging.fleet import Fleet, Stub, why_absent
from cli.debugging.hidden import why_silent
from cli.debugging.rest import Reports
from cli.debugging.targets import Target
from cli.debugging.telling import read_line
from cli.debugging.timeline import Written, bend, pace, put, read_written, show_time, writing
from cli.errors import UserError
from cli.signals import Ended, ended_by_signals
from cli.spec import Paths
from proto import debug_pb2

REPORT_SECONDS = 5.0  # real time a component has to report
LOOK_SECONDS = 0.05  # real time between looks whether somebody still stands
AGAIN_SECONDS = 0.5  # real time between attempts to reach one that was lost
SLOW_SECONDS = 1.0  # real time after which one that stands still is not just slow on a busy machine
OTHERS = "another has set the clock"

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
        except grpc.aio.AioRpcError as error:
            self._lose(why_absent(error, self.target) or "does not answer")
        except asyncio.InvalidStateError:
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

    def try_now(self) -> None:
        self._try_at = 0.0

    def close(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class DrivenFleet:
    """Every wave carries the clock, so that a component that was lost and found again has it too.

    The clock's file is ours from `begin` to `end`. If the watchdog notes there that a component stands still, nothing
    moves on until it does.
    """

    def __init__(self, fleet: Fleet, line: ClockState) -> None:
        self._fleet = fleet
        self._path = fleet.paths.clock
        self._drivers = [_Driver(target, fleet.stub(target.component), fleet.paths) for target in fleet.targets]
        self.line = line
        self._rate = 0.0  # of afterwards
        self.stood = 0.0
        self.missed: dict[str, str] = {}  # who was out of reach at some time, and why
        self.afterwards = ""
        """What the clock does when all is over, to read."""

    async def begin(self, *, stand: bool) -> None:
        """Stop the clock; afterwards it goes on as before, or is to `stand`.

        Raises UserError if a component under debug stands still, and is not only slow to answer.
        """
        until = time.monotonic() + SLOW_SECONDS
        while waiting := self._begin(stand=stand):
            if time.monotonic() > until:
                raise UserError(f"{waiting}: let it go on first, or step without it after orrery clock pause")
            await asyncio.sleep(LOOK_SECONDS)

    def _begin(self, *, stand: bool) -> str:
        """Gives whom the clock waits for, "" if it is ours now."""
        with writing(self._path):
            found = read_written(self._path) or Written(self.line)
            if found.waits_for:
                return found.waiting
            self._rate = 0.0 if stand else found.pace
            self.afterwards = pace(self._rate) + ("" if stand else " as before")
            self.line = bend(found.line, time.monotonic(), 0.0)
            put(self._path, Written(self.line, self._rate, stepped=True))
            return ""

    async def wave(self, to: float | None = None) -> Reports:
        """Raises UserError if the clock's file is no longer ours."""
        if to is not None:
            await self._move(ClockState(time.monotonic(), to, 0.0))
        clock = debug_pb2.ClockState(**self.line._asdict())
        found = await self._reports(clock)
        while await self._waited():
            found = await self._reports(clock)  # what it had under way belongs to this moment
        self.missed |= {one.target.component: one.lost for one in self._drivers if one.lost}
        return {
            one.target.component: report for one, report in zip(self._drivers, found, strict=True) if report is not None
        }

    async def _reports(self, clock: debug_pb2.ClockState) -> list[debug_pb2.DriveReport | None]:
        return await asyncio.gather(*(driver.report(clock) for driver in self._drivers))

    async def _waited(self) -> bool:
        """Whether somebody stood still. Then nobody does any more."""
        began = time.monotonic()
        stood = False
        while self._ours().waits_for:
            stood = True
            await asyncio.sleep(LOOK_SECONDS)
        if stood:
            self.stood += time.monotonic() - began
            for one in self._drivers:
                one.try_now()
        return stood

    async def _move(self, line: ClockState) -> None:
        while True:
            with writing(self._path):
                found = self._ours()
                if not found.waits_for:
                    put(self._path, found._replace(line=line))
                    self.line = line
                    return
            await self._waited()

    def _ours(self) -> Written:
        """What the file says. Raises UserError if it is not ours any more."""
        found = read_written(self._path)
        if found is None or found.line != self.line:
            raise UserError(f"the step ended at {show_time(self.line.cluster_time)}: {OTHERS}")
        return found

    async def end(self) -> None:
        """Let the clock go on; if somebody stands still, as soon as he goes on. Not if it is somebody else's by now."""
        for one in self._drivers:
            one.close()
        with writing(self._path):
            found, now = read_written(self._path), time.monotonic()
            after = bend(ClockState(now, self.line.cluster_time, 0.0), now, self._rate)
            if found is None or found.line != self.line:
                self.afterwards = OTHERS
                return
            if found.waits_for:
                self.afterwards = f"{found.waiting}; then it is {pace(self._rate)}"
                put(self._path, found._replace(stepped=False))
                return
            put(self._path, Written(after))
        state = debug_pb2.ClockState(**after._asdict())
        self.missed |= (await self._fleet.ask(lambda stub: stub.SetClock(state))).missing


@asynccontextmanager
async def driven(fleet: Fleet, *, stand: bool = False) -> AsyncIterator[DrivenFleet]:
    """Stop the clock where it is and have it driven. Then it goes on at its pace of before, or is to `stand`; so it
    does, too, when the body fails, or is ended by Ctrl-C or a signal. Raises UserError."""
    found = DrivenFleet(fleet, await read_line(fleet))
    try:
        with ended_by_signals():
            await found.begin(stand=stand)
            try:
                await found.wave()
                yield found
            finally:
                await found.end()
    except Ended as error:
        raise UserError(f"the step was ended by {error}; {found.afterwards}") from None
