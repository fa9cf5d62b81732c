"""Running many writes: all at once up to a bound, or in growing batches that stop at the first failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from apimachinery.errors import ApiError
from controller_manager.limits import SLOW_START_BATCH, WRITES_AT_ONCE

A = TypeVar("A")


async def slow_start(count: int, step: Callable[[int], Awaitable[None]]) -> tuple[int, ApiError | None]:
    """Run `step(0..count-1)` in batches of 1, 2, 4, ...; after a batch with a failure no other begins.

    So a pod that cannot be created is tried once, not a thousand times. Gives how many succeeded, and a failure.
    """
    succeeded, begun, batch = 0, 0, SLOW_START_BATCH
    while begun < count:
        size = min(batch, count - begun)
        failures = await _gather(step(index) for index in range(begun, begun + size))
        succeeded += size - len(failures)
        if failures:
            return succeeded, failures[0]
        begun += size
        batch *= 2
    return succeeded, None


async def for_all(items: Iterable[A], step: Callable[[A], Awaitable[None]]) -> ApiError | None:
    """Run `step` for each item, a bounded number at once, and give a failure if there was one."""
    slots = asyncio.Semaphore(WRITES_AT_ONCE)

    async def one(item: A) -> None:
        async with slots:
            await step(item)

    failures = await _gather(one(item) for item in items)
    return failures[0] if failures else None


async def _gather(steps: Iterable[Awaitable[None]]) -> list[ApiError]:
    """All steps' failures; anything but an ApiError is a bug and is raised."""
    failures: list[ApiError] = []

    async def run(step: Awaitable[None]) -> None:
        try:
            await step
        except ApiError as error:
            failures.append(error)

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(run(step))
    return failures
