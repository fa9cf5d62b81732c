"""Copies a container's output from the engine's log to a file in the CRI format, nothing lost and nothing twice.

The engine gives every record a time; a record is known by its time and its place among those of the same time. After
any break (ours, the engine's) copying goes on behind the last record that the file holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from apimachinery.errors import ApiError
from cri.backend import Output
from cri.docker.engine import Engine
from cri.docker.frames import Demultiplexer
from cri.limits import DOCKER_RETRY_SECONDS
from cri.log_file import STDERR, STDOUT, LogFile, Position

log = logging.getLogger(__name__)


_ENGINE_SPLIT_BYTES = 16 * 1024


class Record(NamedTuple):
    timestamp: str
    stream: str
    line: bytes
    full: bool


class Resumption:
    """Tells records that are written already from new ones."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self._left_to_skip = position.records

    def is_new(self, timestamp: str) -> bool:
        """Ask once per record, in order."""
        if timestamp < self.position.timestamp:
            return False
        if timestamp == self.position.timestamp:
            if self._left_to_skip > 0:
                self._left_to_skip -= 1
                return False
            self.position = Position(timestamp, self.position.records + 1)
            return True
        self.position = Position(timestamp, 1)
        self._left_to_skip = 0
        return True

    def restart(self) -> None:
        """The engine is about to repeat what bears the last time."""
        self._left_to_skip = self.position.records


class LogFollower:
    """One container's copying. `run` ends when the container has, and all is copied."""

    def __init__(self, engine: Engine, container_id: str, path: Path, *, tty: bool) -> None:
        self._engine = engine
        self._container_id = container_id
        self._tty = tty
        self._file = LogFile(path)
        self._ended = asyncio.Event()
        self._failing = False
        self.done = asyncio.Event()

    def container_ended(self) -> None:
        self._ended.set()

    def reopen(self) -> None:
        self._file.reopen()

    async def run(self) -> None:
        """The engine keeps what a full disk has no room for, or what it cannot give now: it is copied later."""
        try:
            while True:
                if await self._copy_to_the_end():
                    return
                await asyncio.sleep(DOCKER_RETRY_SECONDS)
        finally:
            self._file.abandon()
            self.done.set()

    async def _copy_to_the_end(self) -> bool:
        """Whether nothing is left to copy."""
        try:
            resumption = Resumption(self._file.position())
            while not self._ended.is_set():
                await self._copy(resumption, follow=True)
                await self._pause()
            if not await self._copy(resumption, follow=False):  # what came between the last read and the end
                return False
            self._file.close()
        except OSError as error:
            if not self._failing:
                log.error("log of %s cannot be written: %s; trying again", self._container_id[:12], error)
            self._failing = True
            self._file.abandon()
            return False
        return True

    async def _pause(self) -> None:
        """The stream has ended: most likely the container did too, and we are about to hear of it."""
        try:
            async with asyncio.timeout(DOCKER_RETRY_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            return

    async def _copy(self, resumption: Resumption, *, follow: bool) -> bool:
        """Whether the engine gave all that it has: also if that is nothing, as the container is gone."""
        resumption.restart()
        query = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow)}
        if resumption.position.timestamp:
            query["since"] = since(resumption.position.timestamp)  # type: ignore[assignment]
        try:
            path = f"/containers/{self._container_id}/logs"
            async with self._engine.stream("GET", path, query) as stream:
                async for records in _records(stream.chunks(), tty=self._tty):
                    for record in records:
                        if resumption.is_new(record.timestamp):
                            self._file.write(record.timestamp, record.stream, record.line, full=record.full)
                    self._file.flush()
                    self._failing = False
        except ApiError as error:
            log.info("log of %s interrupted: %s", self._container_id[:12], error.message)
            if error.reason != "NotFound":
                return False
            self._ended.set()
        return True


async def _records(chunks: AsyncIterator[bytes], *, tty: bool) -> AsyncIterator[Iterator[Record]]:
    """What each piece of the stream holds, so that it is written at once."""
    splitter: LineSplitter | Demultiplexer = LineSplitter() if tty else Demultiplexer()
    async for chunk in chunks:
        yield map(parse, splitter.feed(chunk))


class LineSplitter:
    """With a terminal the engine's records come without frames; a line is a record."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Output]:
        *whole, self._buffer = (self._buffer + data).split(b"\n")
        for line in whole:
            yield Output(1, line + b"\n")


def parse(output: Output) -> Record:
    """`2026-11-20T10:38:58.123456789Z text\\n`.

    Without a newline it is a part of a line, which the engine splits at 16 KiB; or, if shorter, the last words of a
    program that did not end its line.
    """
    stamp, _, text = output.data.partition(b" ")
    ended = text.endswith(b"\n")
    stream = STDERR if output.channel == 2 else STDOUT
    return Record(stamp.decode(), stream, text[:-1] if ended else text, ended or len(text) < _ENGINE_SPLIT_BYTES)


def since(timestamp: str) -> str:
    """The engine's `since` for a record's time, exact to the nanosecond: seconds, a point, nine digits."""
    whole, _, fraction = timestamp.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return f"{seconds}.{fraction.ljust(9, '0')}"
