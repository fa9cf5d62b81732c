"""Trace context: one `kubectl apply` is one trace, through every process.

The context travels in a contextvar, in gRPC metadata (`traceparent`, W3C Trace Context) and with every stored
revision. `wire.tracer` begins spans in it; they end up in a bounded ring that the Debug service reads out, and in a
file that the next process of the component reads (`wire.span_file`), if the cluster keeps files.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final

from wire.limits import READS_PER_SPAN
from wire.span import Span, span_id

HEADER = "traceparent"

IN_FORCE: Final[ContextVar[Span | str]] = ContextVar("traceparent", default="")
"""The span under way, or the context that was attached."""


def current() -> str:
    """The `traceparent` in force here, or "" outside any trace."""
    here = IN_FORCE.get()
    return here if isinstance(here, str) else here.traceparent


def sending() -> str:
    """The same, for what leaves this process: whatever becomes of us, those who get it find the span that it names."""
    here = IN_FORCE.get()
    if isinstance(here, str):
        return here
    here.tell()
    return here.traceparent


def leaving() -> tuple[str, str]:
    """`sending()` and `current_span_id()` at once."""
    here = IN_FORCE.get()
    if not here:
        return "", ""
    if isinstance(here, str):
        return here, span_id(here)
    here.tell()
    return here.traceparent, here.span_id


def attach(traceparent: str) -> Token[Span | str]:
    """Enter a context that came from elsewhere. Give the token to `detach`."""
    return IN_FORCE.set(traceparent)


def detach(token: Token[Span | str]) -> None:
    IN_FORCE.reset(token)


def current_span_id() -> str:
    """The 16 hex digits of the span in force here, or ""."""
    here = IN_FORCE.get()
    if not here:
        return ""
    return span_id(here) if isinstance(here, str) else here.span_id


def note(**attributes: str) -> None:
    """Say something about the work under way, in its span: what was decided, and why. Outside a span it is lost."""
    span = IN_FORCE.get()
    if not isinstance(span, str) and not span.end:
        span.attributes.update(attributes)


def gathers_reads() -> bool:
    """Does the work under way keep what it looked at? If not, there is no need to put it into words."""
    span = IN_FORCE.get()
    return not isinstance(span, str) and span.reads is not None and not span.end


def note_read(what: str, version: str) -> None:
    """Say that the work under way looked at `what`, in which version (`@12`). Only spans that gather reads keep it."""
    span = IN_FORCE.get()
    if not isinstance(span, str) and span.reads is not None and not span.end and len(span.reads) < READS_PER_SPAN:
        span.reads.setdefault(what, version)
