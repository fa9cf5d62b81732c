"""Trace context and spans: one `kubectl apply` is one trace, through every process.

The current context travels in a contextvar, in gRPC metadata (`traceparent`, W3C Trace Context) and with every stored
revision. Spans end up in a bounded ring that the Debug service reads out, and in a file that the next process of the
component reads (`wire.span_file`), if the cluster keeps files.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field

from wire.activity import Activity
from wire.limits import READS_PER_SPAN, SPAN_RING
from wire.span_file import SpanFile

HEADER = "traceparent"

_current: ContextVar[str] = ContextVar("traceparent", default="")
_here: ContextVar[Span | None] = ContextVar("span", default=None)


def current() -> str:
    """The `traceparent` in force here, or "" outside any trace."""
    return _current.get()


def attach(traceparent: str) -> Token[str]:
    """Enter a context that came from elsewhere. Give the token to `detach`."""
    return _current.set(traceparent)


def detach(token: Token[str]) -> None:
    _current.reset(token)


def trace_id(traceparent: str) -> str:
    """The trace's 32 hex digits, or "" if `traceparent` is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""


def span_id(traceparent: str) -> str:
    """The 16 hex digits of the span it names, or ""."""
    return traceparent.split("-")[2] if trace_id(traceparent) else ""


def note(**attributes: str) -> None:
    """Say something about the work under way, in its span: what was decided, and why. Outside a span it is lost."""
    span = _here.get()
    if span is not None and not span.end:
        span.attributes.update(attributes)


def note_read(what: str, version: str) -> None:
    """Say that the work under way looked at `what`, in which version (`@12`). Only spans that gather reads keep it."""
    span = _here.get()
    if span is not None and span.reads is not None and not span.end and len(span.reads) < READS_PER_SPAN:
        span.reads.setdefault(what, version)


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

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


class Tracer:
    """Makes spans for one component and keeps the last `capacity` of them; those of processes before it, too."""

    def __init__(self, component: str, capacity: int = SPAN_RING, file: SpanFile | None = None) -> None:
        self.component = component
        self._file = file
        self._ring: deque[Span] = deque(maxlen=capacity)
        self._open: dict[str, Span] = {}
        self.activity = Activity()

    @contextmanager
    def span(
        self, name: str, *, parent: str | None = None, links: Sequence[str] = (), **attributes: str
    ) -> Iterator[Span]:
        """Work inside a span. `parent` defaults to the current context; with none, a new trace begins."""
        came_from = current() if parent is None else parent
        span = Span(
            trace_id=trace_id(came_from) or os.urandom(16).hex(),
            span_id=os.urandom(8).hex(),
            parent_id=span_id(came_from),
            component=self.component,
            name=name,
            start=time.time(),
            links=links,
            attributes=attributes,
        )
        token, outer = attach(span.traceparent), _here.set(span)
        self._open[span.span_id] = span
        work = self.activity.begin(name, span.span_id, span.parent_id)
        if self._file is not None:
            self._file.note(span)
        try:
            yield span
        except BaseException as error:
            span.attributes["error"] = type(error).__name__
            raise
        finally:
            detach(token)
            _here.reset(outer)
            self.activity.end(work)
            span.end = time.time()
            del self._open[span.span_id]
            if span.reads:
                span.attributes["read"] = ", ".join(f"{what}{version}" for what, version in span.reads.items())
            self._ring.append(span)
            if self._file is not None:
                self._file.note(span)

    def spans(self, wanted: str = "") -> list[Span]:
        """Finished spans, oldest first; only those of trace `wanted` if given."""
        return [span for span in (*self._earlier(), *self._ring) if not wanted or span.trace_id == wanted]

    def related(self, wanted: frozenset[str]) -> list[Span]:
        """All spans of these traces and all that link to them, those under way (with `end` 0) included."""
        return related((*self._earlier(), *self._ring, *self._open.values()), wanted)

    def _earlier(self) -> Iterable[Span]:
        return self._file.earlier() if self._file is not None else ()


def related(spans: Iterable[Span], wanted: frozenset[str]) -> list[Span]:
    """Of `spans`, those of these traces and all that link to them."""
    return [one for one in spans if one.trace_id in wanted or any(trace_id(link) in wanted for link in one.links)]
