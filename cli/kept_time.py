"""The cluster's time from one life to the next: for objects that are kept it never runs backwards."""

from __future__ import annotations

import time

from apimachinery.clock import ClockState
from cli.debugging.timeline import now_on, write_line
from cli.spec import Paths
from wire.seams import BrokenFile, read_clock


def last_time(paths: Paths, *, lives: bool) -> float:
    """The cluster time at which kept data ends; 0 if there is none, or no clock to tell. `lives`: it ran just now.

    Else the host may have been rebooted since, and the line in the file is of no use for now: the cluster was at most
    as far on as when etcd last wrote. Those are times of the host, the same ones before and after.
    """
    try:
        line = read_clock(paths.clock) if paths.etcd.exists() else None
    except BrokenFile:
        return 0.0
    if line is None:
        return 0.0
    if lives:
        return now_on(line, time.monotonic())
    wrote = max((one.stat().st_mtime for one in paths.etcd.rglob("*")), default=0.0)
    return line.cluster_time + max(0.0, wrote - paths.clock.stat().st_mtime) * line.rate


def leave_time(paths: Paths, *, lives: bool) -> None:
    """A line that stands still says the same to whoever reads it, whatever becomes of the host meanwhile."""
    left = last_time(paths, lives=lives)
    if left:
        write_line(paths.clock, ClockState(time.monotonic(), left, 0.0))
    else:
        paths.clock.unlink(missing_ok=True)


def first_line(left_at: float) -> ClockState:
    """Of a new life: from now, or from where kept data ends if that is later, at real pace."""
    return ClockState(time.monotonic(), max(time.time(), left_at), 1.0)
