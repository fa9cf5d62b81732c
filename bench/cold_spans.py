"""What a span costs where code and data have left the processor's caches, against an empty `with` block there.

`python -m bench.cold_spans`. In a component a span is begun once in a while, between much else, so its cost is that of
fetching what it touches; the loop of `bench.gates`, which does nothing else, shows a tenth of it. Here as much memory
as a component works on is touched before each one.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from wire.span_file import SpanFile
from wire.tracer import Tracer

TIMES: Final = 2000
OBJECTS: Final = 200_000  # small ones, all over memory
TOUCHED: Final = 4000  # of them before each block
BUFFER_BYTES: Final = 6 << 20
LINE_BYTES: Final = 64
EVERY: Final = 16  # cache lines between two that are written

Block = Callable[[], AbstractContextManager[object]]


class Elsewhere:
    """What the rest of a component does to the caches."""

    def __init__(self) -> None:
        self._objects = [{"number": number, "more": [number, str(number)]} for number in range(OBJECTS)]
        random.Random(1).shuffle(self._objects)
        self._buffer = bytearray(BUFFER_BYTES)
        self._at = 0

    def work(self) -> None:
        for one in self._objects[self._at : self._at + TOUCHED]:
            one["number"] = len(one)
        self._at = (self._at + TOUCHED) % (OBJECTS - TOUCHED)
        for at in range(0, BUFFER_BYTES, LINE_BYTES * EVERY):
            self._buffer[at] = 1


def seconds(block: Block, between: Callable[[], None]) -> float:
    """The middle of many."""
    times = []
    for _ in range(TIMES):
        between()
        began = time.perf_counter()
        with block():
            pass
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def blocks(folder: Path) -> dict[str, Block]:
    kept, filed, off = Tracer("kept"), Tracer("filed", file=SpanFile(folder / "spans" / "filed.ring")), Tracer("off")
    off.on = False

    def span(tracer: Tracer) -> AbstractContextManager[object]:
        return tracer.span("watch:pods", parent="", type="ADDED", object="default/web")

    return {
        "an empty block": nullcontext,
        "a span, in memory and in a file": lambda: span(filed),
        "a span, in memory": lambda: span(kept),
        "a span while tracing is off": lambda: span(off),
        "a step while tracing is off": lambda: off.step("etcd txn", key="/registry/pods/default/web"),
    }


async def report() -> None:
    """In an event loop, as in a component: what is over goes to the file in batches."""
    elsewhere = Elsewhere()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'':34} {'alone':>9} {'':>7} {'between other work':>20}")
        first: tuple[float, float] | None = None
        for name, block in blocks(Path(folder)).items():
            hot, cold = seconds(block, lambda: None), seconds(block, elsewhere.work)
            first = first or (hot, cold)
            ratios = hot / first[0], cold / first[1]
            print(f"{name:34} {hot * 1e6:6.2f} us {ratios[0]:5.1f} x {cold * 1e6:14.1f} us {ratios[1]:5.1f} x")


if __name__ == "__main__":
    asyncio.run(report())
