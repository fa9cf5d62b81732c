"""The comparison itself: both sides in step with one another, then what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cli.compare.aligning import Aligner
from cli.compare.contestants import Contestant
from cli.compare.differences import differences
from cli.compare.folder import run_folder
from cli.compare.limits import QUIET_SECONDS
from cli.compare.model import Decision, Finding
from cli.compare.reading import Input
from cli.compare.sides import Side, open_side
from cli.compare.watching import WATCHERS
from cli.compare.why import with_reasons
from cli.errors import UserError
from cli.progress import Progress
from cli.progress import Step as Shown
from wire.process import leaves


@dataclass(frozen=True)
class Options:
    """As on the command line; seconds are real."""

    component: str
    first: Contestant
    second: Contestant
    seed: int = 1
    quiet: float = QUIET_SECONDS
    aligned: bool = False
    ready: bool = False


@dataclass(frozen=True)
class Told:
    """What is worth knowing of one side beside its decisions."""

    name: str
    command: str
    counts: dict[str, int]
    refused: dict[str, int]
    restless: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    input: Input
    options: Options
    sides: tuple[Told, Told]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


async def compare(given: Input, options: Options) -> Result:
    """Raises UserError."""
    progress = Progress()
    try:
        with run_folder() as home:
            return await _Comparison(given, options, home, progress).run()
    except BaseExceptionGroup as group:
        reasons = [one for one in leaves(group) if isinstance(one, UserError)]
        if len(reasons) < len(list(leaves(group))):
            raise
        raise reasons[0] from None


class _Comparison:
    def __init__(self, given: Input, options: Options, home: Path, progress: Progress) -> None:
        self._input = given
        self._options = options
        self._home = home
        self._progress = progress
        self._sides: list[Side] = []
        self._both = asyncio.Barrier(2)

    async def run(self) -> Result:
        names = f"{self._options.first.name} and {self._options.second.name}"
        with self._progress.step(f"{names}: a control plane for each") as shown:
            async with asyncio.TaskGroup() as group:
                plays = [
                    group.create_task(self._play(one, shown)) for one in (self._options.first, self._options.second)
                ]
        (first, mine), (second, theirs) = (one.result() for one in plays)
        found = differences(mine, theirs)
        explained = first.explained if first.contestant.is_ours else {}
        notes = dict.fromkeys((*first.feeder.notes, *second.feeder.notes))
        return Result(
            self._input,
            self._options,
            (_told(first), _told(second)),
            tuple(with_reasons(one, explained) for one in found),
            tuple(notes),
        )

    async def _play(self, one: Contestant, shown: Shown) -> tuple[Side, list[Decision]]:
        """One side, from its beginning to its end. What it decided is known before it is taken down."""
        options = self._options
        async with open_side(one, options.component, self._home, options.seed, options.quiet) as side:
            self._sides.append(side)
            await side.feeder.prepare(self._input.steps)
            await self._both.wait()
            aligns = options.aligned and one is options.second
            aligner = Aligner(*self._ordered(), self._input.steps) if aligns else None
            watcher = WATCHERS[options.component](side, options.ready)
            for number, step in enumerate(self._input.steps, 1):
                shown.update(f"step {number} of {len(self._input.steps)}: {step.do.value} {step.shown}")
                await watcher.put(number, step)
                await self._both.wait()
                if aligner is not None and await aligner.align(number):
                    await side.come_to_rest(lambda: False)
                await self._both.wait()
            decisions = await watcher.decisions(self._input.steps)
            return side, decisions

    def _ordered(self) -> tuple[Side, Side]:
        first, second = sorted(self._sides, key=lambda one: one.contestant is not self._options.first)
        return first, second


def _told(side: Side) -> Told:
    return Told(
        side.contestant.name,
        side.contestant.shown,
        dict(side.counts),
        {} if side.contestant.is_ours else dict(side.ear.refused),  # ours tries again, and that is its usual way
        tuple(side.restless),
    )
