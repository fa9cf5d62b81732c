"""A Docker engine that can be taken away: a socket of our own in front of the real one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ENGINE = "/var/run/docker.sock"
_BACKLOG = 128


class EngineProxy:
    """`address` is what a runtime is told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.address = f"unix://{path}"
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self.taken = 0
        """How many connections came through so far."""
        self.refused = 0
        """How many were closed at once."""

    async def restore(self) -> None:
        self._refuses = False
        await self._listen()

    async def refuse(self) -> None:
        """As if the engine were dying: every connection breaks, and each new one at once."""
        await self.cut()
        self._refuses = True
        await self._listen()

    async def _listen(self) -> None:
        self._close()
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    async def cut(self) -> None:
        """As if the engine had died: every connection breaks, and none can be made."""
        self._path.unlink(missing_ok=True)
        self._close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _close(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def hang(self) -> None:
        """As if the engine had been frozen: connections are taken and stay, and nothing comes through."""
        self._flows.clear()

    async def thaw(self) -> None:
        self._flows.set()

    def _accept(self, listener: socket.socket) -> None:
        """Not asyncio's own way: that forgets a connection which it takes just as the listener is closed."""
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        if self._refuses:
            self.refused += 1
            connection.close()
            return
        self.taken += 1
        connection.setblocking(False)
        task = asyncio.ensure_future(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        writers: list[asyncio.StreamWriter] = []
        try:
            reader, writer = await asyncio.open_unix_connection(sock=connection)
            writers.append(writer)
            await self._flows.wait()
            engine_reader, engine_writer = await asyncio.open_unix_connection(_ENGINE)
            writers.append(engine_writer)
            await asyncio.gather(self._pipe(reader, engine_writer), self._pipe(engine_reader, writer))
        finally:
            for one in writers:
                one.transport.abort()
            connection.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()


@asynccontextmanager
async def engine_proxy(directory: Path) -> AsyncIterator[EngineProxy]:
    proxy = EngineProxy(directory / "engine.sock")
    await proxy.restore()
    try:
        yield proxy
    finally:
        await proxy.cut()
