"""Spans as data: what a piece of work leaves behind, and what a `traceparent` says (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Step:
    """A part of a span that nothing else hangs under: told as a span of its own, and cheaper than one."""

    name: str
    start: float
    end: float
    attributes: dict[str, str]


@dataclass(slots=True)
class Span:
    """One piece of work. Times are real Unix seconds, not the cluster's."""

    trace_id: str
    span_id: str
    parent_id: str
    component: str
    name: str
    start: float
    end: float = 0.0
    links: Sequence[str] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    reads: dict[str, str] | None = None
    """Object and version, of work that gathers what it looked at."""
    steps: list[Step] = field(default_factory=list)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"

    def tell(self) -> None:
        """Something that leaves the process names it as its cause."""


def trace_id(traceparent: str) -> str:
    """The trace's 32 hex digits, or "" if `traceparent` is none."""
    return ids_in(traceparent)[0]


def span_id(traceparent: str) -> str:
    """The 16 hex digits of the span it names, or ""."""
    return ids_in(traceparent)[1]


def ids_in(traceparent: str) -> tuple[str, str]:
    """Trace and span; both are "" if `traceparent` is none."""
    parts = traceparent.split("-")
    return (parts[1], parts[2]) if len(parts) == 4 and len(parts[1]) == 32 else ("", "")


def related(spans: Iterable[Span], wanted: frozenset[str]) -> list[Span]:
    """Of `spans`, those of these traces and all that link to them."""
    found = (one for one in spans if one.trace_id in wanted or any(trace_id(link) in wanted for link in one.links))
    return [one for span in found for one in with_steps(span)]


def with_steps(span: Span) -> Iterator[Span]:
    """The span, and each of its steps as a span under it."""
    yield span
    for number, step in enumerate(span.steps, start=1):
        own = f"{(int(span.span_id, 16) + number) % 2**64:016x}"
        yield Span(
            span.trace_id, own, span.span_id, span.component, step.name, step.start, step.end, (), step.attributes
        )
