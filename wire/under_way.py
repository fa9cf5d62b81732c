"""Spans and steps under way, and what stands in for them while tracing is off.

They are kept cheap (`python -m bench.gates` tells how cheap): within a process the context is the span itself, and what
only a reader needs is put into words when someone reads. While tracing is off (`orrery tracing off`) no span is kept
and no trace begins; a context that comes from elsewhere is still carried on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final

from wire.activity import Activity
from wire.span import Span, Step, ids_in
from wire.trace import IN_FORCE

if TYPE_CHECKING:
    from wire.tracer import Tracer

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


class OpenSpan(Span):
    """A span under way: work happens in its `with` block. Afterwards it is a span like any other."""

    __slots__ = ("_above", "_token", "_told", "_tracer", "key", "started")

    def __init__(
        self, tracer: Tracer, name: str, parent: Span | str, links: Sequence[str], attributes: dict[str, str]
    ) -> None:
        self._tracer = tracer
        if isinstance(parent, str):
            trace_id, self.parent_id = ids_in(parent) if parent else ("", "")
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
        self._token = IN_FORCE.set(self)
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
        IN_FORCE.reset(self._token)


class _Forgetful(dict[str, str]):
    """Takes what is said, and keeps nothing."""

    def __setitem__(self, key: str, value: str) -> None:
        return

    def __ior__(self, other: object) -> _Forgetful:  # type: ignore[override,misc]  # whatever a dict would take
        return self


_FORGETFUL: Final = _Forgetful()
_NONE: Final[list[Step]] = []


class Unkept(OpenSpan):
    """What work is in while tracing is off: its cause is carried on, and what is said of it is lost."""

    __slots__ = ("_cause",)

    trace_id = span_id = parent_id = component = name = ""
    start = end = 0.0
    links = ()
    reads = None
    steps = _NONE

    def __init__(self, cause: str) -> None:
        self._cause = cause
        self.attributes = _FORGETFUL

    @property
    def traceparent(self) -> str:
        return self._cause

    def tell(self) -> None:
        """Nobody is going to look for it."""

    def __enter__(self) -> Unkept:
        self._token = IN_FORCE.set(self._cause)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        IN_FORCE.reset(self._token)


class Unrecorded(OpenSpan):
    """The same for work that somebody asks afterwards: it can be told about the work, and is not kept here."""

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
        self._token = IN_FORCE.set(self)
        self.start = _real_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end = _real_time()
        IN_FORCE.reset(self._token)


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


class _Unheard(OpenStep):
    """Every step, while tracing is off."""

    def __init__(self) -> None:
        self.attributes = _FORGETFUL

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return


UNHEARD: Final = _Unheard()


def context() -> Span | str:
    """The context in force: a span that is kept, or words."""
    here = IN_FORCE.get()
    return here.traceparent if isinstance(here, Unrecorded) else here
