"""The engine's multiplexed output: a header of eight bytes (stream, three zeros, length), then the bytes. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from cri.backend import Output

_HEADER = 8


class Demultiplexer:
    """Feed it pieces of any size, and take all that each gives; it gives whole frames."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Output]:
        buffer = self._buffer + data
        start, size = 0, len(buffer)
        while size - start >= _HEADER:
            end = start + _HEADER + int.from_bytes(buffer[start + 4 : start + _HEADER])
            if end > size:
                break
            yield Output(2 if buffer[start] == 2 else 1, buffer[start + _HEADER : end])
            start = end
        self._buffer = buffer[start:]


async def demultiplex(chunks: AsyncIterator[bytes], *, tty: bool) -> AsyncIterator[Output]:
    """With a terminal the engine sends no frames: all is stdout."""
    demultiplexer = Demultiplexer()
    async for chunk in chunks:
        if tty:
            yield Output(1, chunk)
            continue
        for output in demultiplexer.feed(chunk):
            yield output
