"""The queue in any order of calls, against a model that says what it should hold."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from apimachinery.clock import FakeClock, settle
from client.workqueue import WorkQueue

KEYS = "abc"
STEPS = 200


@dataclass
class Model:
    """Of what is asked for later, the soonest counts; `working` has what was asked for before the look that goes on."""

    now: float
    soonest: dict[str, float] = field(default_factory=dict)
    due: set[str] = field(default_factory=set)
    working: dict[str, float | None] = field(default_factory=dict)

    def ask(self, key: str, deadline: float) -> None:
        self.soonest[key] = min(deadline, self.soonest.get(key, deadline))
        self.pass_time(0)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for key in [key for key, deadline in self.soonest.items() if deadline <= self.now]:
            del self.soonest[key]
            self.due.add(key)

    def take(self, key: str) -> None:
        self.due.remove(key)
        self.working[key] = self.soonest.pop(key, None)

    def done(self, key: str, *, well: bool) -> None:
        before = self.working.pop(key)
        if before is not None and not well:
            self.ask(key, before)


@pytest.mark.parametrize("seed", range(40))
async def test_nothing_is_lost_and_nothing_comes_twice(seed: int) -> None:
    draw, clock = random.Random(seed), FakeClock()
    queue, model = WorkQueue(clock), Model(clock.time())
    for _ in range(STEPS):
        await _step(draw, clock, queue, model)
        await settle()
        assert len(queue) == len(model.due - model.working.keys())
        assert {key for key in KEYS if "again in" in queue.place(key)} == (
            model.soonest.keys() - model.due - model.working.keys()
        )
        assert model.soonest.keys() | model.working.keys() or not clock.timers()


async def _step(draw: random.Random, clock: FakeClock, queue: WorkQueue, model: Model) -> None:
    key, seconds = draw.choice(KEYS), float(draw.randint(1, 20))
    match draw.choice(["add", "later", "take", "take", "well", "well again", "failed", "time"]):
        case "add":
            queue.add(key)
            model.due.add(key)
        case "later":
            queue.add_after(key, seconds)
            model.ask(key, model.now + seconds)
        case "take" if len(queue):
            taken, _ = await queue.get()
            model.take(taken)
        case "time":
            await clock.advance(seconds)
            model.pass_time(seconds)
        case ("well" | "well again" | "failed") as how if key in model.working:
            if how != "failed":
                again = seconds if how == "well again" else None
                queue.went_well(key, again)
                if again is not None:
                    model.ask(key, model.now + again)
            queue.done(key)
            model.done(key, well=how != "failed")
