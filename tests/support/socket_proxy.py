"""A Docker engine that can be made to die: a proxy before the real one's socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contract.engine_proxy import EngineProxy


class SocketProxy:
    """`engine_proxy`, for tests that are not asynchronous."""

    def __init__(self, directory: Path) -> None:
        self._proxy = EngineProxy(directory / "engine.sock")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine proxy")

    @property
    def address(self) -> str:
        """For DOCKER_HOST."""
        return self._proxy.address

    def cut(self) -> None:
        """The engine dies: nobody listens, and every connection breaks."""
        self._run(self._proxy.cut())

    def restore(self) -> None:
        self._run(self._proxy.restore())

    def refuse(self) -> None:
        """The engine is dying: every connection breaks, and each new one at once."""
        self._run(self._proxy.refuse())

    @property
    def taken(self) -> int:
        """How many connections came through so far."""
        return self._proxy.taken

    @property
    def refused(self) -> int:
        return self._proxy.refused

    def hang(self) -> None:
        """The engine freezes: it takes connections, and nothing comes back."""
        self._run(self._proxy.hang())

    def thaw(self) -> None:
        self._run(self._proxy.thaw())

    def start(self) -> None:
        self._thread.start()
        self.restore()

    def stop(self) -> None:
        self.thaw()
        self.cut()
        self._run(_settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)


async def _settle() -> None:
    """Let connections that were cut come to their end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=5)


@contextmanager
def socket_proxy(directory: Path) -> Iterator[SocketProxy]:
    proxy = SocketProxy(directory)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
