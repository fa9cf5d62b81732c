"""Waiting in real time, without counting that in which nobody could have gone on."""

from __future__ import annotations

import asyncio

import pytest

from apimachinery.clock import Clock, ClockState
from apimachinery.patience import TICK_SECONDS, patience
from tests.support.standing import Host

SECONDS = 10.0


async def turns() -> None:
    """Let timers that are due fire, and who waits for them go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def wait(host: Host, answer: asyncio.Future[str], clock: Clock | None = None) -> str:
    try:
        async with patience(SECONDS, clock):
            return await answer
    except TimeoutError:
        return "gave up"


async def run_for(host: Host, seconds: float) -> None:
    """So much time passes while the process looks at it often."""
    while seconds > 0:
        host.stand_still(min(TICK_SECONDS, seconds))
        seconds -= TICK_SECONDS
        await turns()


async def test_an_answer_in_time() -> None:
    host, answer = Host(), asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait(host, answer))
    await turns()
    await run_for(host, SECONDS - 1)
    answer.set_result("answer")
    assert await waiting == "answer"


async def test_no_answer() -> None:
    host, answer = Host(), asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait(host, answer))
    await turns()
    await run_for(host, SECONDS - 1)
    assert not waiting.done()
    await run_for(host, 1.1)
    assert await waiting == "gave up"


@pytest.mark.parametrize("before", [0.0, 4.8, SECONDS - 0.2])
async def test_what_came_while_the_process_stood_has_come_in_time(before: float) -> None:
    host, answer = Host(), asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait(host, answer))
    await turns()
    await run_for(host, before)
    host.stand_still(300)
    asyncio.get_running_loop().call_soon(answer.set_result, "answer")  # as a socket that is found readable on waking
    assert await waiting == "answer"


async def test_it_still_ends_after_the_process_has_stood() -> None:
    host, answer = Host(), asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait(host, answer))
    await turns()
    host.stand_still(300)
    await run_for(host, SECONDS - 1)
    assert not waiting.done()
    await run_for(host, 1.5)
    assert await waiting == "gave up"


async def test_while_the_clusters_clock_stands_nobody_is_given_up() -> None:
    host, answer = Host(), asyncio.get_running_loop().create_future()
    clock = Clock()
    waiting = asyncio.create_task(wait(host, answer, clock))
    await turns()
    clock.adopt(ClockState(0.0, 0.0, 0.0))
    await run_for(host, 300)
    assert not waiting.done()
    clock.adopt(ClockState(0.0, 0.0, 60.0))
    await run_for(host, SECONDS - 1)
    assert not waiting.done(), "real seconds, whatever the rate"
    await run_for(host, 2)
    assert await waiting == "gave up"


async def test_a_body_that_raises_or_is_cancelled() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with patience(SECONDS):
            raise ValueError("mine")
    waiting = asyncio.create_task(wait(Host(), asyncio.get_running_loop().create_future()))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
