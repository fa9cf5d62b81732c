"""A component that can stand still, as at a breakpoint: connections to it are taken, and nothing goes through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """Between a component and all who ask it."""

    def __init__(self) -> None:
        self.port = 0
        self._goes = asyncio.Event()
        self._goes.set()

    def stand(self) -> None:
        self._goes.clear()

    def go_on(self) -> None:
        self._goes.set()

    async def pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while some := await source.read(65536):
                await self._goes.wait()
                target.write(some)
                await target.drain()
        target.close()


@asynccontextmanager
async def relay_to(port: int) -> AsyncIterator[Relay]:
    relay = Relay()
    tasks: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        for source, target in ((reader, back), (there, writer)):
            tasks.add(asyncio.create_task(relay.pass_on(source, target)))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
