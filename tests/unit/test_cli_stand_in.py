"""Who minds a command in place of a container: starts it again, tells of it, ends it when it is told to."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.errors import UserError
from cli.running import is_alive
from cli.source import stand_in
from cli.source.stand_in import StandIn, file_of, mind, read_stand_in
from cli.source.wanted import Want
from cli.spec import Paths
from cli.supervisor import ProcessState

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def want(tmp_path: Path, code: str, **env: str) -> Want:
    return Want(argv=(sys.executable, "-c", code), cwd=str(tmp_path), env=env)


async def told(paths: Paths, ready: int) -> StandIn:
    """Once the command lives its `ready`th life."""
    while True:
        found = read_stand_in(paths, "dns")
        if found is not None and found.pid and found.restarts >= ready:
            return found
        await asyncio.sleep(0.01)


async def test_it_is_started_again_and_ended(tmp_path: Path, paths: Paths) -> None:
    stop = asyncio.Event()
    minding = asyncio.create_task(mind(paths, "dns", want(tmp_path, SLEEPS), stop))
    async with asyncio.timeout(30):
        first = await told(paths, 0)
        assert first.minder == os.getpid()
        os.kill(first.pid, 9)
        second = await told(paths, 1)
        assert second.pid != first.pid
        stop.set()
        await minding
    assert not is_alive(second.pid)


async def test_it_gets_what_is_wanted(tmp_path: Path, paths: Paths) -> None:
    stop = asyncio.Event()
    code = "import os, pathlib, time; pathlib.Path('out').write_text(os.environ['ORRERY_CA']); time.sleep(60)"
    minding = asyncio.create_task(mind(paths, "dns", want(tmp_path, code, ORRERY_CA="/pki/ca.crt"), stop))
    async with asyncio.timeout(30):
        while not (tmp_path / "out").exists() or not (tmp_path / "out").read_text():
            await asyncio.sleep(0.01)
        stop.set()
        await minding
    assert (tmp_path / "out").read_text() == "/pki/ca.crt"


async def test_one_that_hears_nothing_is_killed(tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "STOP_SECONDS", 0.05)
    stop = asyncio.Event()
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); {SLEEPS}"
    minding = asyncio.create_task(mind(paths, "dns", want(tmp_path, code), stop))
    async with asyncio.timeout(30):
        found = await told(paths, 0)
        while not (tmp_path / "deaf").exists():
            await asyncio.sleep(0.01)
        stop.set()
        await minding
    assert not is_alive(found.pid)


async def test_what_cannot_be_started_is_tried_again(
    tmp_path: Path, paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = asyncio.Event()
    minding = asyncio.create_task(mind(paths, "dns", Want(argv=("/no/such",), cwd=str(tmp_path)), stop))
    said = ""
    async with asyncio.timeout(30):
        while said.count("cannot be started: No such file or directory") < 2:
            await asyncio.sleep(0.01)
            said += capsys.readouterr().out
        stop.set()
        await minding
    assert not file_of(paths, "dns").exists()


async def test_nobody_stands_in_for_what_was_not_swapped(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "running", lambda _: Compose(paths))
    with pytest.raises(UserError, match="nothing was swapped for dns; orrery swap dns -- COMMAND does that"):
        await stand_in.stand_in("compose", "dns")
    with pytest.raises(UserError, match="in cluster mine the supervisor itself runs what was swapped"):
        await stand_in.stand_in("mine", "dns")


@dataclass
class Compose:
    paths: Paths

    def process(self, component: str) -> ProcessState:
        return ProcessState(component, 0, "")
