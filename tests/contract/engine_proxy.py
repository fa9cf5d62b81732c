"""A Docker engine that can be taken away: a socket of our own in front of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ENGINE = "/var/run/docker.sock"


class EngineProxy:
    """`address` is what a runtime is told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.address = f"unix://{path}"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    async def restore(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))

    async def cut(self) -> None:
        """As if the engine had died: every connection breaks, and none can be made."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._path.unlink(missing_ok=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def hang(self) -> None:
        """As if the engine had been frozen: connections are taken and stay, and nothing comes through."""
        self._flows.clear()

    async def thaw(self) -> None:
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        engine_reader, engine_writer = await asyncio.open_unix_connection(_ENGINE)
        ends = {writer, engine_writer}
        self._writers |= ends
        try:
            await asyncio.gather(self._pipe(reader, engine_writer), self._pipe(engine_reader, writer))
        finally:
            for end in ends:
                end.close()
            self._writers -= ends

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
