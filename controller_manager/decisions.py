"""How controllers tell what they decided, in their trace and to `orrery why`. One voice: the steps, then the grounds.

create 3: 0 of 3 pods are active
no change: its owners exist
wait 8 s: a pod failed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller_manager.limits import NAMES_TOLD
from wire.trace import note

UNSETTLED = "the cache has not seen its own last writes yet"
"""Grounds to wait for the events that tell of them."""


def decide(*steps: object, why: str = "") -> None:
    """Tell of a plan; steps that say nothing are none, and a plan without steps changes nothing."""
    told = ", ".join(filter(None, map(str, steps))) or "no change"
    note(decided=f"{told}: {why}" if why else told)


def each(verb: str, names: Iterable[str]) -> str:
    """`delete web-1, web-2 and 7 more`; nothing if there are none."""
    found: Sequence[str] = list(names)
    if not found:
        return ""
    more = len(found) - NAMES_TOLD
    return f"{verb} {', '.join(found[:NAMES_TOLD])}" + (f" and {more} more" if more > 0 else "")


def count(number: int, noun: str) -> str:
    """`1 pod`, `2 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def wait(seconds: float) -> str:
    """`wait 8 s`."""
    return f"wait {max(seconds, 0):.0f} s"
