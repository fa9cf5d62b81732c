"""Gates: named points on every edge where a message can be counted, held, delayed, dropped, failed, doubled, overtaken.

With no rule set a gate is one dictionary look-up (`passes_freely`). A gate sits where a message is about to pass:
before an RPC is sent or handled, before a watch event is handed over, before a reconcile, a scheduling cycle or a CRI
call starts.

All rules that match a message apply, in the order in which they were set, until one ends its way (drop, error,
duplicate). A message that was held once is not held again at the same passage.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase
from functools import cached_property

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from wire import trace
from wire.limits import EDGES, HELD_MESSAGES, REORDER_SECONDS, RULES
from wire.rules import Action, Rule, Subject

__all__ = ["TIMES", "Action", "Counts", "GateError", "Gates", "Held", "Rule", "Subject", "Verdict"]

_log = logging.getLogger(__name__)

NOTHING = Subject()
Describe = Callable[[], str]


class Verdict(Enum):
    """What the one at the gate must do with its message."""

    PASS = "pass"
    DROP = "drop"
    TWICE = "twice"


TIMES = {Verdict.PASS: 1, Verdict.DROP: 0, Verdict.TWICE: 2}
"""How often what is at the gate happens."""


@dataclass
class Counts:
    """Of one edge. A message that was held or delayed counts there, and again by how it ended."""

    passed: int = 0
    held: int = 0
    dropped: int = 0
    failed: int = 0
    delayed: int = 0
    doubled: int = 0


@dataclass
class Held:
    """A message that waits for someone to let it go. `since` is on the host's monotonic clock."""

    id: int
    edge: str
    subject: Subject
    rule_id: str
    traceparent: str
    released: asyncio.Future[Verdict] = field(repr=False)
    describe: Describe | None = field(default=None, repr=False)
    since: float = field(default_factory=time.monotonic)

    @cached_property
    def detail(self) -> str:
        """What changed, or what is asked for, as far as the one at the gate can tell."""
        try:
            return self.describe() if self.describe else ""
        except Exception as error:  # noqa: BLE001 - whoever describes may have a bug
            _log.exception("%s: a held message cannot be described", self.edge)
            return f"(cannot be described: {error!r})"  # it can be released all the same


class GateError(Exception):
    """A gate was told to fail this message. `code` is a gRPC status name. A hidden fault does not say so."""

    def __init__(self, edge: str, code: str, *, hidden: bool = False) -> None:
        super().__init__(f"{edge}: {code}" if hidden else f"fault injected at {edge}: {code}")
        self.code = code


class _Active:
    """A rule in force, with what it did so far."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.taken = 0
        self.deleted = False  # a message that is still put off by another rule must not meet it any more
        self.random = random.Random(rule.seed)
        self.overtaken: asyncio.Future[None] | None = None  # of the message that waits to be overtaken

    def take(self, subject: Subject, peer: str, now: float) -> bool:
        """Is this message the rule's? Draws once for each message that fits, so that a seed repeats a run."""
        rule = self.rule
        if self.deleted or (rule.count and self.taken >= rule.count) or rule.expired(now):
            return False
        if not rule.takes(subject, peer) or (rule.probability < 1 and self.random.random() >= rule.probability):
            return False
        self.taken += 1
        return True

    def delay(self) -> float:
        jitter = self.rule.jitter_seconds
        return max(0.0, self.rule.delay_seconds + (self.random.uniform(-jitter, jitter) if jitter else 0.0))


@dataclass
class _Stream:
    edge: str
    peer: str
    end: Callable[[], None]


