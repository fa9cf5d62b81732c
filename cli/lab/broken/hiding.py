"""Setting a drawn fault so that nobody sees it but by what it does, asking whether it is still there, ending it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Final

import grpc

from cli.debugging.fleet import Fleet, Stub, open_fleet
from cli.debugging.hidden import Hidden, file_of, is_hidden, read_hidden, write_hidden
from cli.debugging.processes import find
from cli.debugging.targets import is_frozen
from cli.debugging.telling import to_proto
from cli.errors import UserError
from cli.forms.finding import running
from cli.lab.broken.table import Broken
from proto import debug_pb2
from wire.rules import Rule

ATTEMPTS: Final = 8  # to ask a component that may just be beginning anew
FREEZE_SECONDS: Final = 5.0
FREEZE_POLL_SECONDS: Final = 0.005
ATTEMPT_SECONDS: Final = 0.5  # between them, real time


def hide(name: str, lab: str, broken: Broken, namespace: str) -> None:
    """Break it. Raises UserError, and leaves nothing behind, if that cannot be done."""
    paths = running(name).paths
    rule = broken.rule(1, namespace)
    if rule is None:
        pid = find(running(name), broken.component)[0].pid
        write_hidden(paths, Hidden(lab, frozen={broken.component: pid}))
        os.kill(pid, signal.SIGSTOP)
        _wait_until_frozen(pid)
        return
    write_hidden(paths, Hidden(lab, rules={broken.component: [rule.id]}))
    try:
        asyncio.run(_set(name, broken.component, rule))
    except UserError:
        file_of(paths).unlink()
        raise


def _wait_until_frozen(pid: int) -> None:
    """A signal is on its way for a moment, longer on a busy machine; what follows is to find nobody there."""
    deadline = time.monotonic() + FREEZE_SECONDS
    while not is_frozen(pid) and time.monotonic() < deadline:
        time.sleep(FREEZE_POLL_SECONDS)


def in_force(name: str) -> list[str]:
    """Components in which something is still broken. One that began anew is as it should be."""
    hidden = read_hidden(running(name).paths)
    if hidden is None:
        return []
    frozen = [component for component, pid in hidden.frozen.items() if is_frozen(pid)]
    return [*frozen, *(asyncio.run(_ruled(name, hidden)) if hidden.rules else [])]


def end(name: str, lab: str) -> str:
    """Whatever is there, if `lab` hid it. Gives what could not be ended; it stays known then."""
    paths = running(name).paths
    hidden = read_hidden(paths)
    if hidden is None or hidden.lab != lab:
        return ""
    for pid in hidden.frozen.values():
        if is_frozen(pid):
            os.kill(pid, signal.SIGCONT)
    away = asyncio.run(_delete(name, hidden)) if hidden.rules else ""
    if not away:
        file_of(paths).unlink(missing_ok=True)
    return away


async def _set(name: str, component: str, rule: Rule) -> None:
    async with open_fleet(name) as fleet:
        answers = await fleet.ask(lambda stub: stub.AddRule(to_proto(rule)), component)
    if answers.missing:
        raise UserError(answers.complaint)


async def _ruled(name: str, hidden: Hidden) -> list[str]:
    """One that gives no answer, though asked more than once, may be broken still."""
    async with open_fleet(name) as fleet:
        for _ in range(ATTEMPTS):
            answers = await fleet.ask_each(
                lambda _, stub: stub.ListRules(debug_pb2.ListRulesRequest()), _there(fleet, hidden)
            )
            if not answers.missing:
                break
            await asyncio.sleep(ATTEMPT_SECONDS)
    broken = [name for name, answer in answers.got.items() if any(is_hidden(rule.id) for rule in answer.rules)]
    return [*broken, *answers.missing]


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
    """Those that had it set and run: one that is down has forgotten it."""
    return [one.component for one in fleet.targets if one.component in hidden.rules and one.pid]
