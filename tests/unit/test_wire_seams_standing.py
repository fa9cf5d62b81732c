"""A process that stood still takes the cluster's line of time before it acts on its old one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from apimachinery.clock import ClockState
from tests.support.standing import Host
from wire.seams import FileClock

FIVE_MINUTES = 300.0


def write(file: Path, state: ClockState) -> None:
    file.write_text(json.dumps(state._asdict()))


async def test_a_pause_is_seen_before_timers_fire(tmp_path: Path) -> None:
    host, file = Host(), tmp_path / "clock.json"
    clock = FileClock(file, source=host.monotonic)
    began = clock.time()
    waiting = asyncio.create_task(clock.sleep(10, "lease"))
    await asyncio.sleep(0)
    write(file, ClockState(host.monotonic(), began, 0.0))
    host.stand_still(FIVE_MINUTES)
    for _ in range(10):  # the loop finds the timer due, on the line of before
        await asyncio.sleep(0)
    assert not waiting.done()
    assert (clock.state.rate, clock.time()) == (0.0, began)
    assert [timer.why for timer in clock.timers()] == ["lease"]
    write(file, ClockState(host.monotonic(), began + 10, 1.0))
    host.stand_still(1)
    assert clock.time() > began
    await waiting


async def test_who_stood_while_the_clock_did_goes_on_where_it_was(tmp_path: Path) -> None:
    """The clock went on before this process could look: it has missed the pause, and must not count it."""
    host, file = Host(), tmp_path / "clock.json"
    clock = FileClock(file, source=host.monotonic)
    began = clock.time()
    waiting = asyncio.create_task(clock.sleep(10, "lease"))
    await asyncio.sleep(0)
    host.stand_still(FIVE_MINUTES)
    write(file, ClockState(host.monotonic(), began + 0.2, 1.0))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert clock.time() < began + 1
    host.stand_still(9.9)
    await waiting


async def test_an_older_line_and_a_broken_file_change_nothing(tmp_path: Path) -> None:
    host, file = Host(), tmp_path / "clock.json"
    clock = FileClock(file, source=host.monotonic)
    before = clock.state
    for text in (json.dumps(ClockState(before.monotonic - 1, 5.0, 0.0)._asdict()), "{", "[]"):
        file.write_text(text)
        host.stand_still(FIVE_MINUTES)
        clock.time()
        assert clock.state == before
