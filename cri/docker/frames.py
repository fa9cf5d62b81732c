"""The engine's multiplexed output: a header of eight bytes (stream, three zeros, length), then the bytes. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from cri.backend import Output

_HEADER = 8


class Demultiplexer:
    """Feed it pieces of any size; it gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Output]:
        self._buffer += data
        while len(self._buffer) >= _HEADER:
            end = _HEADER + int.from_bytes(self._buffer[4:_HEADER])
            if len(self._buffer) < end:
                return
            channel, payload = self._buffer[0], bytes(self._buffer[_HEADER:end])
            del self._buffer[:end]
            yield Output(2 if channel == 2 else 1, payload)


async def demultiplex(chunks: AsyncIterator[bytes], *, tty: bool) -> AsyncIterator[Output]:
    """With a terminal the engine sends no frames: all is stdout."""
    demultiplexer = Demultiplexer()
    async for chunk in chunks:
        if tty:
            yield Output(1, chunk)
            continue
        for output in demultiplexer.feed(chunk):
            yield output
