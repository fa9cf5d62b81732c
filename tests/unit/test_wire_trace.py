"""Trace context: parents, links, ring."""

from __future__ import annotations

import pytest

from wire import trace
from wire.limits import READS_PER_SPAN
from wire.span import trace_id
from wire.tracer import Tracer

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(PARENT, "a" * 32), ("", ""), ("00-short-b-01", ""), ("nonsense", "")],
)
def test_trace_id(text: str, expected: str) -> None:
    assert trace_id(text) == expected


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


def test_work_says_what_it_read_and_decided() -> None:
    tracer = Tracer("test")
    with tracer.span("reconcile") as span:
        span.reads = {}
        trace.note_read("Pod default/web", "@7")
        trace.note_read("Pod default/web", "@8")
        trace.note_read("Node n", " (absent)")
        trace.note(decided="wait")
        with tracer.span("call"):
            trace.note_read("Pod default/other", "@1")
            trace.note(outcome="written")
    call, work = tracer.spans()
    assert work.attributes == {"read": "Pod default/web@7, Node n (absent)", "decided": "wait"}
    assert call.attributes == {"outcome": "written"}


def test_notes_outside_of_work_are_lost() -> None:
    tracer = Tracer("test")
    trace.note(decided="nothing")
    with tracer.span("work") as span:
        pass
    trace.note_read("Pod default/web", "@7")
    assert span.attributes == {}


def test_reads_are_bounded() -> None:
    tracer = Tracer("test")
    with tracer.span("work") as span:
        span.reads = {}
        for number in range(READS_PER_SPAN + 5):
            trace.note_read(f"Pod {number}", "@1")
    assert len(span.reads) == READS_PER_SPAN


def test_related_are_the_trace_what_links_to_it_and_what_is_under_way() -> None:
    tracer = Tracer("test")
    with tracer.span("mine", parent=PARENT):
        pass
    with tracer.span("linked", parent="", links=[PARENT]):
        pass
    with tracer.span("other", parent=""):
        pass
    with tracer.span("open", parent=PARENT):
        found = tracer.related(frozenset(["a" * 32]))
        assert [(span.name, bool(span.end)) for span in found] == [("mine", True), ("linked", True), ("open", False)]
    assert all(span.end for span in tracer.related(frozenset(["a" * 32])))
