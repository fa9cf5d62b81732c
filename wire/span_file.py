"""Spans that outlive their process: a ring of fixed size in a file, beside the cluster's clock.

A span is recorded when it has begun and again when it is over, once per turn of the event loop, so that what a process
set off before it was killed has a cause also afterwards. Nothing is flushed to the disk: the file need only survive the
process, not the machine.

The file is a ring of segments. A segment has a header (magic, its number) and batches, each with its length and a
checksum that is seeded with the segment's number: what a killed process wrote by half, and what is left of the
segment's last use, does not match, and ends the segment for whoever reads it.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import mmap
import os
import struct
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wire.limits import SPAN_BATCH, SPAN_FILE_SEGMENTS, SPAN_RING, SPAN_SEGMENT_BYTES, SPAN_TEXT_CHARS

if TYPE_CHECKING:
    from wire.trace import Span

FOLDER = "spans"
INTERRUPTED = "interrupted"
"""Attribute of a span that its process did not live to end."""

_SEGMENT = struct.Struct("<4sIQ")  # magic, segments in the file, the segment's number: 0 is unused
_BATCH = struct.Struct("<II")  # length, checksum
_MAGIC = b"ORS1"
_SIZE = SPAN_FILE_SEGMENTS * SPAN_SEGMENT_BYTES
_log = logging.getLogger(__name__)

Record = tuple[str, str, str, str, float, float, Sequence[str], dict[str, str]]
"""Trace, span, parent, name, start, end, links, attributes."""
Batch = tuple[str, float, list[Record]]
"""The run that wrote it, when, and what."""

_decoder = msgspec.msgpack.Decoder(Batch)


def span_file(clock_file: Path, component: str) -> Path:
    """Where `component` keeps its spans."""
    return clock_file.parent / FOLDER / f"{component}.ring"


class SpanFile:
    """One process's hold on its component's file; opened when there is something to write or to read.

    Of two processes with one name, the second keeps its spans in memory only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._run = os.urandom(6).hex()
        self._pending: dict[str, Span] = {}  # by id: one that is over already when it is recorded is recorded once
        self._encode = msgspec.msgpack.Encoder().encode
        self._map: mmap.mmap | None = None
        self._descriptor = -1  # holds the lock
        self._opened = False
        self._segment = 0  # number of the one that is written to
        self._at = self._segment_end = 0  # where in the file the next batch goes, and where it must end
        self._earlier: Sequence[Span] | None = None

    def note(self, span: Span) -> None:
        """`span` has begun, or is over."""
        pending = self._pending
        pending[span.span_id] = span
        if len(pending) == 1:
            self._flush_soon()
        elif len(pending) >= SPAN_BATCH:
            self.flush()

    def _flush_soon(self) -> None:
        """Before anything that is begun from now on is sent: that takes a turn of the loop, too."""
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        pending, self._pending = self._pending, {}
        if pending and (self._map is not None or self._ready()):
            self._write(
                [
                    (one.trace_id, key, one.parent_id, one.name, one.start, one.end, one.links, one.attributes)
                    for key, one in pending.items()
                ]
            )

    def _write(self, records: list[Record]) -> None:
        """In as many batches as it takes. A record that fits in no segment keeps only the beginnings of its texts."""
        assert self._map is not None
        payload = self._encode((self._run, time.time(), records))
        if len(payload) > SPAN_SEGMENT_BYTES - _SEGMENT.size - _BATCH.size:
            half = len(records) // 2
            for part in (records[:half], records[half:]) if half else ([_cut(records[0])],):
                self._write(part)
            return
        if self._at + _BATCH.size + len(payload) > self._segment_end:
            self._begin_segment(self._segment + 1)
        body = self._at + _BATCH.size
        end = body + len(payload)
        self._map[body:end] = payload
        _BATCH.pack_into(self._map, self._at, len(payload), zlib.crc32(payload, self._segment))
        self._at = end

    @property
    def _segment_start(self) -> int:
        return self._segment % SPAN_FILE_SEGMENTS * SPAN_SEGMENT_BYTES

    def _begin_segment(self, number: int) -> None:
        assert self._map is not None
        self._segment = number
        _SEGMENT.pack_into(self._map, self._segment_start, _MAGIC, SPAN_FILE_SEGMENTS, number)
        self._at = self._segment_start + _SEGMENT.size
        self._segment_end = self._segment_start + SPAN_SEGMENT_BYTES

    def _ready(self) -> bool:
        """Is there a file to write to? If it cannot be opened, that is said once."""
        if not self._opened:
            self._opened = True
            try:
                self._open()
            except OSError as error:
                _log.warning("%s: %s; spans are kept in memory only", self._path, error.strerror or error)
        return self._map is not None

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the process ends, in whatever way
            if os.fstat(file).st_size != _SIZE:
                os.ftruncate(file, 0)
            os.posix_fallocate(file, 0, _SIZE)  # a full disk is to be met here, not at some write to the map
            self._map = mmap.mmap(file, _SIZE)
        except OSError:
            os.close(file)
            raise
        self._descriptor = file
        self._resume(self._map)

    def _resume(self, ring: mmap.mmap) -> None:
        """Go on behind what is there."""
        numbers = _numbers(ring)
        if not numbers:
            return self._begin_segment(1)
        self._segment = numbers[-1]
        self._at = self._segment_start + _SEGMENT.size
        self._segment_end = self._segment_start + SPAN_SEGMENT_BYTES
        for _, end in _payloads(ring, self._segment):
            self._at = end
        return None

    def earlier(self) -> Sequence[Span]:
        """What former processes of this component left, oldest first, as far as it was there when first asked for."""
        if self._earlier is None:
            left = spans_of(self._map, self._path.stem, but=self._run) if self._ready() and self._map else []
            self._earlier = deque(left, maxlen=SPAN_RING)
        return self._earlier


