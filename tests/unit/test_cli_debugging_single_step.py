"""The keys of `orrery step`: what a terminal sends for one, and what it asks for."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from cli.debugging import single_step
from cli.debugging.holding import HeldMessage
from cli.debugging.single_step import KEYS, Do, decide, interactive, pressed_keys, split_keys

UP, PAGE_DOWN, F1, CONSOLE_F1, CONTROL_UP, ALT_A = "\x1b[A", "\x1b[6~", "\x1bOP", "\x1b[[A", "\x1b[1;5A", "\x1ba"


@pytest.mark.parametrize(
    ("typed", "keys", "rest"),
    [
        ("n3d", ["n", "3", "d"], ""),
        (UP, [UP], ""),
        (f"a{PAGE_DOWN}6{F1}{CONSOLE_F1}q", ["a", PAGE_DOWN, "6", F1, CONSOLE_F1, "q"], ""),
        (f"{CONTROL_UP}{ALT_A}a", [CONTROL_UP, ALT_A, "a"], ""),
        ("\n\x03", ["\n", "\x03"], ""),
        ("\x1b", [], "\x1b"),
        ("a\x1b[1;", ["a"], "\x1b[1;"),
        ("\x1b\x1b[A", ["\x1b\x1b[A"], ""),  # with Alt
        ("\x1b[\x03", ["\x1b[", "\x03"], ""),  # Ctrl-C is heard in any case
        ("", [], ""),
    ],
)  # fmt: skip
def test_what_a_key_sends(typed: str, keys: list[str], rest: str) -> None:
    assert split_keys(typed) == (keys, rest)


class Hands:
    def __init__(self) -> None:
        self.waiting = [
            HeldMessage("scheduler", n, "schedule:bind", "Pod", "default", f"web-{n}", "hold-1", "", "", 0.0)
            for n in range(9)
        ]

    async def held(self) -> list[HeldMessage]:
        return list(self.waiting)

    async def release(self, one: HeldMessage, *, drop: bool) -> None:
        self.waiting.remove(one)

    async def end_holds(self) -> int:
        many = len(self.waiting)
        self.waiting.clear()
        return many


async def test_no_message_passes_at_a_key_that_nobody_means_one_by() -> None:
    hands, keys, said = Hands(), asyncio.Queue[str](), list[str]()
    for key in (UP, PAGE_DOWN, ALT_A, "?", "h", "q"):
        keys.put_nowait(key)
    await interactive(hands, keys, said.append)
    assert len(hands.waiting) == 9
    assert said.count(KEYS) == 3  # at the beginning, and for each of the two that ask
    assert decide("?", []).do is decide("h", hands.waiting).do is Do.HELP


async def test_one_message_is_one() -> None:
    hands, keys, said = Hands(), asyncio.Queue[str](), list[str]()
    hands.waiting = hands.waiting[:1]
    keys.put_nowait("q")
    await interactive(hands, keys, said.append)
    assert said[-1] == "left; 1 message is still held"
    keys.put_nowait("a")
    keys.put_nowait("q")
    await interactive(hands, keys, said.append)
    assert "1 message passed; no hold is left" in said


async def test_keys_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences come whole or in pieces; Escape and what is pressed later are two keys."""
    master, slave = os.openpty()
    with os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        async with asyncio.timeout(30), pressed_keys() as keys:
            for written, expected in ((UP, [UP]), ("\x1bn", ["\x1bn"]), ("3", ["3"])):
                os.write(master, written.encode())
                assert [await keys.get() for _ in expected] == expected
            assert keys.empty()
    os.close(master)


@pytest.mark.parametrize(
    ("begun", "typed", "whole"),
    [("", "n", "n"), ("\x1b", "[A", UP), ("\x1b[", "A", UP), ("\x1b", "n", "n"), ("\x1b[1;", "5A", CONTROL_UP)],
)
def test_what_continues_a_sequence(begun: str, typed: str, whole: str) -> None:
    assert single_step._continued(begun, typed) == whole
