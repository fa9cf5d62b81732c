"""A process that stood still takes the cluster's line of time before it acts on its old one."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from apimachinery.clock import ClockState
from wire import seams
from wire.seams import FileClock


def write(file: Path, state: ClockState) -> None:
    file.write_text(json.dumps(state._asdict()))


async def test_a_pause_is_seen_before_timers_fire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, clock = tmp_path / "clock.json", FileClock(tmp_path / "clock.json")
    began = clock.time()
    waiting = asyncio.create_task(clock.sleep(0.2, "lease"))
    await asyncio.sleep(0)
    write(file, ClockState(time.monotonic(), began, 0.0))
    time.sleep(0.25)  # noqa: ASYNC251 - the whole process stands still: its timer is due by now, on its old line
    await asyncio.sleep(0.02)
    assert not waiting.done()
    assert (clock.state.rate, clock.time()) == (0.0, began)
    assert [timer.why for timer in clock.timers()] == ["lease"]
    monkeypatch.setattr(seams, "STOOD_STILL_SECONDS", 0.0)
    write(file, ClockState(time.monotonic(), began + 10, 1.0))
    assert clock.time() > began
    await waiting


async def test_an_older_line_and_a_broken_file_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seams, "STOOD_STILL_SECONDS", 0.0)
    file, clock = tmp_path / "clock.json", FileClock(tmp_path / "clock.json")
    before = clock.state
    for text in (json.dumps(ClockState(before.monotonic - 1, 5.0, 0.0)._asdict()), "{", "[]"):
        file.write_text(text)
        assert abs(clock.time() - time.time()) < 1
        assert clock.state == before
