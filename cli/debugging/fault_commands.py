"""`orrery fault add|list|delete|clear|apply` and `orrery partition`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cli.debugging import faults, partitions
from cli.debugging.durations import parse_duration, show_duration
from cli.debugging.edge_list import seen_edges
from cli.debugging.edges import check_edge
from cli.debugging.fault_file import Partition, read_file, require_end
from cli.debugging.faults import Fault
from cli.debugging.fleet import Answers, Fleet, open_fleet
from cli.debugging.hidden import is_hidden, notice
from cli.debugging.near import did_you_mean
from cli.debugging.numbers import counted
from cli.debugging.rulebook import BrokenRules, Entry, in_force, read_entries, rules_path
from cli.debugging.starvation import losses
from cli.debugging.telling import Wanted, begin_anew, delete_rules, read_line, set_rules
from cli.debugging.timeline import now_on
from cli.errors import UserError
from cli.forms.finding import running
from cli.status import table
from proto import debug_pb2
from wire.rules import Action, rule_to_json


async def add(name: str, fault: Fault) -> str:
    faults.check(fault)
    async with open_fleet(name) as fleet:
        fleet.choose(fault.component)
        check_edge(fault.edge, await seen_edges(fleet, fault.component))
        return await _set(fleet, [fault])


async def apply(name: str, file: Path) -> str:
    """Everything in the file, or nothing if one part of it is wrong."""
    entries = read_file(file)
    async with open_fleet(name) as fleet:
        seen = await seen_edges(fleet)
        for entry in entries:
            with entry.told():
                _check_against(fleet, entry.wanted, seen)
        return await _set(fleet, [entry.wanted for entry in entries]) if entries else f"{file} has no faults"


async def _set(fleet: Fleet, wanted: Sequence[Fault | Partition]) -> str:
    """All of what was checked, or nothing. Gives what to say of it."""
    line = await read_line(fleet)
    now = now_on(line, time.monotonic())
    made, answers = await set_rules(fleet, [_rules_of(fleet, one, now) for one in wanted], line)
    lines = [text for one, entries in zip(wanted, made, strict=True) for text in _lines(fleet, one, entries, now)]
    return "\n".join([*lines, *([answers.complaint] if answers.missing else [])])


def _rules_of(fleet: Fleet, wanted: Fault | Partition, now: float) -> Wanted:
    if isinstance(wanted, Fault):
        rules = [(wanted.component, rule) for rule in faults.rules_of(wanted, now)]
        return Wanted("fault", f"orrery fault add {wanted.edge}", rules)
    expires = now + parse_duration(wanted.duration) if wanted.duration else 0.0
    rules = partitions.rules_of(partitions.cuts(wanted.one, wanted.other, fleet.targets), expires)
    return Wanted("partition", f"orrery partition {wanted.one} {wanted.other}", rules)


def _lines(fleet: Fleet, wanted: Fault | Partition, entries: Sequence[Entry], now: float) -> list[str]:
    if isinstance(wanted, Partition):
        return _partition_lines(wanted, entries)
    rules = [one.rule for one in entries]
    names = [one.component for one in fleet.targets]
    starving = dict.fromkeys(loss for rule in rules for loss in losses(rule, wanted.component, names))
    return [_entry_line(one, now) for one in entries] + [f"careful: {one}" for one in starving]


def _entry_line(one: Entry, now: float) -> str:
    where = "" if one.component == "*" else f" of {one.component}"
    ends = faults.ending(one.rule, 0, now)
    return f"{one.rule.id}: {faults.describe(one.rule)} at {one.rule.edge}{where}; ends {ends}"


def _partition_lines(wanted: Partition, entries: Sequence[Entry]) -> list[str]:
    group, duration = entries[0].group, wanted.duration
    length = f"for {show_duration(parse_duration(duration))} of cluster time" if duration else "until deleted"
    return [
        f"{group}: {wanted.one} and {wanted.other} do not reach one another {length}",
        *(_cut_line(one) for one in entries),
        f"orrery fault delete {group} ends it",
    ]


def _cut_line(one: Entry) -> str:
    return f"  {one.component} cannot call {one.rule.edge}{f' at {one.rule.peer}' if one.rule.peer else ''}"


def _check_against(fleet: Fleet, wanted: Fault | Partition, seen: Sequence[str]) -> None:
    if isinstance(wanted, Fault):
        check_edge(wanted.edge, seen)
        fleet.choose(wanted.component)
    else:
        _check_length(wanted)
        partitions.cuts(wanted.one, wanted.other, fleet.targets)


async def partition(name: str, one: str, other: str, duration: str, *, forever: bool) -> str:
    require_end(duration, forever)
    faults.require_one_end(forever=forever, duration=duration)
    wanted = Partition(one, other, duration)
    _check_length(wanted)
    async with open_fleet(name) as fleet:
        return await _set(fleet, [wanted])


def _check_length(wanted: Partition) -> None:
    if wanted.duration:
        faults.parse_length("duration", wanted.duration)


async def show(name: str) -> str:
    """Every rule, holds and partitions included, with what it did so far."""
    entries, answers, now = await _rules(name)
    paths = running(name).paths
    strays = _strays({one.rule.id for one in entries}, answers.got)
    lines = [_rule_table(entries, answers, now)] if entries else ["no rules"]
    lines += [f"{component} has {rule_id} besides, set by another way" for component, rule_id in strays]
    lines += notice(paths)
    return "\n".join([*lines, *([answers.complaint] if answers.missing else [])])


async def rule_trees(name: str) -> list[dict[str, Any]]:
    entries, answers, _ = await _rules(name)
    return [
        {"component": one.component, "taken": _taken(one.rule.id, answers.got), **rule_to_json(one.rule)}
        for one in entries
    ]


async def _rules(name: str) -> tuple[list[Entry], Answers[debug_pb2.ListRulesResponse], float]:
    """Those of the file that are in force, what the components say of theirs, and the cluster's time."""
    async with open_fleet(name) as fleet:
        line = await read_line(fleet)
        answers = await fleet.ask(lambda stub: stub.ListRules(debug_pb2.ListRulesRequest()))
    now = now_on(line, time.monotonic())
    return in_force(read_entries(rules_path(fleet.paths)), now), answers, now


