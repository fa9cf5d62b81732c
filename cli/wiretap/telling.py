"""From messages to what is printed and kept: the same for live traffic and recordings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from cli.debugging.fleet import Fleet, open_fleet
from cli.output_files import create
from cli.wiretap import recording, showing
from cli.wiretap.following import Follower
from cli.wiretap.live import follow
from cli.wiretap.options import WireOptions
from cli.wiretap.states import States
from proto.debug_pb2 import WireMessage


class Teller:
    """Say every message to it, in order of time; gives the lines to print."""

    def __init__(self, options: WireOptions) -> None:
        self._options = options
        self._follower = Follower(options.followed) if options.follow else None
        self._states = States() if options.diff else None
        self.shown = 0
        self.lost = 0

    @property
    def done(self) -> bool:
        return bool(self._options.count) and self.shown >= self._options.count

    def tell(self, message: WireMessage, record: TextIO | None = None) -> Iterator[str]:
        if message.lost:
            self.lost += message.lost
            yield showing.lost(message)
        if not message.method:
            return
        followed = self._follower is None or self._follower.follows(message)  # both learn from what is not shown
        changes = self._states.changes(message) if self._states else None
        if not followed or not self._options.shows(message):
            return
        self.shown += 1
        if record is not None:
            print(recording.to_line(message), file=record, flush=True)
        if self._options.json:
            yield recording.to_line(message)
            return
        yield showing.line(message)
        if self._options.body:
            yield from showing.below(message.request, message.response)
        yield from (f"{showing.INDENT}{one}" for one in changes or ())


async def listen(name: str, options: WireOptions) -> None:
    """Until --count or --duration is reached, or Ctrl-C. Raises UserError."""
    with ExitStack() as stack:
        teller = Teller(options)
        async with open_fleet(name) as fleet:
            record = stack.enter_context(_open(options.record, name)) if options.record else None
            count = len(fleet.targets)
            print(f"--- listening to {count} components of {name}; Ctrl-C ends", file=sys.stderr, flush=True)
            for doubt in options.doubts([one.component for one in fleet.targets]):
                print(f"--- {doubt}", file=sys.stderr, flush=True)
            try:
                await _listen(fleet, options, teller, record)
            except ExceptionGroup as problems:
                raise problems.exceptions[0] from None  # a refusal, or nobody reads our output any more
            finally:
                _summary(teller, options)


async def _listen(fleet: Fleet, options: WireOptions, teller: Teller, record: TextIO | None) -> None:
    def take(message: WireMessage) -> bool:
        for text in teller.tell(message, record):
            print(text, flush=True)
        return teller.done

    try:
        async with asyncio.timeout(options.duration or None):
            await follow(fleet, options.asked, take)
    except TimeoutError:
        return  # --duration is over


def replay(options: WireOptions) -> None:
    """Raises UserError."""
    teller = Teller(options)
    for message in recording.read(Path(options.read)):
        for text in teller.tell(message):
            print(text)
        if teller.done:
            break
    _summary(teller, options)


def _open(path: str, cluster: str) -> TextIO:
    """A new file. Raises UserError."""
    file = create(Path(path))
    print(recording.header(cluster), file=file, flush=True)
    return file


def _summary(teller: Teller, options: WireOptions) -> None:
    lost = f", {teller.lost} lost" if teller.lost else ""
    kept = f", kept in {options.record}" if options.record else ""
    print(f"--- {teller.shown} messages{lost}{kept}", file=sys.stderr)