def read_spans(path: Path, *, alive: bool = False) -> list[Span]:
    """All spans in a component's file, oldest first. Raises OSError.

    `alive`: the last process that wrote there still lives, so what it has not ended is under way (`end` 0).
    """
    return spans_of(path.read_bytes(), path.stem, alive=alive)


def spans_of(ring: bytes | mmap.mmap, component: str, *, but: str = "", alive: bool = False) -> list[Span]:
    """The spans of all runs except `but`. What a run that is over did not end was interrupted at its last record."""
    runs: dict[str, _Run] = {}
    for number in _numbers(ring):
        for payload, _ in _payloads(ring, number):
            run, written, records = _decoder.decode(payload)
            runs.setdefault(run, _Run()).take(written, records)
    last = next(reversed(runs), "")
    told = [(run, alive and name == last) for name, run in runs.items() if name != but]
    return [span for run, lives in told for span in run.spans(component, lives)]


@dataclass
class _Run:
    """What one process wrote."""

    records: dict[str, Record] = field(default_factory=dict)
    last: float = 0.0

    def take(self, written: float, records: list[Record]) -> None:
        self.last = written
        self.records.update((one[1], one) for one in records)

    def spans(self, component: str, lives: bool) -> Iterator[Span]:
        from wire.trace import Span

        for trace_id, span_id, parent, name, start, end, links, attributes in self.records.values():
            if not end and not lives:
                end, attributes[INTERRUPTED] = max(start, self.last), "its process ended"
            yield Span(trace_id, span_id, parent, component, name, start, end, tuple(links), attributes)


def _cut(record: Record) -> Record:
    *about, links, attributes = record
    short = {name: value[:SPAN_TEXT_CHARS] for name, value in attributes.items()}
    return (*about, links, short)  # type: ignore[return-value]


def _numbers(ring: bytes | mmap.mmap) -> list[int]:
    """Of the segments in use, oldest first; none if the file is no ring of this size."""
    if len(ring) != _SIZE:
        return []
    heads = [_SEGMENT.unpack_from(ring, index * SPAN_SEGMENT_BYTES) for index in range(SPAN_FILE_SEGMENTS)]
    return sorted(
        number
        for index, (magic, count, number) in enumerate(heads)
        if (magic, count) == (_MAGIC, SPAN_FILE_SEGMENTS) and number and number % SPAN_FILE_SEGMENTS == index
    )


def _payloads(ring: bytes | mmap.mmap, number: int) -> Iterator[tuple[bytes, int]]:
    """A segment's batches, each with where it ends, up to the first that is not whole."""
    start = number % SPAN_FILE_SEGMENTS * SPAN_SEGMENT_BYTES
    at, end = start + _SEGMENT.size, start + SPAN_SEGMENT_BYTES
    while at + _BATCH.size < end:
        length, checksum = _BATCH.unpack_from(ring, at)
        at += _BATCH.size
        payload = ring[at : min(at + length, end)]
        if len(payload) != length or not length or zlib.crc32(payload, number) != checksum:
            return
        at += length
        yield payload, at
