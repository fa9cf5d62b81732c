"""Telling all components of the cluster's time and rules: the file first, so that who is missed finds it there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase

import grpc

from apimachinery.clock import ClockState
from cli.debugging.fleet import Answers, Fleet, Stub
from cli.debugging.rulebook import Entry, edit, in_force, numbered, rules_path
from cli.debugging.timeline import bend, now_on, write_line
from proto import debug_pb2
from wire.rules import Rule
from wire.seams import read_clock


async def read_line(fleet: Fleet) -> ClockState:
    """The line agreed on; before anyone changed it, the one that the components began with."""
    line = read_clock(fleet.paths.clock)
    if line is not None:
        return line
    answers = await fleet.ask(lambda stub: stub.GetClock(debug_pb2.GetClockRequest()))
    for state in answers.got.values():
        return ClockState(state.monotonic, state.cluster_time, state.rate)
    return ClockState(time.monotonic(), time.time(), 1.0)


async def set_line(fleet: Fleet, line: ClockState) -> Answers[debug_pb2.ClockState]:
    write_line(fleet.paths.clock, line)
    state = debug_pb2.ClockState(**line._asdict())
    return await fleet.ask(lambda stub: stub.SetClock(state))


async def set_rate(fleet: Fleet, rate: float) -> tuple[ClockState, Answers[debug_pb2.ClockState]]:
    line = bend(await read_line(fleet), time.monotonic(), rate)
    return line, await set_line(fleet, line)


async def set_rules(
    fleet: Fleet, wanted: Sequence[tuple[str, Rule]], word: str, said: str, line: ClockState
) -> tuple[list[Entry], Answers[None]]:
    """Put rules, each with its pattern of components, into the file and into the components."""
    now = now_on(line, time.monotonic())
    path = rules_path(fleet.paths)
    with edit(path) as entries:
        entries[:] = in_force(entries, now)
        rules = numbered([rule for _, rule in wanted], word, entries)
        new = [Entry(rule, pattern, now, said) for (pattern, _), rule in zip(wanted, rules, strict=True)]
        entries.extend(new)

    async def tell(component: str, stub: Stub) -> None:
        for one in new:
            if fnmatchcase(component, one.component):
                await stub.AddRule(to_proto(one.rule))

    return new, await fleet.ask_each(tell, _addressed(fleet, new))


async def delete_rules(fleet: Fleet, gone: Sequence[Entry], *, release: bool = True) -> Answers[None]:
    """Out of the file and out of the components; what they hold goes on its way."""
    ids = {one.rule.id for one in gone}
    with edit(rules_path(fleet.paths)) as entries:
        entries[:] = [one for one in entries if one.rule.id not in ids]

    async def tell(component: str, stub: Stub) -> None:
        for rule_id in sorted(ids):
            try:
                await stub.DeleteRule(debug_pb2.RuleRef(id=rule_id, release=release))
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise

    return await fleet.ask_each(tell, _addressed(fleet, gone))


def _addressed(fleet: Fleet, entries: Sequence[Entry]) -> list[str]:
    return [
        one.component for one in fleet.targets if any(fnmatchcase(one.component, entry.component) for entry in entries)
    ]


def to_proto(rule: Rule) -> debug_pb2.Rule:
    fields = {**vars(rule), "action": debug_pb2.Rule.Action.Value(rule.action.name)}
    return debug_pb2.Rule(**fields)
