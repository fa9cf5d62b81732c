"""While a component under debug stands still, the cluster's clock stands still for all others.

Each such component is asked who it is, often; its event loop answers, unless it stands at a breakpoint, in `pdb`, or
was stopped by a signal. Who runs this is the supervisor, as long as anything is under debug. Real time, of course.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from apimachinery.clock import ClockState
from cli.debugging.fleet import Fleet, Stub, open_fleet
from cli.debugging.timeline import Written, bend, put, read_written, writing
from cli.errors import UserError
from cli.running import is_alive
from proto import debug_pb2, debug_pb2_grpc
from wire.channel import connect
from wire.seams import make_seams
from wire.tls import TlsFiles

PERIOD_SECONDS = 0.05  # between answers and the next question
DEADLINE_SECONDS = 0.15  # who has not answered by then stands still
TELL_SECONDS = 0.5  # for all others to hear of it; who did not finds it in the file

Debugged = dict[str, int]
"""By component: its process (0: none now)."""


@dataclass
class Judge:
    """Decides from answers who stands still."""

    known: dict[str, int] = field(default_factory=dict)  # the process that was last seen to listen
    standing: set[str] = field(default_factory=set)

    def hear(self, component: str, pid: int, alive: bool, answer: str) -> None:
        """`answer` is "" for one, `late` or `refused`: it is being started, ends, or has lost its connections.

        One that is being started under a debugger takes its time, longer than a leader without its apiserver has.
        """
        same = self.known.get(component) == pid
        if answer == "refused":
            stands = component in self.standing or not same
        else:
            stands, self.known[component] = answer == "late", pid
        (self.standing.add if alive and stands else self.standing.discard)(component)

    def forget_others(self, components: set[str]) -> None:
        self.standing &= components


class Line:
    """To one process at a time; a new one gets a new channel, which has no back-off behind it."""

    def __init__(self, address: str, connect: Callable[[str], grpc.aio.Channel]) -> None:
        self._address = address
        self._connect = connect
        self._pid = 0
        self._channel: grpc.aio.Channel | None = None

    async def ask(self, pid: int, *, standing: bool) -> str:
        """ "", `late` or `refused`; see `Judge.hear`."""
        if not pid or (pid != self._pid and not await _listens(self._address)):
            return "refused"
        if pid != self._pid or self._channel is None:
            await self.close()
            self._pid, self._channel = pid, self._connect(self._address)
        stub: Stub = debug_pb2_grpc.DebugStub(self._channel)
        try:
            await stub.Info(debug_pb2.InfoRequest(), timeout=DEADLINE_SECONDS, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return ""  # a stranger in its place, who answers
            # one that stands is not knocked at again: nobody would take the connections
            return "late" if standing or await _listens(self._address) else "refused"
        return ""

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
            self._channel = None


class Watchdog:
    """`debugged` says what to watch; `tell` is told who stands still whenever that changes.

    What the clock waits for, and at which pace it goes on then, is in its file: so it is ours only until somebody else
    sets it, and who steps it hears of it.
    """

    def __init__(self, cluster: str, debugged: Callable[[], Debugged], tell: Callable[[frozenset[str]], None]) -> None:
        self._cluster = cluster
        self._debugged = debugged
        self._tell = tell
        self._judge = Judge()

    async def run(self) -> None:
        """Until nothing is under debug."""
        async with open_fleet(self._cluster) as fleet:
            tls, seams = TlsFiles.in_directory(fleet.paths.pki, "admin"), make_seams("orrery")

            def connected(address: str) -> grpc.aio.Channel:
                return connect(address, seams, tls, server_name="orrery")

            lines = {one.component: Line(one.address, connected) for one in fleet.targets}
            left = read_written(fleet.paths.clock)
            self._judge.standing.update(left.waits_for if left else ())  # one that was killed left it
            try:
                while debugged := self._debugged():
                    await self._look(fleet, lines, debugged)
                    await asyncio.sleep(PERIOD_SECONDS)
            finally:
                await self._go_on(fleet)
                self._tell(frozenset())
                for line in lines.values():
                    await line.close()

    async def _look(self, fleet: Fleet, lines: dict[str, Line], debugged: Debugged) -> None:
        was = frozenset(self._judge.standing)
        asked = [lines[name].ask(pid, standing=name in was) for name, pid in debugged.items()]
        answers = await asyncio.gather(*asked)
        for (name, pid), answer in zip(debugged.items(), answers, strict=True):
            self._judge.hear(name, pid, bool(pid) and is_alive(pid), answer)
        self._judge.forget_others(set(debugged))
        await self._act(fleet, frozenset(self._judge.standing), was)

    async def _act(self, fleet: Fleet, standing: frozenset[str], was: frozenset[str]) -> None:
        if standing == was:
            return
        if not standing:
            await self._go_on(fleet)
        elif was:
            _note(fleet, standing)
        else:
            await _stop(fleet, standing)
        self._tell(standing)

    async def _go_on(self, fleet: Fleet) -> None:
        """At the rate of before, unless somebody has set another one meanwhile, or steps on."""
        path = fleet.paths.clock
        with writing(path):
            found = read_written(path)
            if found is None or not found.waits_for:
                return
            if found.stepped:
                put(path, found._replace(waits_for=()))
                return
            line = bend(found.line, time.monotonic(), found.pace)
            put(path, Written(line))
        await _tell(fleet, line, frozenset())


async def _stop(fleet: Fleet, standing: frozenset[str]) -> None:
    """Between two steps it stands already; nobody takes the next one as long as this is noted."""
    path, whom = fleet.paths.clock, tuple(sorted(standing))
    with writing(path):
        before = read_written(path) or Written(ClockState(time.monotonic(), time.time(), 1.0))
        if before.stepped:
            put(path, before._replace(waits_for=whom))
            return
        line = bend(before.line, time.monotonic(), 0.0)
        put(path, Written(line, before.pace, whom))
    await _tell(fleet, line, standing)


def _note(fleet: Fleet, standing: frozenset[str]) -> None:
    """The clock stands already, for others."""
    path = fleet.paths.clock
    with writing(path):
        found = read_written(path)
        if found is not None and found.waits_for:
            put(path, found._replace(waits_for=tuple(sorted(standing))))


async def _tell(fleet: Fleet, line: ClockState, standing: frozenset[str]) -> None:
    state = debug_pb2.ClockState(**line._asdict())
    others = [one.component for one in fleet.targets if one.component not in standing]
    try:
        async with asyncio.timeout(TELL_SECONDS):
            await fleet.ask_each(lambda _, stub: stub.SetClock(state), others)
    except (TimeoutError, UserError):
        return  # they look at the file within a second


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            _, writer = await asyncio.open_connection(host, int(port))
    except OSError:  # a timeout is one, too
        return False
    writer.close()
    return True
