"""Trace context and spans: one `kubectl apply` is one trace, through every process.

The current context travels in a contextvar, in gRPC metadata (`traceparent`, W3C Trace Context) and with every stored
revision. Spans end up in a bounded ring that the Debug service reads out, and in a file that the next process of the
component reads (`wire.span_file`), if the cluster keeps files.

Spans are kept cheap (`python -m bench.gates` tells how cheap): within a process the context is the span itself, and
what only a reader needs is put into words when someone reads. While tracing is off (`orrery tracing off`) no span is
kept and no trace begins; a context that comes from elsewhere is still carried on.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

from wire.activity import Activity
from wire.limits import READS_PER_SPAN, SPAN_RING, STEPS_PER_SPAN
from wire.span_file import SpanFile

HEADER = "traceparent"

_ID_BYTES = 4096  # of random digits made at once, because asking for a few at a time costs more than they do
_real_time, _monotonic = time.time, time.monotonic


def _ids() -> Iterator[str]:
    """16 hex digits at a time: unlike others, not hard to guess."""
    source = random.Random()
    while True:
        digits = source.randbytes(_ID_BYTES).hex()
        for at in range(0, len(digits), 16):
            yield digits[at : at + 16]


_new_id = _ids().__next__


def current() -> str:
    """The `traceparent` in force here, or "" outside any trace."""
    here = _here.get()
    return here if isinstance(here, str) else here.traceparent


def sending() -> str:
    """The same, for what leaves this process: whatever becomes of us, those who get it find the span that it names."""
    here = _here.get()
    if isinstance(here, OpenSpan):
        here.tell()
    return here if isinstance(here, str) else here.traceparent


def attach(traceparent: str) -> Token[Span | str]:
    """Enter a context that came from elsewhere. Give the token to `detach`."""
    return _here.set(traceparent)


def detach(token: Token[Span | str]) -> None:
    _here.reset(token)


def trace_id(traceparent: str) -> str:
    """The trace's 32 hex digits, or "" if `traceparent` is none."""
    return _ids_in(traceparent)[0]


def span_id(traceparent: str) -> str:
    """The 16 hex digits of the span it names, or ""."""
    return _ids_in(traceparent)[1]


def current_span_id() -> str:
    """The same of the context in force."""
    here = _here.get()
    return span_id(here) if isinstance(here, str) else here.span_id


def _ids_in(traceparent: str) -> tuple[str, str]:
    parts = traceparent.split("-")
    return (parts[1], parts[2]) if len(parts) == 4 and len(parts[1]) == 32 else ("", "")


def note(**attributes: str) -> None:
    """Say something about the work under way, in its span: what was decided, and why. Outside a span it is lost."""
    span = _here.get()
    if not isinstance(span, str) and not span.end:
        span.attributes.update(attributes)


def gathers_reads() -> bool:
    """Does the work under way keep what it looked at? If not, there is no need to put it into words."""
    span = _here.get()
    return not isinstance(span, str) and span.reads is not None and not span.end


def note_read(what: str, version: str) -> None:
    """Say that the work under way looked at `what`, in which version (`@12`). Only spans that gather reads keep it."""
    span = _here.get()
    if not isinstance(span, str) and span.reads is not None and not span.end and len(span.reads) < READS_PER_SPAN:
        span.reads.setdefault(what, version)


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


_here: ContextVar[Span | str] = ContextVar("traceparent", default="")
"""The span under way, or the context that was attached."""


def _context() -> Span | str:
    """The context in force: a span that is kept, or words."""
    here = _here.get()
    return here.traceparent if isinstance(here, Unrecorded) else here


class OpenSpan(Span):
    """A span under way: work happens in its `with` block. Afterwards it is a span like any other."""

    __slots__ = ("_above", "_token", "_told", "_tracer", "key", "started")

    def __init__(
        self, tracer: Tracer, name: str, parent: Span | str, links: Sequence[str], attributes: dict[str, str]
    ) -> None:
        self._tracer = tracer
        if isinstance(parent, str):
            trace_id, self.parent_id = _ids_in(parent) if parent else ("", "")
            self.trace_id = trace_id or _new_id() + _new_id()
            self._above = None
        else:
            self.trace_id, self.parent_id = parent.trace_id, parent.span_id
            self._above = parent if isinstance(parent, OpenSpan) and not parent.end else None
        self.span_id = _new_id()
        self.component = tracer.component
        self.name = name
        self.end = 0.0
        self.links = links
        self.attributes = attributes
        self.reads = None
        self.steps = []
        self._told = False

    def tell(self) -> None:
        """Record that it has begun, and all above it: others will name it as their cause."""
        if self._told:
            return
        self._told = True
        if self._above is not None:
            self._above.tell()
        if self._tracer.file is not None:
            self._tracer.file.begun(self)

    def __enter__(self) -> OpenSpan:
        tracer = self._tracer
        self._token = _here.set(self)
        self.start = _real_time()
        self.started = _monotonic()
        self.key = key = tracer.activity.next_key()
        tracer.activity.under_way[key] = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tracer = self._tracer
        self.end = self.start + tracer.activity.end(self)
        if kind is not None:
            self.attributes["error"] = kind.__name__
        if self.reads:
            self.attributes["read"] = ", ".join(f"{what}{version}" for what, version in self.reads.items())
        tracer.keep(self)
        if tracer.file is not None:
            if self._above is not None:
                self._above.tell()
            tracer.file.ended(self)
        self._above, self._told = None, True
        _here.reset(self._token)