def _rule_table(entries: Sequence[Entry], answers: Answers[debug_pb2.ListRulesResponse], now: float) -> str:
    rows = [["ID", "EDGE", "COMPONENT", "WHAT", "TOOK", "ENDS"]]
    for one in entries:
        taken = str(_taken(one.rule.id, answers.got))
        ends = _ending(one, answers, now)
        component = one.component if one.component != "*" else "all"
        rows.append([one.rule.id, one.rule.edge, component, faults.describe(one.rule), taken, ends])
    return table(rows)


def _ending(one: Entry, answers: Answers[debug_pb2.ListRulesResponse], now: float) -> str:
    """Who did not answer may have some left to take."""
    named = [name for name in (*answers.got, *answers.missing) if fnmatchcase(name, one.component)]
    taken = {name: _taken(one.rule.id, {name: answer}) for name, answer in answers.got.items()}
    done = [name for name in named if one.rule.count and taken.get(name, 0) >= one.rule.count]
    if done and done == named:
        return "used up"
    where = f"; used up in {done[0] if len(done) == 1 else f'{len(done)} components'}" if done else ""
    return faults.ending(one.rule, 0, now) + where


def _taken(rule_id: str, answers: dict[str, debug_pb2.ListRulesResponse]) -> int:
    return sum(rule.taken for answer in answers.values() for rule in answer.rules if rule.id == rule_id)


def _strays(known: set[str], answers: dict[str, debug_pb2.ListRulesResponse]) -> list[tuple[str, str]]:
    return sorted(
        (name, rule.id)
        for name, answer in answers.items()
        for rule in answer.rules
        if rule.id not in known and not is_hidden(rule.id)
    )


async def delete(name: str, ids: Sequence[str]) -> str:
    """Raises UserError, and deletes nothing, if an id names no rule."""
    async with open_fleet(name) as fleet:
        entries = read_entries(rules_path(fleet.paths))
        gone = []
        for wanted in ids:
            fitting = [one for one in entries if wanted in (one.rule.id, one.group)]
            if not fitting:
                raise UserError(f"no rule {wanted}{did_you_mean(wanted, {one.group for one in entries})}")
            gone += fitting
        answers = await delete_rules(fleet, gone)
    lines = [f"deleted: {', '.join(dict.fromkeys(one.rule.id for one in gone))}"]
    return "\n".join([*lines, *([answers.complaint] if answers.missing else [])])


async def clear(name: str) -> str:
    """Every fault and partition. Holds stay: `orrery release --all` ends those. Repairs the file of rules."""
    async with open_fleet(name) as fleet:
        path = rules_path(fleet.paths)
        try:
            entries = read_entries(path)
        except BrokenRules:
            answers = await begin_anew(fleet)
            said = f"{path} was broken and is empty now; all rules ended, holds too"
            return "\n".join([said, *([answers.complaint] if answers.missing else [])])
        gone = [one for one in entries if one.rule.action is not Action.HOLD]
        answers = await delete_rules(fleet, gone)
    holds = len(entries) - len(gone)
    stay = "stays (orrery release --all ends it)" if holds == 1 else "stay (orrery release --all ends them)"
    kept = f"; {counted(holds, 'hold')} {stay}" if holds else ""
    return "\n".join([f"deleted {counted(len(gone), 'rule')}{kept}", *([answers.complaint] if answers.missing else [])])
