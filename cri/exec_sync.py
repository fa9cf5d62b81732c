"""ExecSync: run a command, gather what it writes, within a time on the cluster's clock."""

from __future__ import annotations

from collections.abc import Sequence

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from cri.backend import Session
from cri.limits import EXEC_SYNC_BYTES
from proto import cri_pb2 as pb


async def exec_sync(session: Session, clock: Clock, argv: Sequence[str], timeout_seconds: float) -> pb.ExecSyncResponse:
    """`timeout_seconds` 0 means none. Raises ApiError (504, DEADLINE_EXCEEDED) when it is over; the command is killed.

    Output beyond its bound is read and left out, so that the command does not block on a full pipe.
    """
    if not timeout_seconds:
        return await _gather(session)
    try:
        async with clock.timeout(timeout_seconds, f"exec {argv[0] if argv else ''}"):
            return await _gather(session)
    except TimeoutError:
        await session.kill()
        words = " ".join(argv)
        raise ApiError("Timeout", f'command "{words}" timed out: timeout {timeout_seconds:g}s exceeded') from None


async def _gather(session: Session) -> pb.ExecSyncResponse:
    outputs = {1: bytearray(), 2: bytearray()}
    async for channel, data in session.output():
        kept = outputs[channel]
        kept += data[: EXEC_SYNC_BYTES - len(kept)]
    return pb.ExecSyncResponse(stdout=bytes(outputs[1]), stderr=bytes(outputs[2]), exit_code=await session.exit_code())
