"""`orrery step`: let held messages pass one by one; on a terminal, at a keypress each.

The keys are decided on in `decide`, purely; the rest is the terminal.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import termios
import tty
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from cli.debugging.holding import HeldMessage, one_line
from cli.debugging.numbers import counted

POLL_SECONDS = 0.1  # real time between looks for the next held message
CHOICES = 9  # messages offered by digit
KEYS = (
    "any key: the next passes   1-9: that one passes   d: lose the next   a: all pass, holds end   q: leave   "
    "?: these keys"
)
_ESCAPE = "\x1b"
_KEY = re.compile(
    r"\x1b+(?:\[\[?[0-?]*[ -/]*[@-~]|O[0-9;]*[@-~]|[^\x00-\x1f]?)|.", re.DOTALL
)  # a sequence (ECMA-48's, or as a terminal's function keys have it), a key with Alt, or a plain one
_UNFINISHED = re.compile(r"\x1b+(?:\[\[?[0-?]*[ -/]*|O[0-9;]*)?\Z")


class Do(Enum):
    PASS = "passed"
    DROP = "lost"
    ALL = "all passed"
    QUIT = "left"
    HELP = "keys"
    NOTHING = ""


@dataclass(frozen=True)
class Choice:
    do: Do
    message: HeldMessage | None = None


def split_keys(typed: str) -> tuple[list[str], str]:
    """The keys, those that send a sequence whole, and the beginning of a sequence whose rest is yet to come."""
    begun = _UNFINISHED.search(typed)
    rest = begun[0] if begun else ""
    return _KEY.findall(typed.removesuffix(rest)), rest


def decide(key: str, found: Sequence[HeldMessage]) -> Choice:
    """What a key asks for."""
    if key in ("q", "\x03", "\x04", ""):
        return Choice(Do.QUIT)
    if key == "a":
        return Choice(Do.ALL)
    if key in ("?", "h"):
        return Choice(Do.HELP)
    if key.startswith(_ESCAPE):  # an arrow, Page Down, Escape itself: nobody means a message by it
        return Choice(Do.NOTHING)
    if key.isdigit():
        number = int(key) - 1
        return Choice(Do.PASS, found[number]) if 0 <= number < min(len(found), CHOICES) else Choice(Do.NOTHING)
    if not found:
        return Choice(Do.NOTHING)
    return Choice(Do.DROP if key == "d" else Do.PASS, found[0])


class Hands(Protocol):
    """What stepping needs of the cluster."""

    async def held(self) -> list[HeldMessage]: ...

    async def release(self, one: HeldMessage, *, drop: bool) -> None: ...

    async def end_holds(self) -> int:
        """End every hold and let everything pass; gives how many messages that were."""


async def step_once(hands: Hands) -> str | None:
    """Let the longest held message pass. None if there is none."""
    found = await hands.held()
    if not found:
        return None
    await hands.release(found[0], drop=False)
    return f"passed: {one_line(found[0])}"


async def interactive(hands: Hands, keys: asyncio.Queue[str], say: Callable[[str], None]) -> None:
    """Until someone leaves."""
    say(KEYS)
    shown: list[str] | None = None
    while True:
        found = await hands.held()
        if [one.id for one in found] != shown:
            shown = [one.id for one in found]
            say(_menu(found))
        try:
            async with asyncio.timeout(POLL_SECONDS):
                key = await keys.get()
        except TimeoutError:
            continue
        choice = decide(key, found)
        if choice.do is Do.QUIT:
            still = f"{counted(len(found), 'message')} {'is' if len(found) == 1 else 'are'} still held"
            say(f"left; {still if found else 'nothing is held'}")
            return
        await _carry_out(choice, hands, say)


async def _carry_out(choice: Choice, hands: Hands, say: Callable[[str], None]) -> None:
    if choice.do is Do.ALL:
        say(f"{counted(await hands.end_holds(), 'message')} passed; no hold is left")
    elif choice.do is Do.HELP:
        say(KEYS)
    elif choice.message is not None:
        await hands.release(choice.message, drop=choice.do is Do.DROP)
        say(f"  {choice.do.value}: {one_line(choice.message)}")


def _menu(found: Sequence[HeldMessage]) -> str:
    if not found:
        return "nothing is held; waiting for the next message"
    lines = [f"{'→' if n == 1 else ' '} {n}. {one_line(one)}" for n, one in enumerate(found[:CHOICES], 1)]
    more = len(found) - CHOICES
    return "\n".join([*lines, *([f"    and {more} more"] if more > 0 else [])])


def _continued(begun: str, typed: str) -> str:
    """Escape alone, and a key after it, are no sequence."""
    return typed if begun.strip(_ESCAPE) == "" and typed[:1] not in ("[", "O") else begun + typed


@asynccontextmanager
async def pressed_keys() -> AsyncIterator[asyncio.Queue[str]]:
    """Single keys of the terminal, without Enter; the terminal is put back afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    begun = ""
    tty.setcbreak(descriptor)

    def read() -> None:
        nonlocal begun
        typed = os.read(descriptor, 64).decode(errors="replace")
        found, begun = split_keys(_continued(begun, typed))
        for key in found if typed else [""]:  # nothing to read: the terminal has gone
            keys.put_nowait(key)

    loop.add_reader(descriptor, read)
    try:
        yield keys
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
