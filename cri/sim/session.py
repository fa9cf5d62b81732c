"""Exec and attach on a simulated container: what annotations say, what the command plainly does, or an honest word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from apimachinery.clock import Clock
from cri.backend import Command, Output
from cri.records import Container
from cri.sim.profile import Profile
from cri.sim.script import Plan, plan

_STDIN_PIECES = 64  # pieces of stdin not yet echoed


class ExecSession:
    """A command that does not run."""

    def __init__(self, container: Container, command: Command, profile: Profile, clock: Clock) -> None:
        self._container = container
        self._command = command
        self._profile = profile
        self._clock = clock
        self._stdin: asyncio.Queue[bytes] = asyncio.Queue(_STDIN_PIECES)
        self._code = 0

    async def output(self) -> AsyncIterator[Output]:
        await self._clock.sleep(self._profile.exec_delay, f"exec in {self._container.name}")
        if self._profile.exec_stdout is not None or self._profile.exec_stderr or self._profile.exec_exit_code:
            self._code = self._profile.exec_exit_code
            for channel, text in ((1, self._profile.exec_stdout), (2, self._profile.exec_stderr)):
                if text:
                    yield Output(channel, text.encode() + b"\n")
        elif self._command.stdin and list(self._command.argv) == ["cat"]:
            while data := await self._stdin.get():
                yield Output(1, data)
        else:
            async for output in self._play(plan(self._command.argv)):
                yield output

    async def _play(self, planned: Plan | None) -> AsyncIterator[Output]:
        if planned is None:
            words = " ".join(self._command.argv)
            yield Output(1, f"simulated container {self._container.name}: not run: {words}\n".encode())
            return
        began = self._clock.time()
        for line in planned.lines:
            await self._clock.sleep_until(began + line.at, f"exec in {self._container.name}")
            yield Output(2 if line.stderr else 1, line.text.encode() + b"\n")
        if planned.run_seconds is None:
            await asyncio.get_running_loop().create_future()
        else:
            await self._clock.sleep_until(began + planned.run_seconds, f"exec in {self._container.name}")
        self._code = planned.exit_code

    async def write(self, data: bytes) -> None:
        if list(self._command.argv) == ["cat"]:
            await self._stdin.put(data)

    async def close_stdin(self) -> None:
        await self.write(b"")

    async def resize(self, width: int, height: int) -> None:
        return

    async def exit_code(self) -> int:
        return self._code

    async def kill(self) -> None:
        return


class AttachSession:
    """Nothing comes out; it ends with the container."""

    def __init__(self, wait_exited: Callable[[], Awaitable[None]]) -> None:
        self._wait_exited = wait_exited

    async def output(self) -> AsyncIterator[Output]:
        await self._wait_exited()
        nothing: tuple[Output, ...] = ()
        for one in nothing:
            yield one

    async def write(self, data: bytes) -> None:
        return

    async def close_stdin(self) -> None:
        return

    async def resize(self, width: int, height: int) -> None:
        return

    async def exit_code(self) -> int:
        return 0

    async def kill(self) -> None:
        return
