"""How a process ends whose surroundings do not let it run, and the files it must be able to read."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
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


LIFE = """
import asyncio, atexit, os
from wire.process import BEGUN, run_process

async def main(stop):
    atexit.register(print, "left in order", flush=True)
    print(os.getpid(), "again" if BEGUN in os.environ else "first", flush=True)
    await stop.wait()

run_process(main)
"""


def test_sigusr1_begins_anew_in_place_when_all_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", LIFE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline()]
        process.send_signal(signal.SIGUSR1)
        told += [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(signal.SIGTERM)
        told += process.stdout.readlines()
    over = "left in order\n"
    assert told == [f"{process.pid} first\n", over, f"{process.pid} again\n", over]
    assert process.returncode == 0


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
