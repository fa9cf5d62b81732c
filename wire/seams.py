"""What makes a process debuggable, handed to everything in it: its clock, gates and tracer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from apimachinery.clock import Clock, ClockState
from wire.gates import Gates
from wire.trace import Tracer


@dataclass(frozen=True)
class Seams:
    """One per component. `component` is its name as people type it: `scheduler`, `kubelet-worker-1`."""

    component: str
    clock: Clock
    gates: Gates
    tracer: Tracer
    started: float = field(default_factory=time.time)


def make_seams(component: str, clock: Clock | None = None) -> Seams:
    clock = clock or Clock()
    return Seams(component, clock, Gates(clock), Tracer(component))


def load_clock(path: Path | None) -> Clock:
    """The cluster's clock as the file says it (`monotonic`, `cluster_time`, `rate`), or real time if there is none.

    A process that starts while the clock stands still must stand still too, hence a file and not only an RPC.
    """
    if path is None or not path.exists():
        return Clock()
    return Clock(ClockState(**json.loads(path.read_text())))
