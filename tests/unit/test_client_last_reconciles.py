"""What controllers remember of their last look at each key, and tell."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.clock import FakeClock
from apimachinery.errors import ApiError, conflict
from client.controller import reconcile_once
from client.last_reconciles import LastReconciles
from client.workqueue import WorkQueue
from wire import trace
from wire.seams import Seams, make_seams
from wire.span import trace_id


class Looker:
    """Notes a read and a decision; fails if told to."""

    name = "looker"
    fails = False

    async def reconcile(self, key: str) -> float | None:
        trace.note_read(f"Pod {key}", "@7")
        trace.note(decided="create 1")
        if self.fails:
            raise conflict("", "pods", key, "changed meanwhile")
        return 30.0


def setup(capacity: int = 10) -> tuple[Seams, WorkQueue, LastReconciles]:
    seams = make_seams("test", FakeClock())
    queue = WorkQueue(seams.clock, "looker")
    return seams, queue, LastReconciles("looker", queue, seams, capacity)


def told(lasts: LastReconciles, name: str) -> dict[str, Any]:
    found = list(lasts.explain("pods", "default", name))
    assert [topic for topic, _ in found] in ([], ["reconcile"])
    return found[0][1] if found else {}


async def test_the_last_look_is_told_with_what_was_read_and_decided() -> None:
    seams, queue, lasts = setup()
    await reconcile_once(Looker(), seams, "default/web", (), lasts)
    queue.add_after("default/web", 30.0)
    facts = told(lasts, "web")
    assert (facts["controller"], facts["read"], facts["decided"]) == ("looker", "Pod default/web@7", "create 1")
    assert (facts["error"], facts["again"], facts["queue"]) == ("", 30.0, "to be looked at again in 30.0 s")
    assert trace_id(facts["traceparent"])
    queue.shut_down()


async def test_failures_are_told() -> None:
    seams, _, lasts = setup()
    controller = Looker()
    controller.fails = True
    with pytest.raises(ApiError) as raised:
        await reconcile_once(controller, seams, "default/web", (), lasts)
    assert told(lasts, "web")["error"] == raised.value.message


async def test_a_key_that_only_waits_is_told_and_others_are_not() -> None:
    _, queue, lasts = setup()
    queue.add("default/web")
    assert told(lasts, "web") == {"key": "default/web", "controller": "looker", "queue": "queued"}
    assert told(lasts, "other") == {}


async def test_the_oldest_go_first() -> None:
    seams, _, lasts = setup(capacity=2)
    for name in ("a", "b", "a", "c"):
        await reconcile_once(Looker(), seams, f"default/{name}", (), lasts)
    assert [bool(told(lasts, name)) for name in ("a", "b", "c")] == [True, False, True]
