"""Telling all components of the cluster's time and rules: the file first, so that who is missed finds it there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import grpc

from apimachinery.clock import ClockState
from cli.debugging.fleet import Answers, Fleet, Stub
from cli.debugging.hidden import is_hidden
from cli.debugging.rulebook import Entry, Rulebook, edit, in_force, read_entries, renew, rules_path
from cli.debugging.timeline import bend, now_on, write_line
from cli.errors import UserError
from proto import debug_pb2
from wire.limits import RULES
from wire.rules import Action, Rule
from wire.seams import read_clock

_AT_ONCE: Final = (Action.DROP, Action.ERROR, Action.DUPLICATE)  # these keep no message waiting


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


@dataclass(frozen=True)
class Wanted:
    """What one command, `said`, wants: rules, each with its pattern of components. `word` begins their ids."""

    word: str
    said: str
    rules: Sequence[tuple[str, Rule]]


async def set_rules(
    fleet: Fleet, wanted: Sequence[Wanted], line: ClockState
) -> tuple[list[list[Entry]], Answers[None]]:
    """Put rules into the file and into the components: those of all commands, or none. Gives them by command.

    Raises UserError if they are too many.
    """
    now, path = now_on(line, time.monotonic()), rules_path(fleet.paths)
    await delete_rules(fleet, await _used_up(fleet, in_force(read_entries(path), now)))
    with edit(path) as book:
        book.entries = in_force(book.entries, now)
        made = [_entries(book, one, now) for one in wanted]
        new = [entry for entries in made for entry in entries]
        _require_room(fleet, book.entries, new)
        book.entries += new

    async def tell(component: str, stub: Stub) -> None:
        for one in new:
            if fnmatchcase(component, one.component):
                await stub.AddRule(to_proto(one.rule))

    try:
        return made, await fleet.ask_each(tell, _addressed(fleet, new))
    except UserError:  # a component that has others besides refused
        await delete_rules(fleet, new)
        raise


def _entries(book: Rulebook, wanted: Wanted, now: float) -> list[Entry]:
    rules = book.numbered([rule for _, rule in wanted.rules], wanted.word)
    return [Entry(rule, pattern, now, wanted.said) for (pattern, _), rule in zip(wanted.rules, rules, strict=True)]


def _require_room(fleet: Fleet, entries: Sequence[Entry], new: Sequence[Entry]) -> None:
    """Raises UserError. A component that cannot take them all must not find them in the file."""
    for component in _addressed(fleet, new):
        many = [sum(fnmatchcase(component, one.component) for one in some) for some in (entries, new)]
        if sum(many) > RULES:
            raise UserError(
                f"{component} would have {sum(many)} rules, and {RULES} is the most; nothing was changed. "
                "orrery fault list shows them, orrery fault delete and clear end them"
            )


async def _used_up(fleet: Fleet, entries: Sequence[Entry]) -> list[Entry]:
    """Faults that took all they were to take in every component they are for.

    Not those that may still keep a message waiting: to end them is to let it go.
    """
    counted = [one for one in entries if one.rule.count and one.rule.action in _AT_ONCE]
    if not counted:
        return []
    answers = await fleet.ask_each(
        lambda _, stub: stub.ListRules(debug_pb2.ListRulesRequest()), _addressed(fleet, counted)
    )
    taken = {(name, rule.id): rule.taken for name, answer in answers.got.items() for rule in answer.rules}
    return [
        one
        for one in counted
        if (names := _addressed(fleet, [one]))
        and all(taken.get((name, one.rule.id), 0) >= one.rule.count for name in names)
    ]


async def delete_rules(fleet: Fleet, gone: Sequence[Entry], *, release: bool = True) -> Answers[None]:
    """Out of the file and out of the components; what they hold goes on its way."""
    ids = {one.rule.id for one in gone}
    if not ids:
        return Answers()
    with edit(rules_path(fleet.paths)) as book:
        book.entries = [one for one in book.entries if one.rule.id not in ids]

    async def tell(component: str, stub: Stub) -> None:
        for rule_id in sorted(ids):
            await _delete(stub, rule_id, release=release)

    return await fleet.ask_each(tell, _addressed(fleet, gone))


async def begin_anew(fleet: Fleet) -> Answers[None]:
    """For a file that cannot be read: it is empty then, and no component has rules, but what a lab hides."""
    renew(rules_path(fleet.paths))

    async def tell(_: str, stub: Stub) -> None:
        for rule in (await stub.ListRules(debug_pb2.ListRulesRequest())).rules:
            if not is_hidden(rule.id):
                await _delete(stub, rule.id, release=True)

    return await fleet.ask_each(tell, [one.component for one in fleet.targets])


async def _delete(stub: Stub, rule_id: str, *, release: bool) -> None:
    """It may have gone by itself."""
    try:
        await stub.DeleteRule(debug_pb2.RuleRef(id=rule_id, release=release))
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise


def _addressed(fleet: Fleet, entries: Sequence[Entry]) -> list[str]:
    return [
        one.component for one in fleet.targets if any(fnmatchcase(one.component, entry.component) for entry in entries)
    ]


def to_proto(rule: Rule) -> debug_pb2.Rule:
    fields = {**vars(rule), "action": debug_pb2.Rule.Action.Value(rule.action.name)}
    return debug_pb2.Rule(**fields)
