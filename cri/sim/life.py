"""The log of a simulated container, line by line on the cluster's clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from apimachinery.clock import Clock
from cri.log_file import STDERR, STDOUT, LogFile, format_timestamp
from cri.sim.profile import Profile
from cri.sim.script import Line

_SAME_MOMENT = 10_000_000
"""Lines of one moment are told apart by a microsecond each; so many nanoseconds are one moment."""


async def write_lines(log: LogFile, started_at: int, profile: Profile, clock: Clock) -> None:
    """Write what is due, when it is due; skip what a predecessor wrote already."""
    for line, stamp in _unwritten(log, started_at, profile):
        await clock.sleep_until(started_at / 1e9 + line.at, "the next log line")
        log.write(stamp, STDERR if line.stderr else STDOUT, line.text.encode())
        log.close()


def write_rest(log: LogFile, started_at: int, profile: Profile, until: int) -> None:
    """A container that ended at `until` (Unix nanoseconds) has written what was due before."""
    for line, stamp in _unwritten(log, started_at, profile):
        if started_at + int(line.at * 1e9) > until + _SAME_MOMENT:
            break
        log.write(stamp, STDERR if line.stderr else STDOUT, line.text.encode())
    log.close()


def _unwritten(log: LogFile, started_at: int, profile: Profile) -> Iterator[tuple[Line, str]]:
    written = log.position().timestamp
    for line in _schedule(profile):
        stamp = format_timestamp(started_at + int(line.at * 1e9))
        if stamp > written:
            yield line, stamp


def _schedule(profile: Profile) -> Iterator[Line]:
    """Lines with distinct times, so that a restarted runtime knows which it has written."""
    if not profile.log_interval:
        yield from (
            Line(line.at + order * 1e-6, line.text, line.stderr) for order, line in enumerate(profile.plan.lines)
        )
        return
    for order, line in enumerate(itertools.cycle(profile.plan.lines)):
        yield Line(order * profile.log_interval, line.text, line.stderr)
