"""How each component is watched: when it is waited for, what its decisions are, whom its reasons are asked of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from cli.compare.children import consequences
from cli.compare.limits import ROUNDS
from cli.compare.model import Decision, Step
from cli.compare.placements import placements
from cli.compare.playing import Player
from cli.compare.sides import Side, waits_for_a_node
from cli.compare.why import reconcile_behind


class Watcher(Protocol):
    """Of one side."""

    async def put(self, number: int, step: Step) -> None:
        """Put a step in and wait for what comes of it."""

    async def decisions(self, steps: tuple[Step, ...]) -> list[Decision]:
        """After the last step."""


class SchedulerWatcher:
    """Pods are waited for one by one; what comes before the first pod is of no consequence until then."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._seen = 0
        self._unrested = False

    async def put(self, number: int, step: Step) -> None:
        side = self._side
        asked = waits_for_a_node(side, step)
        if self._unrested and step.kind == "Pod":
            await side.come_to_rest(lambda: False)
            self._unrested = False
        await side.put(number, step)
        if step.kind != "Pod" and not any(key.resource == "pods" for key in side.journal.now):
            self._unrested = True
            return
        await side.come_to_rest(asked)
        await self._ask()

    async def _ask(self) -> None:
        """Why, of whatever was decided or looked at just now: ours remembers only so much."""
        writes = self._side.journal.writes
        news, self._seen = writes[self._seen :], len(writes)
        for key in dict.fromkeys(one.key for one in news if one.key.resource == "pods" and one.tree is not None):
            await self._side.explain(key)

    async def decisions(self, steps: tuple[Step, ...]) -> list[Decision]:
        return placements(steps, self._side.journal.writes)


class ControllerWatcher:
    """Every step may have consequences of any kind; and so may every pod that runs, if nodes are played."""

    def __init__(self, side: Side, *, ready: bool) -> None:
        self._side = side
        self._player = Player(side.feeder) if ready else None

    async def put(self, number: int, step: Step) -> None:
        await self._side.put(number, step)
        await self._side.come_to_rest(lambda: True)
        if self._player is None:
            return
        for _ in range(ROUNDS):
            if not await self._player.round(time.time()):
                return
            await self._side.come_to_rest(lambda: True)
        self._side.restless.append(number)

    async def decisions(self, steps: tuple[Step, ...]) -> list[Decision]:
        """With the reconcile behind each write of ours: its trace leads there."""
        writes = self._side.journal.writes
        spans = await self._side.spans()
        for one in writes:
            facts = reconcile_behind(one, spans)
            if facts is not None:
                said = self._side.explained.setdefault(one.key, {}).setdefault("reconcile", [])
                said += [facts] if facts not in said else []
        return consequences(steps, writes)


WATCHERS: Final[Mapping[str, Callable[[Side, bool], Watcher]]] = {
    "scheduler": lambda side, _: SchedulerWatcher(side),
    "controller-manager": lambda side, ready: ControllerWatcher(side, ready=ready),
}
"""`ready`: are nodes played?"""
