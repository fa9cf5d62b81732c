"""Exec and attach: a hijacked connection to the engine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from apimachinery.errors import ApiError
from cri.backend import Command, Output, Session
from cri.docker.engine import Engine
from cri.docker.frames import demultiplex
from cri.docker.stream import EngineStream
from cri.records import Container

log = logging.getLogger(__name__)

_EXIT_POLLS = 50  # the engine notes an exec's exit a moment after its output has ended
_EXIT_POLL_SECONDS = 0.02

_END_OF_TRANSMISSION = b"\x04"

Resize = Callable[[int, int], Awaitable[None]]


class DockerSession:
    """Implements `cri.backend.Session`. `exec_id` is empty for an attachment."""

    def __init__(self, engine: Engine, stream: EngineStream, resize: Resize, *, tty: bool, exec_id: str = "") -> None:
        self._engine = engine
        self._stream = stream
        self._resize = resize
        self._tty = tty
        self._exec_id = exec_id

    async def output(self) -> AsyncIterator[Output]:
        async for output in demultiplex(self._stream.chunks(), tty=self._tty):
            yield output

    async def write(self, data: bytes) -> None:
        try:
            await self._stream.write(data)
        except OSError:
            log.debug("exec %s no longer reads", self._exec_id[:12])

    async def close_stdin(self) -> None:
        """On a terminal an end of input is typed; ending the stream would end the engine's answer too."""
        if self._tty:
            await self.write(_END_OF_TRANSMISSION)
            return
        try:
            self._stream.write_eof()
        except OSError:
            log.debug("exec %s is gone already", self._exec_id[:12])

    async def resize(self, width: int, height: int) -> None:
        """A terminal that is gone already cannot be resized, and need not be."""
        try:
            await self._resize(width, height)
        except ApiError as error:
            log.debug("resize: %s", error.message)

    async def exit_code(self) -> int:
        if not self._exec_id:
            return 0
        for _ in range(_EXIT_POLLS):
            found = await self._inspect()
            if not found["Running"] and found["ExitCode"] is not None:
                return int(found["ExitCode"])
            await asyncio.sleep(_EXIT_POLL_SECONDS)  # real time: it is the engine we wait for
        raise ApiError("InternalError", "the command closed its output but does not end")

    async def kill(self) -> None:
        """The engine cannot kill an exec'd process; we can where we share its host."""
        if not self._exec_id:
            return
        try:
            found = await self._inspect()
            if found["Running"] and found["Pid"] and _is_in_container(found["Pid"], found["ContainerID"]):
                os.kill(found["Pid"], signal.SIGKILL)
        except (ApiError, OSError) as error:
            log.info("exec %s could not be killed: %s", self._exec_id[:12], error)

    async def _inspect(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = await self._engine.call("exec_inspect", lambda api: api.exec_inspect(self._exec_id))
        return found


def _is_in_container(pid: int, container_id: str) -> bool:
    """Never kill a process of another host's numbering that happens to have this number here."""
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            return container_id in file.read()
    except OSError:
        return False


@asynccontextmanager
async def open_exec(engine: Engine, container: Container, command: Command) -> AsyncIterator[Session]:
    created = await engine.call(
        "exec_create",
        lambda api: api.exec_create(
            container.id, list(command.argv), stdin=command.stdin, tty=command.tty, stdout=True, stderr=True
        ),
        subject=container.name,
    )
    exec_id = str(created["Id"])

    async def resize(width: int, height: int) -> None:
        await engine.call("exec_resize", lambda api: api.exec_resize(exec_id, height=height, width=width))

    body = {"Detach": False, "Tty": command.tty}
    async with engine.stream("POST", f"/exec/{exec_id}/start", body=body, upgrade=True, of=container.id) as stream:
        yield DockerSession(engine, stream, resize, tty=command.tty, exec_id=exec_id)


@asynccontextmanager
async def open_attach(engine: Engine, container: Container, *, stdin: bool) -> AsyncIterator[Session]:
    async def resize(width: int, height: int) -> None:
        await engine.call("resize", lambda api: api.resize(container.id, height=height, width=width))

    query = {"stream": 1, "stdout": 1, "stderr": 1, "stdin": int(stdin)}
    path = f"/containers/{container.id}/attach"
    async with engine.stream("POST", path, query, {}, upgrade=True) as stream:
        yield DockerSession(engine, stream, resize, tty=container.tty)
