"""Container logs in CRI's format, `2026-11-20T10:38:58.123456789Z stdout F text`, read in pieces of bounded size."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from apimachinery.timestamps import parse_time
from kubelet.limits import LOG_CHUNK_BYTES, LOG_LINE_BYTES, LOG_POLL_SECONDS, LOG_READ_BYTES


class LogLine(NamedTuple):
    """`text` ends with a newline unless the line goes on in the next entry (tag P)."""

    stamp: bytes
    stream: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class LogOptions:
    """As `kubectl logs` asks for them. `since` in Unix seconds."""

    follow: bool = False
    timestamps: bool = False
    since: float | None = None
    tail_lines: int | None = None
    limit_bytes: int | None = None


def parse_line(line: bytes) -> LogLine | None:
    """One line of the file, None if it is not in CRI's format."""
    parts = line.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr"):
        return None
    text = parts[3] if len(parts) > 3 else b""
    whole = parts[2].split(b":")[0] == b"F"
    return LogLine(parts[0], parts[1], text + b"\n" if whole else text)


async def read_log(path: Path, options: LogOptions, is_over: Callable[[], bool] = lambda: True) -> AsyncIterator[bytes]:
    """The log's text in chunks. With `follow` it goes on until `is_over()` and everything has been read.

    A runtime may make the file only when there is something to write, so no file is an empty log.
    """
    while not _exists(path):
        if not options.follow or is_over():
            return
        await asyncio.sleep(LOG_POLL_SECONDS)
    left = options.limit_bytes
    async for chunk in _chunks(path, options, is_over):
        if left is None:
            yield chunk
            continue
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


async def _chunks(path: Path, options: LogOptions, is_over: Callable[[], bool]) -> AsyncIterator[bytes]:
    file = _open(path)
    try:
        if options.tail_lines is not None:
            file.seek(_tail_offset(file, options.tail_lines))
        reader, at_start = _Reader(file), True
        while True:
            # Asked before reading: what was written before the end is still in the file after it.
            over = not options.follow or is_over()
            out = bytearray()
            for line in reader.lines(last=over):
                parsed = parse_line(line)
                if parsed is None or _is_before(parsed, options.since):
                    continue
                if options.timestamps and at_start:
                    out += parsed.stamp + b" "
                out += parsed.text
                at_start = parsed.text.endswith(b"\n")
                if len(out) >= LOG_CHUNK_BYTES:
                    yield bytes(out)
                    out.clear()
            if out:
                yield bytes(out)
            if over:
                return
            file = reader.file = _reopened(path, file)
            # k8s differs: a followed file is looked at ten times a second, in real time, as a terminal would.
            await asyncio.sleep(LOG_POLL_SECONDS)
    finally:
        file.close()


def _exists(path: Path) -> bool:
    return path.exists()


class _Reader:
    """Lines of a growing file, without ever holding more than one read and one line."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._rest = b""

    def lines(self, *, last: bool) -> Iterator[bytes]:
        while data := self.file.read(LOG_READ_BYTES):
            *whole, self._rest = (self._rest + data).split(b"\n")
            yield from (line + b"\n" for line in whole)
            if len(self._rest) > LOG_LINE_BYTES:
                yield self._rest
                self._rest = b""
        if last and self._rest:
            yield self._rest
            self._rest = b""


def _open(path: Path) -> IO[bytes]:
    return path.open("rb", buffering=0)


def _reopened(path: Path, file: IO[bytes]) -> IO[bytes]:
    """The file that has the name now, if it was rotated and the old one is read to its end."""
    try:
        if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
    except FileNotFoundError:
        return file
    if file.tell() < os.fstat(file.fileno()).st_size:
        return file
    file.close()
    return _open(path)


def _tail_offset(file: IO[bytes], lines: int) -> int:
    """Where the last `lines` entries begin, found from the end in bounded pieces."""
    end = os.fstat(file.fileno()).st_size
    if lines <= 0:
        return end
    # The newline that ends the last entry begins no other.
    position, missing = end, lines + 1
    while position > 0:
        start = max(0, position - LOG_READ_BYTES)
        file.seek(start)
        block = file.read(position - start)
        found = block.count(b"\n")
        if found >= missing:
            offset = len(block)
            for _ in range(missing):
                offset = block.rindex(b"\n", 0, offset)
            return start + offset + 1
        missing -= found
        position = start
    return 0


def _is_before(line: LogLine, since: float | None) -> bool:
    if since is None:
        return False
    try:
        # Python's times go to the microsecond.
        stamp = line.stamp.decode()
        head, _, fraction = stamp.rstrip("Z").partition(".")
        return parse_time(f"{head}.{fraction[:6] or '0'}+00:00") < since
    except ValueError:
        return False
