"""Setting a drawn fault so that nobody sees it but by what it does, asking whether it is still there, ending it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from typing import Final

import grpc

from cli.debugging.fleet import Fleet, Stub, open_fleet
from cli.debugging.hidden import Hidden, is_hidden, read_hidden, write_hidden
from cli.debugging.processes import find
from cli.debugging.targets import is_frozen
from cli.debugging.telling import to_proto
from cli.errors import UserError
from cli.forms.finding import running
from cli.lab.broken.table import Broken
from proto import debug_pb2
from wire.rules import Rule

FREEZE_SECONDS: Final = 5.0
FREEZE_POLL_SECONDS: Final = 0.005
ENDING_SECONDS: Final = 10.0  # that a component may take to end
ENDING_POLL_SECONDS: Final = 0.1


def hide(name: str, lab: str, broken: Broken, namespace: str) -> None:
    """Break it. Raises UserError, and leaves nothing behind, if that cannot be done."""
    cluster = running(name)
    rule = broken.rule(1, namespace)
    pids = {broken.component: find(cluster, broken.component)[0].pid}
    write_hidden(cluster.paths, Hidden(lab, pids, {broken.component: [rule.id]} if rule else {}))
    try:
        if rule is None:
            _freeze(pids[broken.component])
        else:
            asyncio.run(_set(name, broken.component, rule))
    except UserError:
        cluster.paths.hidden.unlink()
        raise


def _freeze(pid: int) -> None:
    """A signal is on its way for a moment, longer on a busy machine; what follows is to find nobody there."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + FREEZE_SECONDS
    while not is_frozen(pid) and time.monotonic() < deadline:
        time.sleep(FREEZE_POLL_SECONDS)


def in_force(name: str) -> list[str]:
    """Components in which something is still broken. One that began anew is as it should be.

    One that gives no answer may be about to end: it is asked again for a while.
    """
    hidden = read_hidden(running(name).paths)
    if hidden is None:
        return []
    deadline = time.monotonic() + ENDING_SECONDS
    while True:
        broken, silent = _look(name, hidden)
        if not silent or time.monotonic() > deadline:
            return [*broken, *silent]
        time.sleep(ENDING_POLL_SECONDS)


def _look(name: str, hidden: Hidden) -> tuple[list[str], list[str]]:
    """Who is broken, and who gave no answer; both only if the process is still the one that was broken."""
    now = {one.name: one.pid for one in running(name).processes()}
    same = [component for component, pid in hidden.pids.items() if now.get(component) == pid]
    frozen = [component for component in same if component in hidden.frozen and is_frozen(now[component])]
    ruled = [component for component in same if component in hidden.rules]
    found, silent = asyncio.run(_ruled(name, ruled)) if ruled else ([], [])
    return [*frozen, *found], silent


def end(name: str, lab: str) -> str:
    """Whatever is there, if `lab` hid it. Gives what could not be ended; it stays known then."""
    paths = running(name).paths
    hidden = read_hidden(paths)
    if hidden is None or hidden.lab != lab:
        return ""
    for pid in hidden.frozen.values():
        if is_frozen(pid):
            os.kill(pid, signal.SIGCONT)
    away = _forget_rules(name, hidden) if hidden.rules else ""
    if not away:
        paths.hidden.unlink(missing_ok=True)
    return away


def _forget_rules(name: str, hidden: Hidden) -> str:
    """Gives who could not be told. One that gives no answer may be about to end: it is told again for a while."""
    deadline = time.monotonic() + ENDING_SECONDS
    while (away := asyncio.run(_delete(name, hidden))) and time.monotonic() < deadline:
        time.sleep(ENDING_POLL_SECONDS)
    return away


async def _set(name: str, component: str, rule: Rule) -> None:
    async with open_fleet(name) as fleet:
        answers = await fleet.ask(lambda stub: stub.AddRule(to_proto(rule)), component)
    if answers.missing:
        raise UserError(answers.complaint)


async def _ruled(name: str, components: Sequence[str]) -> tuple[list[str], list[str]]:
    """Who has hidden rules, and who gave no answer."""
    async with open_fleet(name) as fleet:
        answers = await fleet.ask_each(lambda _, stub: stub.ListRules(debug_pb2.ListRulesRequest()), components)
    found = [name for name, answer in answers.got.items() if any(is_hidden(rule.id) for rule in answer.rules)]
    return found, list(answers.missing)


async def _delete(name: str, hidden: Hidden) -> str:
    async def tell(component: str, stub: Stub) -> None:
        for rule_id in hidden.rules[component]:
            try:
                await stub.DeleteRule(debug_pb2.RuleRef(id=rule_id, release=True))
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:  # it began anew
                    raise

    async with open_fleet(name) as fleet:
        return (await fleet.ask_each(tell, _there(fleet, hidden))).complaint


def _there(fleet: Fleet, hidden: Hidden) -> list[str]:
    """Those that had it set and are the same processes: one that began anew has forgotten it."""
    return [
        one.component
        for one in fleet.targets
        if one.component in hidden.rules and one.pid == hidden.pids[one.component]
    ]
