"""The tracer of a component: begins spans, and keeps the last of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from wire.activity import Activity
from wire.limits import SPAN_RING, STEPS_PER_SPAN
from wire.span import Span, related, with_steps
from wire.span_file import SpanFile
from wire.trace import current
from wire.under_way import UNHEARD, OpenSpan, OpenStep, Unkept, Unrecorded, context


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

    def span(
        self, name: str, *, parent: str | None = None, links: Sequence[str] = (), heard: bool = False, **attributes: str
    ) -> OpenSpan:
        """Work inside a span. `parent` defaults to the current context; with none, a new trace begins.

        `heard`: what is said of the work is asked for afterwards, also while tracing is off.
        """
        if self.on:
            return OpenSpan(self, name, context() if parent is None else parent, links, attributes)
        cause = current() if parent is None else parent
        return Unrecorded(self.component, name, cause, links, attributes) if heard else Unkept(cause)

    def step(self, name: str, **attributes: str) -> OpenStep | OpenSpan:
        """A step of the span that is under way here; a span of its own if there is none, or it has too many already."""
        if not self.on:
            return UNHEARD
        here = context()
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