class Gates:
    """All gates of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rules: dict[str, _Active] = {}
        self._by_edge: dict[str, tuple[_Active, ...]] = {}  # which rules an edge's name matches, as far as asked
        self._held: dict[int, Held] = {}
        self._delayed: dict[str, set[asyncio.Task[None]]] = {}  # by rule: also one that has expired meanwhile
        self._ids = itertools.count(1)
        self._streams: dict[int, _Stream] = {}
        self.edges: dict[str, Counts] = {}

    async def pass_through(
        self, edge: str, subject: Subject = NOTHING, describe: Describe | None = None, *, peer: str = ""
    ) -> Verdict:
        """Wait here as the rules want. Raises GateError where one says so.

        `describe` tells what changed, should someone ask while the message is held; `peer` is whom it goes to.
        """
        if self.passes_freely(edge):
            return Verdict.PASS
        return await self._judge(edge, subject, describe, peer, self.edges.get(edge) or self.declare(edge))

    def passes_freely(self, edge: str, messages: int = 1) -> bool:
        """Is no rule set at all? Then the messages are counted and may pass, and nobody need say what they are about.

        If not, nothing has happened yet: `pass_through` is to be asked about each of them.
        """
        if self._rules:
            return False
        (self.edges.get(edge) or self.declare(edge)).passed += messages
        return True

    def declare(self, edge: str) -> Counts:
        """Have the edge listed before its first message."""
        if edge not in self.edges and len(self.edges) >= EDGES:
            edge = "other"
        return self.edges.setdefault(edge, Counts())

    # --- rules

    @property
    def ruled(self) -> bool:
        """Is any rule set?"""
        return bool(self._rules)

    def add(self, rule: Rule) -> Rule:
        """Set a rule; its id is made up if it has none. One that is set already goes on as it is.

        Another of the same id is deleted first. Raises ApiError if there are too many.
        """
        known = self._rules.get(rule.id)
        if known is not None and known.rule == rule:
            return rule
        if known is not None:
            self.delete(rule.id, release=True)
        if len(self.rules()) >= RULES:
            raise ApiError("TooManyRequests", f"there are {RULES} gate rules already; delete one first")
        rule = rule if rule.id else replace(rule, id=f"rule-{next(self._ids)}")
        self._rules[rule.id] = _Active(rule)
        self._by_edge.clear()
        if rule.cut:
            self._cut(rule)
        return rule

    def delete(self, rule_id: str, *, release: bool = False) -> bool:
        """Forget a rule; what it delays passes. What it holds stays held until released, unless `release`."""
        if release:
            self.release([held.id for held in self._held.values() if held.rule_id == rule_id])
        for sleeping in self._delayed.get(rule_id, ()):
            sleeping.cancel()
        return self._forget(rule_id)

    def _forget(self, rule_id: str) -> bool:
        active = self._rules.pop(rule_id, None)
        self._by_edge.clear()
        if active is not None:
            active.deleted = True
        if active is not None and active.overtaken is not None and not active.overtaken.done():
            active.overtaken.set_result(None)
        return active is not None

    def rules(self) -> list[Rule]:
        """Those in force; the expired are forgotten, and what they delay is as late as they made it."""
        now = self._clock.time()
        for rule in [active.rule for active in self._rules.values() if active.rule.expired(now)]:
            self._forget(rule.id)
        return [active.rule for active in self._rules.values()]

    def taken(self, rule_id: str) -> int:
        """How many messages a rule took so far."""
        active = self._rules.get(rule_id)
        return active.taken if active else 0

    # --- held messages

    def held(self) -> list[Held]:
        """What waits, in order of arrival."""
        return list(self._held.values())

    def release(self, ids: list[int] | None = None, *, drop: bool = False) -> int:
        """Let held messages go (all, or those named), or lose them. Gives how many there were."""
        wanted = list(self._held) if ids is None else [one for one in ids if one in self._held]
        for one in wanted:
            future = self._held[one].released
            if not future.done():
                future.set_result(Verdict.DROP if drop else Verdict.PASS)
        return len(wanted)

    # --- open streams

    def stream_opened(self, edge: str, peer: str, end: Callable[[], None]) -> int:
        """A long answer begins to flow; `end` cuts it off. Gives the number for `stream_closed`."""
        number = next(self._ids)
        self._streams[number] = _Stream(edge, peer, end)
        return number

    def stream_closed(self, number: int) -> None:
        self._streams.pop(number, None)

    def _cut(self, rule: Rule) -> None:
        for stream in list(self._streams.values()):
            if rule.matches(stream.edge, NOTHING, stream.peer):
                stream.end()

    # --- carrying rules out

    def _of_edge(self, edge: str) -> tuple[_Active, ...]:
        found = self._by_edge.get(edge)
        if found is None:
            found = tuple(active for active in self._rules.values() if fnmatchcase(edge, active.rule.edge))
            self._by_edge[edge] = found
        return found

    async def _judge(
        self, edge: str, subject: Subject, describe: Describe | None, peer: str, counts: Counts
    ) -> Verdict:
        held = delayed = False
        for active in self._of_edge(edge):
            action = active.rule.action
            if (action is Action.HOLD and held) or not active.take(subject, peer, self._clock.time()):
                continue
            if action is Action.HOLD:
                held = True
                if await self._hold(active.rule, edge, subject, describe, counts) is Verdict.DROP:
                    return _lost(counts)
            elif action in (Action.DELAY, Action.REORDER):
                counts.delayed += not delayed
                delayed = True
                await self._put_off(active, edge)
            elif action is Action.DROP:
                return _lost(counts)
            elif action is Action.ERROR:
                counts.failed += 1
                raise GateError(edge, active.rule.error_code, hidden=active.rule.hidden)
            else:
                counts.passed += 1
                counts.doubled += 1
                return Verdict.TWICE
        counts.passed += 1
        return Verdict.PASS

    async def _hold(
        self, rule: Rule, edge: str, subject: Subject, describe: Describe | None, counts: Counts
    ) -> Verdict:
        if len(self._held) >= HELD_MESSAGES:
            raise GateError(edge, "RESOURCE_EXHAUSTED")
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        held = Held(next(self._ids), edge, subject, rule.id, trace.current(), future, describe)
        self._held[held.id] = held
        counts.held += 1
        try:
            return await future
        finally:
            del self._held[held.id]

    async def _delay(self, active: _Active, edge: str) -> None:
        """Until it is over or the rule is deleted."""
        rule = active.rule
        why = edge if rule.hidden else f"delayed at {edge} by {rule.id}"
        sleeping = asyncio.create_task(self._clock.sleep(active.delay(), why))
        together = self._delayed.setdefault(rule.id, set())
        together.add(sleeping)
        try:
            await asyncio.wait([sleeping])
        finally:
            sleeping.cancel()
            together.discard(sleeping)
            if not together:
                self._delayed.pop(rule.id, None)

    async def _put_off(self, active: _Active, edge: str) -> None:
        if active.rule.action is Action.DELAY:
            await self._delay(active, edge)
            return
        waiting = active.overtaken
        if waiting is not None and not waiting.done():
            active.overtaken = None  # the message after this one waits in its turn
            asyncio.get_running_loop().call_soon(_wake, waiting)  # after this message has gone on
            return
        active.overtaken = overtaken = asyncio.get_running_loop().create_future()
        try:
            async with self._clock.timeout(active.rule.delay_seconds or REORDER_SECONDS, f"overtaken at {edge}"):
                await overtaken
        except TimeoutError:
            return  # nobody came by: it goes in its own order


def _lost(counts: Counts) -> Verdict:
    counts.dropped += 1
    return Verdict.DROP


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
