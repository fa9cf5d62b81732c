"""`--aligned`: every decision on the same state. Where the second side decided otherwise, its pod is put, before the
next step, where the first side put it: deleted, and made again with its node.

A pod that the first side has placed nowhere stays as the second left it: nobody can take a decision back.
"""

from __future__ import annotations

from dataclasses import replace

from cli.compare.model import Do, Key, Step
from cli.compare.placements import GONE, Chosen
from cli.compare.sides import Side


class Aligner:
    """Of the second side."""

    def __init__(self, first: Side, second: Side, steps: tuple[Step, ...]) -> None:
        self._second = second
        self._steps = steps
        self._chosen = [(side, Chosen()) for side in (first, second)]

    async def align(self, number: int) -> bool:
        """After step `number`; whether anything had to be done."""
        for side, chosen in self._chosen:
            chosen.take(side.journal.writes)
        (_, first), (_, second) = self._chosen
        wrong = {key: node for key, node in first.nodes.items() if node != GONE and second.nodes.get(key) != node}
        moved = False
        for key, node in wrong.items():
            step = self._put_in(key, number)
            if step is not None:
                await self._move(step, node)
                moved = True
            second.nodes[key] = node
        return moved

    def _put_in(self, key: Key, number: int) -> Step | None:
        """How the pod came in, if it is still there."""
        mine = [one for one in self._steps[:number] if one.key == key and one.do is not Do.PATCH]
        return mine[-1] if mine and mine[-1].do is Do.CREATE else None

    async def _move(self, step: Step, node: str) -> None:
        feeder = self._second.feeder
        if step.key in self._second.journal.now:
            await feeder.put(replace(step, do=Do.DELETE, tree={}))
        tree = {**step.tree, "spec": {**step.tree["spec"], "nodeName": node}}
        await feeder.put(replace(step, tree=tree))
