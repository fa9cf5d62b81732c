"""What is not as usual in a cluster, for `orrery status`: nobody should debug a forgotten fault. From files alone."""

from __future__ import annotations

import time
from collections.abc import Sequence

from apimachinery.clock import ClockState
from cli.debugging import faults
from cli.debugging.durations import show_duration
from cli.debugging.hidden import hidden_pids, notice
from cli.debugging.rulebook import Entry, in_force, read_entries, rules_path
from cli.debugging.targets import is_frozen
from cli.debugging.timeline import now_on, pace, show_time
from cli.spec import Paths
from cli.supervisor import ProcessState
from wire.seams import read_clock, read_tracing

UNUSUAL_SECONDS = 0.5  # cluster time away from real time that is worth a word


def attention(paths: Paths, processes: Sequence[ProcessState]) -> list[str]:
    """Lines to show; none if everything is as usual."""
    line = read_clock(paths.clock) or ClockState(0.0, time.time() - time.monotonic(), 1.0)
    now = now_on(line, time.monotonic())
    hidden = hidden_pids(paths)
    frozen = [one.name for one in processes if one.pid and one.pid not in hidden and is_frozen(one.pid)]
    entries = in_force(read_entries(rules_path(paths)), now)
    tracing = [] if read_tracing(paths.tracing) else ["tracing: off, nothing leaves spans (orrery tracing on)"]
    notes = [f"{one.name}: {one.note}" for one in processes if one.note]
    return [
        *_time(line, now, now - time.time()),
        *tracing,
        *notes,
        *_frozen(frozen),
        *_rules(entries, now),
        *notice(paths),
    ]


def _time(line: ClockState, now: float, ahead: float) -> list[str]:
    if line.rate == 1.0 and abs(ahead) < UNUSUAL_SECONDS:
        return []
    off = f", {show_duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} real time"
    way_out = "" if line.rate == 1.0 else " (orrery clock resume)"
    return [f"clock: {show_time(now)}, {pace(line.rate)}{off}{way_out}"]


def _frozen(names: Sequence[str]) -> list[str]:
    return [f"frozen: {', '.join(names)} (orrery thaw NAME)"] if names else []


def _rules(entries: Sequence[Entry], now: float) -> list[str]:
    return [
        f"{one.rule.id}: {faults.describe(one.rule)} at {one.rule.edge}"
        f"{'' if one.component == '*' else f' of {one.component}'}; ends {faults.ending(one.rule, 0, now)}"
        for one in entries
    ]
