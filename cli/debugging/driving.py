"""The real `Driven`: one Drive stream to every component, and the clock's file for those who come later."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import grpc

from apimachinery.clock import ClockState
from cli.debugging.fleet import Fleet, Stub, why_absent
from cli.debugging.hidden import why_silent
from cli.debugging.rest import Reports
from cli.debugging.targets import Target
from cli.debugging.telling import read_line
from cli.debugging.timeline import Written, bend, pace, put, read_written, replace_line, show_time, writing
from cli.errors import UserError
from cli.spec import Paths
from proto import debug_pb2

REPORT_SECONDS = 5.0  # real time a component has to report
LOOK_SECONDS = 0.2  # real time between looks at the clock's file while reports are awaited
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

    def close(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class DrivenFleet:
    """Every wave carries the clock, so that a component that was lost and found again has it too.

    The clock's file is ours from `begin` to `end`, unless the watchdog takes it for a component that stands still: then
    the way ends where it is.
    """

    def __init__(self, fleet: Fleet, line: ClockState) -> None:
        self._fleet = fleet
        self._drivers = [_Driver(target, fleet.stub(target.component), fleet.paths) for target in fleet.targets]
        self.line = line
        self._rate = 0.0  # of afterwards
        self.missed: dict[str, str] = {}  # who was out of reach at some time, and why
        self.afterwards = ""
        """What the clock does when all is over, to read."""

    def begin(self, *, stand: bool) -> None:
        """Stop the clock; afterwards it goes on as before, or is to `stand`.

        Raises UserError while a component under debug stands still.
        """
        path = self._fleet.paths.clock
        with writing(path):
            found = read_written(path) or Written(self.line)
            if found.waits_for:
                raise UserError(f"{found.waiting}: let it go on first, or step without it after orrery clock pause")
            self._rate = 0.0 if stand else found.pace
            self.afterwards = pace(self._rate) + ("" if stand else " as before")
            self.line = bend(found.line, time.monotonic(), 0.0)
            put(path, Written(self.line, self._rate))

    async def wave(self, to: float | None = None) -> Reports:
        """Raises UserError if the clock's file is no longer ours."""
        if to is not None:
            self._move(ClockState(time.monotonic(), to, 0.0))
        clock = debug_pb2.ClockState(**self.line._asdict())
        found = await self._reports(clock)
        self.missed |= {one.target.component: one.lost for one in self._drivers if one.lost}
        self._require_ours()
        return {
            one.target.component: report for one, report in zip(self._drivers, found, strict=True) if report is not None
        }

    async def _reports(self, clock: debug_pb2.ClockState) -> list[debug_pb2.DriveReport | None]:
        """One that stands still is not waited for once the watchdog has seen it."""

        async def every() -> list[debug_pb2.DriveReport | None]:
            return await asyncio.gather(*(driver.report(clock) for driver in self._drivers))

        asked = asyncio.create_task(every())
        try:
            while not (await asyncio.wait((asked,), timeout=LOOK_SECONDS))[0]:
                self._require_ours()
            return asked.result()
        finally:
            asked.cancel()

    def _move(self, line: ClockState) -> None:
        if replace_line(self._fleet.paths.clock, self.line, Written(line, self._rate)):
            self.line = line
        self._require_ours()

    def _require_ours(self) -> None:
        found = read_written(self._fleet.paths.clock)
        if found is None or found.line != self.line:
            raise UserError(f"the step ended at {show_time(self.line.cluster_time)}: {_taken(found)}")

    async def end(self) -> None:
        """Let the clock go on, unless it is somebody else's by now."""
        for one in self._drivers:
            one.close()
        path, now = self._fleet.paths.clock, time.monotonic()
        after = bend(ClockState(now, self.line.cluster_time, 0.0), now, self._rate)
        if not replace_line(path, self.line, Written(after)):
            self.afterwards = _taken(read_written(path))
            return
        state = debug_pb2.ClockState(**after._asdict())
        self.missed |= (await self._fleet.ask(lambda stub: stub.SetClock(state))).missing


def _taken(found: Written | None) -> str:
    if found is None or not found.waits_for:
        return "another has set the clock"
    return f"{found.waiting}; then it is {pace(found.pace)}"


@asynccontextmanager
async def driven(fleet: Fleet, *, stand: bool = False) -> AsyncIterator[DrivenFleet]:
    """Stop the clock where it is and have it driven. Then it goes on at its pace of before, or is to `stand`; so it
    does, too, when the body fails, or is ended by Ctrl-C or a signal. Raises UserError."""
    found = DrivenFleet(fleet, await read_line(fleet))
    with _ended_by_signals(found):
        found.begin(stand=stand)
        try:
            await found.wave()
            yield found
        finally:
            await found.end()


@contextmanager
def _ended_by_signals(orchestra: DrivenFleet) -> Iterator[None]:
    """SIGTERM, and SIGHUP of a terminal that has gone, cancel the body as Ctrl-C does. Raises UserError then."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    heard: list[str] = []

    def end(number: signal.Signals) -> None:
        heard.append(number.name)
        task.cancel()

    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    except asyncio.CancelledError:
        if not heard:
            raise
        task.uncancel()
        raise UserError(f"the step was ended by {heard[0]}; {orchestra.afterwards}") from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
