"""`orrery hold`, `held`, `release`, `drop` and `step`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cli.debugging.edge_list import seen_edges
from cli.debugging.edges import check_edge
from cli.debugging.faults import parse_match
from cli.debugging.fleet import Fleet, open_fleet
from cli.debugging.hidden import notice
from cli.debugging.holding import HeldMessage, held, held_table, one_line, release, select
from cli.debugging.numbers import counted
from cli.debugging.rulebook import Entry, read_entries, rules_path
from cli.debugging.single_step import interactive, pressed_keys, step_once
from cli.debugging.starvation import losses
from cli.debugging.telling import Wanted, delete_rules, read_line, set_rules
from cli.errors import UserError
from wire.rules import Action, Rule


@dataclass(frozen=True)
class HoldOptions:
    edge: str
    component: str = "*"
    match: str = ""
    count: int = 0
    yes: bool = False  # hold although a lease may starve


async def hold(name: str, options: HoldOptions) -> str:
    async with open_fleet(name) as fleet:
        fleet.choose(options.component)
        meant = check_edge(options.edge, await seen_edges(fleet, options.component))
        rule = Rule(options.edge, Action.HOLD, *parse_match(options.match), count=options.count)
        line = await read_line(fleet)
        starving = losses(rule, options.component, [one.component for one in fleet.targets])
        if starving and line.rate and not options.yes:
            await _ask_or_refuse(options.edge, starving)
        wanted = Wanted("hold", _said(options), [(options.component, rule)])
        ((entry,),), answers = await set_rules(fleet, [wanted], line)
    lines = [f"{entry.rule.id}: {_what(options, meant)} wait from now on"]
    lines += [f"careful: {one}" for one in starving if line.rate]
    lines.append("orrery held shows them; orrery step lets one pass; orrery release --all ends this")
    return "\n".join([*lines, *([answers.complaint] if answers.missing else [])])


async def _ask_or_refuse(edge: str, starving: Sequence[str]) -> None:
    """Before it takes effect. Raises UserError unless someone at a terminal says yes."""
    warning = "\n".join([f"holding {edge} may starve a lease:", *(f"  - {one}" for one in starving)])
    ways = (
        "Narrow it with --match or --component; or stop the clock first (orrery clock pause), for then no lease "
        "expires however long you look; or say --yes"
    )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(f"{warning}\n{ways}")
    print(f"{warning}\n{ways}\nHold all the same? [y/N] ", end="", file=sys.stderr, flush=True)
    if (await _typed_line()).strip().lower() not in ("y", "yes"):
        raise UserError("nothing was changed")


async def _typed_line() -> str:
    """The event loop waits, not a read: so that Ctrl-C ends it."""
    loop, typed, descriptor = asyncio.get_running_loop(), asyncio.Event(), sys.stdin.fileno()
    loop.add_reader(descriptor, typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(descriptor)
    return sys.stdin.readline()


def _said(options: HoldOptions) -> str:
    words = ["orrery hold", options.edge]
    words += [f"--component {options.component}"] if options.component != "*" else []
    words += [f"--match {options.match}"] if options.match else []
    words += [f"--count {options.count}"] if options.count else []
    return " ".join(words)


def _what(options: HoldOptions, meant: Sequence[str]) -> str:
    many = f"the next {counted(options.count, 'message')}" if options.count else "messages"
    where = f" of {options.component}" if options.component != "*" else ""
    matched = f" with {options.match}" if options.match else ""
    edges = options.edge if len(meant) == 1 else f"{options.edge} ({len(meant)} edges)"
    return f"{many} at {edges}{where}{matched}"


async def show_held(name: str, component: str = "*") -> str:
    async with open_fleet(name) as fleet:
        found, answers = await held(fleet, component)
        hidden = notice(fleet.paths)
    return "\n".join([held_table(found), *hidden, *([answers.complaint] if answers.missing else [])])


async def held_trees(name: str, component: str = "*") -> list[dict[str, Any]]:
    async with open_fleet(name) as fleet:
        found, _ = await held(fleet, component)
    return [{"id": one.id, **asdict(one)} for one in found]


async def let_go(name: str, ids: Sequence[str], *, everything: bool, drop: bool = False) -> str:
    """`release` and `drop`. `everything` ends the holds too."""
    if everything == bool(ids):
        raise UserError("say which: IDs as orrery held shows them, a hold's id, or --all")
    async with open_fleet(name) as fleet:
        if everything:
            many, rules = await _end_holds(fleet)
            return f"{counted(many, 'message')} passed; {counted(rules, 'hold')} ended"
        found, _ = await held(fleet)
        holds = [one for one in _holds(fleet) if one.group in ids]
        chosen = select(found, [one for one in ids if one not in {hold.group for hold in holds}], _groups(fleet))
        if holds and drop:
            raise UserError(f"drop takes messages, not holds: {holds[0].group}")
        await release(fleet, chosen, drop=drop)
        await delete_rules(fleet, holds)
    ended = {one.rule.id: sum(held.rule_id == one.rule.id for held in found) for one in holds}
    lines = [f"{'lost' if drop else 'passed'}: {one_line(one)}" for one in chosen]
    return "\n".join(
        [*lines, *(f"{rule_id} ended; {counted(many, 'message')} passed" for rule_id, many in ended.items())]
    )


def _groups(fleet: Fleet) -> list[str]:
    """The ids of holds in force."""
    return sorted({one.group for one in _holds(fleet)})


def _holds(fleet: Fleet) -> list[Entry]:
    return [one for one in read_entries(rules_path(fleet.paths)) if one.rule.action is Action.HOLD]


async def _end_holds(fleet: Fleet) -> tuple[int, int]:
    """Rules first, so that nothing is held anew; then all that waits, whoever had it held."""
    holds = _holds(fleet)
    before, _ = await held(fleet)
    await delete_rules(fleet, holds)
    left, _ = await held(fleet)
    await release(fleet, left)
    return len({one.id for one in (*before, *left)}), len(holds)


@dataclass
class _Hands:
    """Of `orrery step`, on a real cluster."""

    fleet: Fleet
    component: str

    async def held(self) -> list[HeldMessage]:
        return (await held(self.fleet, self.component))[0]

    async def release(self, one: HeldMessage, *, drop: bool) -> None:
        await release(self.fleet, [one], drop=drop)

    async def end_holds(self) -> int:
        return (await _end_holds(self.fleet))[0]


async def step(name: str, component: str) -> str:
    """One message, or on a terminal as many as someone presses keys for. Raises UserError if nothing is held."""
    async with open_fleet(name) as fleet:
        hands = _Hands(fleet, component)
        if sys.stdin.isatty() and sys.stdout.isatty():
            async with pressed_keys() as keys:
                await interactive(hands, keys, print)
            return ""
        said = await step_once(hands)
    if said is None:
        raise UserError("nothing is held; orrery hold EDGE holds what comes")
    return said
