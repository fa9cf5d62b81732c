"""Carries frames between a gRPC stream and the runtime's WebSocket, both ways, without buffering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from apimachinery.errors import ApiError
from proto import kubelet_pb2 as pb
from wire.streams.channels import ChannelSocket
from wire.streams.websocket import HandshakeFailed, WebSocketClosed, connect_websocket

CHANNEL_ERROR = 3


async def bridge(
    url: str, protocols: Sequence[str], frames: AsyncIterator[pb.StreamFrame], context: Any
) -> AsyncIterator[pb.StreamFrame]:
    """Connect to `url` and carry until the runtime closes. Raises ApiError if it cannot be reached.

    The call's initial metadata goes out once the runtime has accepted: whoever waits for it knows the stream stands.
    """
    try:
        socket = ChannelSocket(await connect_websocket(url, protocols))
    except (HandshakeFailed, OSError, TimeoutError) as error:
        raise ApiError("InternalError", f"error dialing the container runtime: {error}") from None
    await context.send_initial_metadata(())
    inward = asyncio.ensure_future(_inward(frames, socket))
    try:
        while (frame := await socket.receive()) is not None:
            yield pb.StreamFrame(channel=frame.channel, data=frame.data, close=frame.close)
    finally:
        inward.cancel()
        await asyncio.gather(inward, return_exceptions=True)
        await socket.close()


async def _inward(frames: AsyncIterator[pb.StreamFrame], socket: ChannelSocket) -> None:
    """What the caller sends. When it has gone, so has the reason to keep the runtime's end open."""
    try:
        async for frame in frames:
            if frame.data:
                await socket.send(frame.channel, frame.data)
            if frame.close:
                await socket.half_close(frame.channel)
    except WebSocketClosed:
        return
