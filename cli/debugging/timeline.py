"""The cluster's one line of time: what it is and how it changes. Pure, but for its file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from apimachinery.clock import ClockState
from cli.errors import UserError
from cli.locks import claim
from wire.seams import clock_line, read_clock_as

LEAD_SECONDS = 0.02  # real time in which a new line reaches every component
FASTEST = 600.0  # times real time
FAST = 60.0  # beyond it leases are renewed more often than a small machine can
AGREED_SECONDS = 0.1  # cluster time by which two components may differ and still be said to agree
TURN_SECONDS = 0.5  # real time; who writes the file takes a millisecond, unless he is stopped while he does
POLL_SECONDS = 0.002


class Written(NamedTuple):
    """What the clock's file says. `resume` and `waits_for` are there while the clock stands for a time only."""

    line: ClockState
    resume: float | None = None
    """At which rate it goes on when the step is over, or nobody stands still any more."""
    waits_for: tuple[str, ...] = ()
    """The components under debug that stand still."""
    stepped: bool = False
    """A command steps it: it stands between the steps, also when nobody stands still any more."""

    @property
    def pace(self) -> float:
        """The rate that is usual now."""
        return self.line.rate if self.resume is None else self.resume

    @property
    def waiting(self) -> str:
        """Who stands still, to read; "" if nobody does."""
        if not self.waits_for:
            return ""
        stands, whom = ("stands", "it") if len(self.waits_for) == 1 else ("stand", "them")
        return f"{', '.join(self.waits_for)} {stands} still, and the clock waits for {whom}"


def now_on(line: ClockState, monotonic: float) -> float:
    return line.cluster_time + (monotonic - line.monotonic) * line.rate


def bend(line: ClockState, monotonic: float, rate: float) -> ClockState:
    """The line that goes on at `rate`. No component that learns of it within `LEAD_SECONDS` sees time run backwards:
    a slower line leaves the old one a little later than now, a faster one now."""
    at = monotonic if rate >= line.rate else monotonic + LEAD_SECONDS
    return ClockState(monotonic if rate == 0 else at, now_on(line, at), rate)


def parse_rate(text: str) -> float:
    """`60`, `60x`, `0.5` or `1/10`. Raises UserError."""
    number, _, divisor = text.removesuffix("x").partition("/")
    try:
        rate = float(number) / float(divisor or 1)
    except (ValueError, ZeroDivisionError):
        raise UserError(f"{text!r} is no rate; write 60, 0.5 or 1/10") from None
    if rate == 0:
        raise UserError("a rate of 0 is a pause: orrery clock pause")
    if not 0 < rate <= FASTEST:
        raise UserError(f"rate {text}: must be above 0 and at most {FASTEST:.0f}; to pass over more, orrery clock step")
    return rate


def warning_of(rate: float) -> str:
    """What may go wrong at this rate, or ""."""
    if rate <= FAST:
        return ""
    return (
        f"at {rate:g} times real time a lease that is renewed every 2 s must be renewed every {2000 / rate:.0f} ms; "
        "on a busy machine leases may be lost. orrery clock step DURATION waits for everyone instead"
    )


def show_time(cluster_time: float) -> str:
    return datetime.fromtimestamp(cluster_time, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")


def pace(rate: float) -> str:
    return "paused" if rate == 0 else "running" if rate == 1 else f"running at {rate:g} times real time"


def disagreeing(line: ClockState, lines: dict[str, ClockState], monotonic: float) -> dict[str, float]:
    """By how many seconds components are ahead of the line, if by more than nothing."""
    wanted = now_on(line, monotonic)
    ahead = {name: now_on(one, monotonic) - wanted for name, one in lines.items()}
    return {name: seconds for name, seconds in ahead.items() if abs(seconds) > AGREED_SECONDS}


def read_written(path: Path) -> Written | None:
    """None if there is no file. Raises BrokenFile."""
    return read_clock_as(path, _written)


def _written(tree: dict[str, Any]) -> Written:
    resume = tree.get("resume")
    waits_for, stepped = tuple(tree.get("waits_for", ())), bool(tree.get("stepped"))
    return Written(clock_line(tree), None if resume is None else float(resume), waits_for, stepped)


def write_line(path: Path, line: ClockState) -> None:
    """For processes that start, or that are out of reach now. Whole at any moment. It stays so until changed."""
    with writing(path):
        put(path, Written(line))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """One at a time, from reading the file to writing it. Who is stopped in the middle of it is not waited for."""
    until = time.monotonic() + TURN_SECONDS
    with ExitStack() as held:
        while not claim(path.with_suffix(".lock"), held) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        yield


def put(path: Path, new: Written) -> None:
    """Within `writing`."""
    more = {"resume": new.resume, "waits_for": list(new.waits_for), "stepped": new.stepped}
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(json.dumps({**new.line._asdict(), **(more if new.resume is not None else {})}))
    fresh.replace(path)
