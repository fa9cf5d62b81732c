"""What a component says of itself to whoever moves its clock or lists its edges."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from apimachinery.clock import Timer
from proto import debug_pb2
from wire.activity import Timing
from wire.limits import REPORTED_AHEAD_SECONDS, REPORTED_WORK
from wire.seams import Seams
from wire.span import span_id

QUIET_ROUNDS = 3  # turns of the event loop without anything happening that count as rest
MOST_ROUNDS = 200  # turns after which a component that never rests reports all the same
_SPAN_OF_EDGE = {"schedule:cycle": "schedule", "etcd:txn": "etcd txn", "nft:apply": "sync"}  # else they have one name


def progress(seams: Seams) -> int:
    """A number that grows with whatever happens: messages, timers, work begun and ended."""
    activity = seams.tracer.activity
    messages = sum(one.passed + one.held + one.dropped + one.failed for one in seams.gates.edges.values())
    return messages + seams.clock.fired + 2 * activity.ended + len(activity.open())


async def come_to_rest(seams: Seams) -> None:
    """Wait until nothing happens for a few turns of the loop, at most for `MOST_ROUNDS`."""
    before, quiet = progress(seams), 0
    for _ in range(MOST_ROUNDS):
        await asyncio.sleep(0)
        now = progress(seams)
        quiet = quiet + 1 if now == before else 0
        before = now
        if quiet == QUIET_ROUNDS:
            return


def report(seams: Seams) -> debug_pb2.DriveReport:
    now = time.monotonic()
    timers = seams.clock.timers()
    waiting = {span_id(timer.context) for timer in timers}
    waiting |= {span_id(held.traceparent) for held in seams.gates.held()}
    return debug_pb2.DriveReport(
        clock=debug_pb2.ClockState(**seams.clock.state._asdict()),
        progress=progress(seams),
        timers=[debug_pb2.Timer(deadline=one.deadline, why=one.why) for one in due_soonest(timers)],
        work=[
            debug_pb2.Work(
                name=one.name,
                span_id=one.span_id,
                parent_id=one.parent_id,
                seconds=now - one.started,
                key=f"{seams.component}/{one.key}",
            )
            for one in seams.tracer.activity.open()[:REPORTED_WORK]
        ],
        waiting=sorted(waiting - {""}),
    )


def due_soonest(timers: list[Timer]) -> list[Timer]:
    """The first of sorted `timers` and those due soon after it."""
    return [one for one in timers if one.deadline <= timers[0].deadline + REPORTED_AHEAD_SECONDS][:REPORTED_WORK]


def edges(seams: Seams) -> list[debug_pb2.Edge]:
    waiting = Counter(held.edge for held in seams.gates.held())
    timings = seams.tracer.activity.timings
    found = []
    for name, counts in seams.gates.edges.items():
        timing = timings.get(_SPAN_OF_EDGE.get(name, name.removeprefix("serve:"))) or Timing()
        found.append(
            debug_pb2.Edge(
                name=name,
                **vars(counts),
                waiting=waiting[name],
                timed=timing.count,
                mean_seconds=timing.mean,
                max_seconds=timing.longest,
            )
        )
    return found
