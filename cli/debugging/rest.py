"""Has the cluster come to rest? Pure: reports of all components in, what is still under way out.

A piece of work that waits for the clock, or is held at a gate, does not count; nor does what waits for it in turn, be
it in another process. Everything else that was begun and not ended is under way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from proto import debug_pb2


@dataclass(frozen=True)
class Due:
    """A timer of some component."""

    deadline: float
    component: str
    why: str


Reports = dict[str, debug_pb2.DriveReport]


def next_timers(reports: Reports, after: float, moment: float) -> list[Due]:
    """The soonest timers of all components `after` a time: the first, and all due within `moment` seconds of it."""
    every = sorted(
        (
            Due(timer.deadline, name, timer.why)
            for name, report in reports.items()
            for timer in report.timers
            if timer.deadline > after
        ),
        key=lambda due: (due.deadline, due.component),
    )
    return [due for due in every if due.deadline <= every[0].deadline + moment]


def moved(before: Reports, after: Reports) -> bool:
    """Did anything happen between two reports of everyone?"""
    return before.keys() != after.keys() or any(after[name].progress != before[name].progress for name in after)


def under_way(reports: Reports) -> list[debug_pb2.Work]:
    """What is neither waiting for the clock nor held."""
    work = [one for report in reports.values() for one in report.work]
    waiting = _with_their_callers(work, {span for report in reports.values() for span in report.waiting})
    served = {one.parent_id for one in work if one.span_id in waiting and one.parent_id}
    rootless = Counter(one.name for one in work if one.span_id in waiting and not one.parent_id)
    return [one for one in work if not _waits(one, waiting, served, rootless)]


def _waits(one: debug_pb2.Work, waiting: set[str], served: set[str], rootless: Counter[str]) -> bool:
    """A span waits if it is said to; a call does if a span on its far side waits, known by their common parent, or
    by the method where the caller had none."""
    if one.span_id:
        return one.span_id in waiting
    if one.parent_id:
        return one.parent_id in served
    method = one.name.removeprefix("rpc:")
    rootless[method] -= 1
    return rootless[method] >= 0


def _with_their_callers(work: list[debug_pb2.Work], waiting: set[str]) -> set[str]:
    """`waiting`, and the open spans that have a child in it."""
    parents = {one.span_id: one.parent_id for one in work if one.span_id}
    found = set(waiting)
    ahead = list(waiting)
    while ahead:
        parent = parents.get(ahead.pop(), "")
        if parent and parent not in found:
            found.add(parent)
            ahead.append(parent)
    return found
