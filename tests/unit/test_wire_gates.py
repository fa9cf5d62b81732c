"""Gates: what each action does to a message."""

from __future__ import annotations

import asyncio

import pytest

from apimachinery.clock import FakeClock, settle
from apimachinery.errors import ApiError
from wire.gates import Action, GateError, Gates, Rule, Subject, Verdict
from wire.limits import RULES

WEB = Subject("Pod", "default", "web-1")


def test_patterns_of_a_rule() -> None:
    rule = Rule("watch:*", Action.HOLD, kind="Pod", name="web-*")
    table = [
        ("watch:pods", WEB, True),
        ("watch:pods", Subject("Pod", "other", "web-2"), True),
        ("watch:pods", Subject("Pod", "default", "db-1"), False),
        ("watch:pods", Subject("Node", "", "web-1"), False),
        ("rpc:x", WEB, False),
    ]
    for edge, subject, expected in table:
        assert rule.matches(edge, subject) is expected, (edge, subject)


async def test_without_rules_everything_passes_and_is_counted() -> None:
    gates = Gates(FakeClock())
    assert [await gates.pass_through("e", WEB) for _ in range(3)] == [Verdict.PASS] * 3
    assert gates.edges["e"].passed == 3


async def test_held_messages_are_listed_and_released_one_by_one() -> None:
    gates = Gates(FakeClock())
    gates.add(Rule("watch:pods", Action.HOLD))
    tasks = [asyncio.create_task(gates.pass_through("watch:pods", Subject("Pod", "d", str(i)))) for i in range(3)]
    await settle()
    held = gates.held()
    assert [one.subject.name for one in held] == ["0", "1", "2"]
    assert gates.release([held[1].id]) == 1
    assert await tasks[1] is Verdict.PASS
    assert not tasks[0].done()
    assert gates.release([held[0].id], drop=True) == 1
    assert await tasks[0] is Verdict.DROP
    assert gates.release() == 1
    assert await tasks[2] is Verdict.PASS
    assert gates.held() == []
    counts = gates.edges["watch:pods"]
    assert (counts.passed, counts.held, counts.dropped) == (2, 3, 1)


async def test_a_cancelled_waiter_is_no_longer_held() -> None:
    gates = Gates(FakeClock())
    gates.add(Rule("*", Action.HOLD))
    task = asyncio.create_task(gates.pass_through("e"))
    await settle()
    task.cancel()
    await settle()
    assert gates.held() == []


async def test_delay_follows_the_cluster_clock() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    gates.add(Rule("e", Action.DELAY, delay_seconds=30))
    task = asyncio.create_task(gates.pass_through("e"))
    await clock.advance(29)
    assert not task.done()
    await clock.advance(1)
    assert await task is Verdict.PASS


async def test_error_drop_and_duplicate_take_as_many_as_they_were_told() -> None:
    gates = Gates(FakeClock())
    gates.add(Rule("e", Action.ERROR, error_code="ABORTED", count=1))
    gates.add(Rule("e", Action.DROP, count=1))
    gates.add(Rule("e", Action.DUPLICATE, count=1))
    with pytest.raises(GateError, match="ABORTED"):
        await gates.pass_through("e")
    assert [await gates.pass_through("e") for _ in range(3)] == [Verdict.DROP, Verdict.TWICE, Verdict.PASS]


async def test_deleting_a_rule_ends_its_effect() -> None:
    gates = Gates(FakeClock())
    rule = gates.add(Rule("e", Action.DROP))
    assert gates.delete(rule.id)
    assert not gates.delete(rule.id)
    assert await gates.pass_through("e") is Verdict.PASS


def test_rules_are_bounded() -> None:
    gates = Gates(FakeClock())
    for _ in range(RULES):
        gates.add(Rule("e", Action.DROP))
    with pytest.raises(ApiError, match="delete one first"):
        gates.add(Rule("e", Action.DROP))


async def test_a_rule_that_has_ended_takes_no_room() -> None:
    clock = FakeClock()
    gates = Gates(clock)
    for _ in range(RULES):
        gates.add(Rule("e", Action.DROP, expires=clock.time() + 1))
    await clock.advance(1)
    gates.add(Rule("e", Action.DROP))
    assert len(gates.rules()) == 1
