"""A probe's outcomes, counted to its thresholds. Pure. Rules: API documentation of `Probe`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from api.container import Probe


@dataclass(frozen=True, slots=True)
class Tally:
    """`result` is what holds now: None before the first threshold was reached."""

    result: bool | None = None
    last: bool | None = None
    run: int = 0


def initial(kind: str) -> Tally:
    """Until told otherwise a container is live, but neither ready nor started."""
    return Tally({"liveness": True, "readiness": False, "startup": None}[kind])


def count(tally: Tally, outcome: bool, probe: Probe) -> Tally:
    """One more outcome."""
    run = tally.run + 1 if outcome == tally.last else 1
    tally = Tally(tally.result, outcome, run)
    threshold = probe.success_threshold if outcome else probe.failure_threshold
    return replace(tally, result=outcome) if run >= max(1, threshold) else tally
