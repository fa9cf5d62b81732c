"""One term of leadership: builds every controller on shared informers and runs them until it is cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from client.api import ApiClient
from client.controller import run_controller
from client.informer import InformerFactory
from controller_manager.config import Config
from controller_manager.context import Context, Managed
from wire.seams import Seams

_log = logging.getLogger(__name__)


async def run_controllers(
    config: Config, api: ApiClient, seams: Seams, builders: Mapping[str, Callable[[Context], Managed]]
) -> None:
    """Never returns. In this order: handlers before events, full caches before the first reconcile."""
    context = Context(api, seams, config, InformerFactory(api, seams))
    managed = [build(context) for build in builders.values()]
    async with asyncio.TaskGroup() as group:
        group.create_task(context.informers.run())  # every resource that any of them watches, once
        for recorder in context.recorders.values():
            group.create_task(recorder.run())  # events out
        for loop in (loop for one in managed for loop in one.background):
            group.create_task(_forever(loop))  # caches and timers of their own
        await context.informers.wait_synced()
        for one in managed:
            group.create_task(_start(one, seams))  # the work loops
        _log.info("%d controllers at work", len(managed))


async def _start(managed: Managed, seams: Seams) -> None:
    if managed.ready is not None:
        await managed.ready()
    await run_controller(managed.controller, managed.queue, seams, workers=managed.workers)


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    await loop()
