"""How a process ends whose surroundings do not let it run, and the files it must be able to read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from apimachinery.clock import ClockState
from wire.process import CannotRun, run_process
from wire.seams import BrokenFile, read_clock, read_rules


def test_cannot_run_is_one_sentence_however_deep_it_comes_from() -> None:
    async def main(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup(), asyncio.TaskGroup():
            raise CannotRun("cannot listen on 127.0.0.1:1")

    with pytest.raises(SystemExit, match=r"^cannot listen on 127\.0\.0\.1:1$"):
        run_process(main)


def test_a_bug_keeps_its_traceback() -> None:
    async def main(stop: asyncio.Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_process(main)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"monotonic": 1, "cluster_time": 2, "rate": "fast"}'])
def test_a_broken_clock(tmp_path: Path, content: str) -> None:
    (tmp_path / "clock.json").write_text(content)
    with pytest.raises(BrokenFile, match=r"clock\.json is broken \("):
        read_clock(tmp_path / "clock.json")


@pytest.mark.parametrize("content", ["", "[]", '{"rules": 1}', '{"rules": [1]}', '{"rules": [{"no": "field"}]}'])
def test_broken_rules(tmp_path: Path, content: str) -> None:
    (tmp_path / "rules.json").write_text(content)
    with pytest.raises(BrokenFile, match=r"rules\.json is broken \("):
        read_rules(tmp_path / "rules.json", "scheduler")


def test_whole_files_and_none(tmp_path: Path) -> None:
    assert read_clock(tmp_path / "clock.json") is None
    assert read_rules(tmp_path / "rules.json", "scheduler") == []
    line = ClockState(1.0, 2.0, 0.5)
    (tmp_path / "clock.json").write_text(json.dumps(line._asdict()))
    assert read_clock(tmp_path / "clock.json") == line
