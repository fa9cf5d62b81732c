"""Spans that outlive their process: a ring of fixed size in a file, beside the cluster's clock.

A span is recorded before others hear of it, or when something under it is over; and when it is over itself, a moment
later: so what a process set off before it was killed has a cause also afterwards. Nothing is flushed to the disk: the
file need only survive the process, not the machine.

The file is a ring of segments. A segment has a header (magic, its number) and batches, each with its length and a
checksum that is seeded with the segment's number: what a killed process wrote by half, and what is left of the
segment's last use, does not match, and ends the segment for whoever reads it.
"""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import logging
import mmap
import os
import struct
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from wire.limits import (
    SPAN_BATCH,
    SPAN_FILE_SECONDS,
    SPAN_FILE_SEGMENTS,
    SPAN_RING,
    SPAN_SEGMENT_BYTES,
    SPAN_TEXT_CHARS,
)
from wire.span import Span, Step

FOLDER = "spans"
INTERRUPTED = "interrupted"
"""Attribute of a span that its process did not live to end."""

_SEGMENT = struct.Struct("<4sIQ")  # magic, segments in the file, the segment's number: 0 is unused
_BATCH = struct.Struct("<II")  # length, checksum
_MAGIC = b"ORS2"
_SIZE = SPAN_FILE_SEGMENTS * SPAN_SEGMENT_BYTES
_log = logging.getLogger(__name__)

StepRecord = tuple[str, float, float, dict[str, str]]
"""Name, start, end, attributes."""
Record = tuple[str, str, str, str, float, float, Sequence[str], dict[str, str], Sequence[StepRecord]]
"""Trace, span, parent, name, start, end, links, attributes, steps."""
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
        self._soon = False  # is it to be recorded in this turn of the loop?
        self._later: asyncio.TimerHandle | None = None
        self._encode = msgspec.msgpack.Encoder().encode
        self._map: mmap.mmap | None = None
        self._descriptor = -1  # holds the lock
        self._opened = False
        self._segment = 0  # number of the one that is written to
        self._at = self._segment_end = 0  # where in the file the next batch goes, and where it must end
        self._earlier: Sequence[Span] | None = None

    def begun(self, span: Span) -> None:
        """`span` has begun, and what it sends out names it: recorded before that is sent, for sending takes a turn of
        the loop, too."""
        self._pending[span.span_id] = span
        if not self._soon:
            self._soon = self._in_loop(lambda loop: loop.call_soon(self.flush))

    def ended(self, span: Span) -> None:
        """`span` is over: recorded with the next one that has begun, or in a while."""
        pending = self._pending
        pending[span.span_id] = span
        if len(pending) >= SPAN_BATCH:
            self.flush()
        elif self._later is None:
            self._in_loop(self._flush_later)

    def _flush_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._later = loop.call_later(SPAN_FILE_SECONDS, self._flush_now)

    def _flush_now(self) -> None:
        self._later = None
        self.flush()

    def _in_loop(self, put_off: Callable[[asyncio.AbstractEventLoop], object]) -> bool:
        """Outside a loop nothing can be put off: then it is recorded now."""
        try:
            put_off(asyncio.get_running_loop())
        except RuntimeError:
            self.flush()
            return False
        return True

    def flush(self) -> None:
        """Record all that is pending."""
        pending, self._pending, self._soon = self._pending, {}, False
        if pending and (self._map is not None or self._ready()):
            self._write([_record(one) for one in pending.values()])

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
        atexit.register(self.flush)
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
        def ended(start: float, end: float, attributes: dict[str, str]) -> float:
            if end or lives:
                return end
            attributes[INTERRUPTED] = "its process ended"
            return max(start, self.last)

        for trace_id, span_id, parent, name, start, end, links, attributes, parts in self.records.values():
            steps = [Step(part, began, ended(began, over, about), about) for part, began, over, about in parts]
            end = ended(start, end, attributes)
            yield Span(trace_id, span_id, parent, component, name, start, end, tuple(links), attributes, steps=steps)


def _record(span: Span) -> Record:
    steps = [(one.name, one.start, one.end, one.attributes) for one in span.steps] if span.steps else ()
    return (
        span.trace_id,
        span.span_id,
        span.parent_id,
        span.name,
        span.start,
        span.end,
        span.links,
        span.attributes,
        steps,
    )


def _cut(record: Record) -> Record:
    *about, links, attributes, steps = record
    short = [(name, start, end, _cut_texts(texts)) for name, start, end, texts in steps]
    return (*about, links, _cut_texts(attributes), short)  # type: ignore[return-value]


def _cut_texts(attributes: dict[str, str]) -> dict[str, str]:
    return {name: value[:SPAN_TEXT_CHARS] for name, value in attributes.items()}


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
