"""Trace context: parents, links, ring."""

from __future__ import annotations

import pytest

from wire import trace
from wire.trace import Tracer

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(PARENT, "a" * 32), ("", ""), ("00-short-b-01", ""), ("nonsense", "")],
)
def test_trace_id(text: str, expected: str) -> None:
    assert trace.trace_id(text) == expected


def test_spans_nest_and_share_the_trace() -> None:
    tracer = Tracer("test")
    with tracer.span("outer", parent=PARENT) as outer:
        assert trace.current() == outer.traceparent
        with tracer.span("inner", pod="web") as inner:
            pass
    assert trace.current() == ""
    assert (outer.trace_id, outer.parent_id) == ("a" * 32, "b" * 16)
    assert (inner.trace_id, inner.parent_id) == (outer.trace_id, outer.span_id)
    assert inner.attributes == {"pod": "web"}
    assert [span.name for span in tracer.spans("a" * 32)] == ["inner", "outer"]


def test_without_a_parent_a_new_trace_begins() -> None:
    tracer = Tracer("test")
    with tracer.span("one") as one, tracer.span("two", parent="") as two:
        pass
    assert len(one.trace_id) == 32
    assert one.trace_id != two.trace_id
    assert one.parent_id == ""


def test_an_error_is_noted_and_passed_on() -> None:
    tracer = Tracer("test")
    with pytest.raises(ValueError, match="no"), tracer.span("x"):
        raise ValueError("no")
    assert tracer.spans()[0].attributes == {"error": "ValueError"}


def test_the_ring_is_bounded() -> None:
    tracer = Tracer("test", capacity=2)
    for name in "abc":
        with tracer.span(name):
            pass
    assert [span.name for span in tracer.spans()] == ["b", "c"]
