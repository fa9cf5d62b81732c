"""Gates: named points on every edge where a message can be counted, held, delayed, dropped, failed or doubled.

With no rule set a gate is one dictionary update. A gate sits where a message is about to pass: before an RPC is sent
or handled, before a watch event is handed over, before a reconcile, a scheduling cycle or a CRI call starts.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import NamedTuple

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from wire import trace
from wire.limits import EDGES, HELD_MESSAGES, RULES


class Action(Enum):
    HOLD = "hold"
    DELAY = "delay"
    DROP = "drop"
    ERROR = "error"
    DUPLICATE = "duplicate"


class Verdict(Enum):
    """What the one at the gate must do with its message."""

    PASS = "pass"
    DROP = "drop"
    TWICE = "twice"


class Subject(NamedTuple):
    """What the message is about, as far as the gate knows."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """Which messages, and what becomes of them. Patterns are shell patterns; empty matches all."""

    edge: str
    action: Action
    kind: str = ""
    namespace: str = ""
    name: str = ""
    delay_seconds: float = 0.0
    error_code: str = "UNAVAILABLE"
    count: int = 0
    id: str = ""

    def matches(self, edge: str, subject: Subject) -> bool:
        return fnmatchcase(edge, self.edge) and all(
            not pattern or fnmatchcase(value, pattern)
            for pattern, value in zip((self.kind, self.namespace, self.name), subject, strict=True)
        )


@dataclass
class Counts:
    passed: int = 0
    held: int = 0
    dropped: int = 0
    failed: int = 0


@dataclass
class Held:
    """A message that waits for someone to let it go."""

    id: int
    edge: str
    subject: Subject
    rule_id: str
    traceparent: str
    released: asyncio.Future[Verdict] = field(repr=False)


class GateError(Exception):
    """A gate was told to fail this message. `code` is a gRPC status name."""

    def __init__(self, edge: str, code: str) -> None:
        super().__init__(f"fault injected at {edge}: {code}")
        self.code = code


class Gates:
    """All gates of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rules: dict[str, Rule] = {}
        self._taken: dict[str, int] = {}
        self._held: dict[int, Held] = {}
        self._ids = itertools.count(1)
        self.edges: dict[str, Counts] = {}

    async def pass_through(self, edge: str, subject: Subject = Subject()) -> Verdict:
        """Wait here as the rules want. Raises GateError where one says so."""
        counts = self.edges.get(edge) or self._new_edge(edge)
        rule = self._match(edge, subject) if self._rules else None
        if rule is None:
            counts.passed += 1
            return Verdict.PASS
        return await self._apply(rule, edge, subject, counts)

    def add(self, rule: Rule) -> Rule:
        """Set a rule; its id is made up if it has none."""
        if len(self._rules) >= RULES:
            raise ApiError("TooManyRequests", f"there are {RULES} gate rules already; delete one first")
        rule = rule if rule.id else replace(rule, id=f"rule-{next(self._ids)}")
        self._rules[rule.id] = rule
        self._taken[rule.id] = 0
        return rule

    def delete(self, rule_id: str) -> bool:
        """Forget a rule. What it holds stays held until released."""
        self._taken.pop(rule_id, None)
        return self._rules.pop(rule_id, None) is not None

    def rules(self) -> list[Rule]:
        return list(self._rules.values())

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

    def _match(self, edge: str, subject: Subject) -> Rule | None:
        for rule in self._rules.values():
            if rule.matches(edge, subject) and (not rule.count or self._taken[rule.id] < rule.count):
                self._taken[rule.id] += 1
                return rule
        return None

    async def _apply(self, rule: Rule, edge: str, subject: Subject, counts: Counts) -> Verdict:
        if rule.action is Action.DROP:
            counts.dropped += 1
            return Verdict.DROP
        if rule.action is Action.ERROR:
            counts.failed += 1
            raise GateError(edge, rule.error_code)
        if rule.action is Action.HOLD:
            verdict = await self._hold(rule, edge, subject, counts)
        else:
            if rule.action is Action.DELAY:
                await self._clock.sleep(rule.delay_seconds, f"delayed at {edge}")
            verdict = Verdict.TWICE if rule.action is Action.DUPLICATE else Verdict.PASS
        if verdict is Verdict.DROP:
            counts.dropped += 1
        else:
            counts.passed += 1
        return verdict

    async def _hold(self, rule: Rule, edge: str, subject: Subject, counts: Counts) -> Verdict:
        if len(self._held) >= HELD_MESSAGES:
            raise GateError(edge, "RESOURCE_EXHAUSTED")
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        held = Held(next(self._ids), edge, subject, rule.id, trace.current(), future)
        self._held[held.id] = held
        counts.held += 1
        try:
            return await future
        finally:
            del self._held[held.id]

    def _new_edge(self, edge: str) -> Counts:
        if len(self.edges) >= EDGES:
            edge = "other"
        return self.edges.setdefault(edge, Counts())
