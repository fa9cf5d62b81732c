"""Is everybody at work who may still have something to do? Whoever was restarted meanwhile comes back some time later.

A controller that was killed has left its lease behind, so that its successor waits until that has run out: until then
all is quiet although not all is done.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

import grpc

from cli.debugging.fleet import Fleet, Stub
from cli.source.wanted import read_wanted
from cli.tracing.limits import COLLECT_SECONDS, QUIET_AFTER_START_SECONDS, QUIET_SECONDS
from client.leader import TO_LEAD
from proto import debug_pb2


def expected(fleet: Fleet, away: Iterable[str]) -> list[str]:
    """Those of `away` that come back by themselves: neither frozen, nor stopped, nor replaced by somebody else's."""
    names = set(away)
    if not names:
        return []
    wanted = read_wanted(fleet.paths.wanted)
    gone = {name for name, want in wanted.items() if want.absent or want.argv}
    return sorted(names - gone - {one.component for one in fleet.targets if one.frozen})


async def quiet_needed(fleet: Fleet, since: float) -> float:
    """How long all must be quiet for a trace that began at `since` (real time) to be over, in seconds.

    Infinite while anyone who was started later is yet to take its work up.
    """
    answers = await asyncio.gather(*(_quiet_needed(fleet.stub(one.component), since) for one in fleet.targets))
    return max(answers, default=QUIET_SECONDS)


async def _quiet_needed(stub: Stub, since: float) -> float:
    """Whoever does not answer is none of our business: see `expected`."""
    try:
        async with asyncio.timeout(COLLECT_SECONDS):
            started = (await stub.Info(debug_pb2.InfoRequest())).started
            if started < since:
                return QUIET_SECONDS
            timers = (await stub.ListTimers(debug_pb2.ListTimersRequest())).timers
    except (TimeoutError, grpc.aio.AioRpcError):
        return QUIET_SECONDS
    waits_to_lead = any(timer.why.endswith(TO_LEAD) for timer in timers)
    return math.inf if waits_to_lead else QUIET_AFTER_START_SECONDS
