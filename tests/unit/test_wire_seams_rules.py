"""Rules that a component finds in the cluster's file: what it takes, when it starts and while it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apimachinery.clock import settle
from wire import seams as wire_seams
from wire.gates import Verdict
from wire.limits import RULES
from wire.rules import Action, Rule, rule_to_json
from wire.seams import FileClock, Seams, follow_files, make_seams

OLD = Rule("etcd:txn", Action.DROP, id="fault-1")
NEW = Rule("watch:pods", Action.ERROR, id="fault-1")
HOLD = Rule("e", Action.HOLD, id="hold-1")
TOO_MANY = [Rule("etcd:txn", Action.DROP, count=1, id=f"fault-{n}") for n in range(RULES + 1)]


def write(directory: Path, rules: list[Rule]) -> None:
    fresh = directory / "rules.new"
    fresh.write_text(json.dumps({"rules": [{"component": "*", **rule_to_json(one)} for one in rules]}))
    fresh.replace(directory / "rules.json")


def start(directory: Path) -> Seams:
    return make_seams("apiserver", FileClock(directory / "clock.json"))


@asynccontextmanager
async def following(seams: Seams, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[None]]:
    monkeypatch.setattr(wire_seams, "FOLLOW_SECONDS", 0.0)
    task = asyncio.create_task(follow_files(seams))
    await settle()
    yield task
    task.cancel()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0)


async def test_another_rule_of_the_same_id_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [OLD])
    seams = start(tmp_path)
    async with following(seams, monkeypatch):
        assert seams.gates.rules() == [OLD]
        write(tmp_path, [NEW])
        await until(lambda: seams.gates.rules() == [NEW])
        write(tmp_path, [])
        await until(lambda: not seams.gates.ruled)


async def test_what_a_replaced_rule_holds_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [HOLD])
    seams = start(tmp_path)
    async with following(seams, monkeypatch):
        passing = asyncio.create_task(seams.gates.pass_through("e"))
        await until(lambda: bool(seams.gates.held()))
        write(tmp_path, [Rule("other", Action.HOLD, id="hold-1")])
        async with asyncio.timeout(10):
            assert await passing is Verdict.PASS


async def test_a_rule_that_was_forgotten_at_its_end_is_not_set_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seams = start(tmp_path)
    ending = Rule("e", Action.DROP, id="fault-1", expires=seams.clock.time() + 60)
    async with following(seams, monkeypatch):
        write(tmp_path, [ending])
        await until(lambda: seams.gates.rules() == [ending])
        seams.clock.set(cluster_time=ending.expires)
        await until(lambda: not seams.gates.ruled)
        write(tmp_path, [ending, NEW])
        await until(lambda: NEW in seams.gates.rules())


def test_who_starts_with_too_many_rules_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, TOO_MANY)
    assert len(start(tmp_path).gates.rules()) == RULES
    assert f"fault-{RULES} is not in force here" in caplog.text


async def test_who_finds_too_many_rules_goes_on_following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seams = start(tmp_path)
    async with following(seams, monkeypatch) as task:
        write(tmp_path, TOO_MANY)
        await until(lambda: len(seams.gates.rules()) == RULES)
        write(tmp_path, TOO_MANY[1:])  # there is room for the last now
        await until(lambda: seams.gates.rules() == TOO_MANY[1:])
        assert not task.done()


async def test_a_bug_does_not_end_the_following(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seams = start(tmp_path)
    monkeypatch.setattr(seams.gates, "add", lambda rule: 1 / 0)
    async with following(seams, monkeypatch):
        write(tmp_path, [OLD])
        await until(lambda: "cannot be followed" in caplog.text)
        monkeypatch.undo()
        monkeypatch.setattr(wire_seams, "FOLLOW_SECONDS", 0.0)
        write(tmp_path, [OLD, HOLD])
        await until(lambda: seams.gates.rules() == [OLD, HOLD])
