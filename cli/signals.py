"""SIGTERM, and SIGHUP of a terminal that has gone, as an exception, for work that must be put in order at its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

DIED_OF: int = 128  # and the signal's number: the exit code of what died of it, as shells have it


class Ended(Exception):
    """We were told to end, by the signal `number`."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Either cancels the body, as Ctrl-C does; that is raised as Ended. What is ignored, as under nohup, stays so."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    heard: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        heard.append(number)
        task.cancel()

    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is not signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    except asyncio.CancelledError:
        if not heard:
            raise
        task.uncancel()
        raise Ended(heard[0]) from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
