"""The supervisor over real, tiny processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from cli.components import Component
from cli.running import is_alive
from cli.source.wanted import Want, edit
from cli.supervisor import Supervisor, read_state

SLEEPER = (sys.executable, "-c", "import signal; signal.pause()")


async def pids(state: Path, previous: dict[str, int], count: int) -> dict[str, int]:
    """Wait until `count` processes run that are not those of `previous`."""
    async with asyncio.timeout(20):
        while True:
            _, processes = read_state(state)
            found = {one.name: one.pid for one in processes if one.pid and one.pid != previous.get(one.name)}
            if len(found) == count:
                return found
            await asyncio.sleep(0.02)


async def test_the_one_that_dies_is_restarted_alone(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    minded = [Component("a", SLEEPER, 1), Component("b", SLEEPER, 2), Component("c", SLEEPER, 3)]
    supervisor = Supervisor(minded, tmp_path / "logs", state)
    task = asyncio.create_task(supervisor.run())
    before = await pids(state, {}, 3)
    os.kill(before["b"], signal.SIGKILL)
    after = await pids(state, before, 1)
    assert set(after) == {"b"}
    states = {one["name"]: one for one in json.loads(state.read_text())["processes"]}
    assert (states["b"]["restarts"], states["b"]["last_exit"]) == (1, "signal SIGKILL")
    assert states["a"]["restarts"] == 0
    supervisor.stop.set()
    await task
    assert not any(is_alive(pid) for pid in (*before.values(), *after.values()))


async def test_what_a_component_prints_goes_to_its_log(tmp_path: Path) -> None:
    chatty = (sys.executable, "-c", "import signal; print('hello', flush=True); signal.pause()")
    supervisor = Supervisor([Component("a", chatty, 1)], tmp_path / "logs", tmp_path / "state.json")
    task = asyncio.create_task(supervisor.run())
    log = tmp_path / "logs" / "a.log"
    async with asyncio.timeout(20):
        while not log.exists() or b"hello" not in log.read_bytes():
            await asyncio.sleep(0.02)
    supervisor.stop.set()
    await task
    assert log.read_text() == "hello\n"


async def test_it_runs_what_is_wanted(tmp_path: Path) -> None:
    """Stopped, started, replaced, and ours again; the others are not touched."""
    state = tmp_path / "state.json"
    supervisor = Supervisor([Component("a", SLEEPER, 1), Component("b", SLEEPER, 2)], tmp_path / "logs", state)
    task = asyncio.create_task(supervisor.run())
    first = await pids(state, {}, 2)

    def want(one: Want) -> None:
        with edit(tmp_path / "wanted.json") as wanted:
            wanted["a"] = one
        supervisor.look()

    want(Want(down=True))
    async with asyncio.timeout(20):
        while is_alive(first["a"]) or supervisor.states["a"].note != "stopped (orrery start a)":
            await asyncio.sleep(0.02)
    assert not supervisor.states["a"].pid
    theirs = (sys.executable, "-c", "import os, signal; print(os.environ['MINE'], flush=True); signal.pause()")
    want(Want(argv=theirs, cwd=str(tmp_path), env={"MINE": "swapped in"}))
    second = await pids(state, first, 1)
    log = tmp_path / "logs" / "a.log"
    async with asyncio.timeout(20):
        while not log.exists() or "swapped in" not in log.read_text():
            await asyncio.sleep(0.02)
    want(Want())
    third = await pids(state, {**first, **second}, 1)
    assert supervisor.states["b"].pid == first["b"]
    supervisor.stop.set()
    await task
    assert not any(is_alive(pid) for pid in (*first.values(), *second.values(), *third.values()))


async def test_a_state_file_that_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    (tmp_path / "state.new").mkdir()  # in its way
    supervisor = Supervisor([Component("a", SLEEPER, 1)], tmp_path / "logs", state)
    task = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(20):
        while not supervisor.states.get("a") or not supervisor.states["a"].pid:
            await asyncio.sleep(0.02)
    assert not state.exists()
    (tmp_path / "state.new").rmdir()
    assert await pids(state, {}, 1) == {"a": supervisor.states["a"].pid}
    supervisor.stop.set()
    await task


async def test_one_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    program, state = tmp_path / "program", tmp_path / "state.json"
    supervisor = Supervisor([Component("a", (str(program),), 1)], tmp_path / "logs", state)
    task = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(20):
        while "a" not in supervisor.states or not supervisor.states["a"].last_exit:
            await asyncio.sleep(0.02)
    assert supervisor.states["a"].last_exit == "cannot be started: No such file or directory"
    program.symlink_to("/bin/cat")  # its standard input is empty: it ends at once, and well
    async with asyncio.timeout(20):
        while supervisor.states["a"].last_exit != "exit code 0":
            await asyncio.sleep(0.02)
    supervisor.stop.set()
    await task


async def test_a_child_that_ends_by_a_signal_without_a_name_is_restarted(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    supervisor = Supervisor([Component("a", SLEEPER, 1)], tmp_path / "logs", state)
    task = asyncio.create_task(supervisor.run())
    before = await pids(state, {}, 1)
    os.kill(before["a"], 40)
    await pids(state, before, 1)
    assert supervisor.states["a"].last_exit == "signal 40"
    supervisor.stop.set()
    await task