class Unrecorded(OpenSpan):
    """What work is in while tracing is off: it can be told about the work, carries its cause on, and is not kept."""

    __slots__ = ("_cause",)

    def __init__(self, component: str, name: str, cause: str, links: Sequence[str], attributes: dict[str, str]) -> None:
        self._cause = cause
        self.trace_id = self.span_id = self.parent_id = ""
        self.component = component
        self.name = name
        self.start = self.end = 0.0
        self.links = links
        self.attributes = attributes
        self.reads = None
        self.steps = []

    @property
    def traceparent(self) -> str:
        return self._cause

    def tell(self) -> None:
        """Nobody is going to look for it."""

    def __enter__(self) -> Unrecorded:
        self._token = _here.set(self)
        self.start = _real_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end = _real_time()
        _here.reset(self._token)


class OpenStep(Step):
    """A step under way: it is its `with` block."""

    __slots__ = ("_activity", "_began")

    def __init__(self, span: OpenSpan, activity: Activity, name: str, attributes: dict[str, str]) -> None:
        self._activity = activity
        self._began = began = _monotonic()
        self.name = name
        self.start = span.start + (began - span.started)
        self.end = 0.0
        self.attributes = attributes
        span.steps.append(self)

    def __enter__(self) -> OpenStep:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = _monotonic() - self._began
        self.end = self.start + seconds
        if kind is not None:
            self.attributes["error"] = kind.__name__
        self._activity.took(self.name, seconds)


class _Forgetful(dict[str, str]):
    """Takes what is said, and keeps nothing."""

    def __setitem__(self, key: str, value: str) -> None:
        return


class _Unheard(OpenStep):
    """Every step, while tracing is off."""

    def __init__(self) -> None:
        self.attributes = _Forgetful()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return


_UNHEARD: Final = _Unheard()


class Tracer:
    """Makes spans for one component and keeps the last `capacity` of them; those of processes before it, too."""

    def __init__(self, component: str, capacity: int = SPAN_RING, file: SpanFile | None = None) -> None:
        self.component = component
        self.on = True
        """Are spans kept?"""
        self.file = file
        self._ring: deque[Span] = deque(maxlen=capacity)
        self.keep = self._ring.append
        """Where a span goes when it is over."""
        self.activity = Activity()

    def span(self, name: str, *, parent: str | None = None, links: Sequence[str] = (), **attributes: str) -> OpenSpan:
        """Work inside a span. `parent` defaults to the current context; with none, a new trace begins."""
        if not self.on:
            return Unrecorded(self.component, name, current() if parent is None else parent, links, attributes)
        return OpenSpan(self, name, _context() if parent is None else parent, links, attributes)

    def step(self, name: str, **attributes: str) -> OpenStep | OpenSpan:
        """A step of the span that is under way here; a span of its own if there is none, or it has too many already."""
        if not self.on:
            return _UNHEARD
        here = _context()
        if isinstance(here, OpenSpan) and not here.end and len(here.steps) < STEPS_PER_SPAN:
            return OpenStep(here, self.activity, name, attributes)
        return OpenSpan(self, name, here, (), attributes)

    def spans(self, wanted: str = "") -> list[Span]:
        """Finished spans, oldest first; only those of trace `wanted` if given."""
        found = (span for span in (*self._earlier(), *self._ring) if not wanted or span.trace_id == wanted)
        return [one for span in found for one in with_steps(span)]

    def related(self, wanted: frozenset[str]) -> list[Span]:
        """All spans of these traces and all that link to them, those under way (with `end` 0) included."""
        under_way = [one for one in self.activity.open() if isinstance(one, Span)]
        return related((*self._earlier(), *self._ring, *under_way), wanted)

    def _earlier(self) -> Iterable[Span]:
        return self.file.earlier() if self.file is not None else ()


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
