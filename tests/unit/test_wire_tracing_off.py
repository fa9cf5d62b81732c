"""While tracing is off nothing is kept, no trace begins, and one that came from elsewhere goes on."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from wire import trace
from wire.seams import TRACING_FILE, BrokenFile, FileClock, _Follower, make_seams
from wire.span import Span
from wire.span_file import span_file
from wire.tracer import Tracer

CAUSE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def tracer() -> Tracer:
    tracer = Tracer("web")
    tracer.on = False
    return tracer


def test_nothing_is_kept_and_no_trace_begins(tracer: Tracer) -> None:
    with tracer.span("work") as span, tracer.step("part") as step:
        step.attributes["outcome"] = "written"
        assert trace.current() == trace.sending() == span.traceparent == ""
        assert not trace.gathers_reads()
    assert tracer.spans() == []
    assert tracer.related(frozenset(["a" * 32])) == []
    assert step.attributes == {}
    assert (tracer.activity.open(), tracer.activity.ended) == ([], 0)


def test_what_is_said_of_work_can_be_asked_of_it(tracer: Tracer) -> None:
    """As a controller does, to tell why."""
    with tracer.span("reconcile", heard=True, key="default/web") as span:
        trace.note(decided="nothing")
        span.attributes |= {"node": "worker-1"}
    trace.note(decided="too late")
    assert span.attributes == {"key": "default/web", "decided": "nothing", "node": "worker-1"}
    assert span.end >= span.start > 0
    assert all(hasattr(span, one.name) for one in fields(Span))


def test_what_nobody_asks_for_is_lost_and_stays_with_nobody(tracer: Tracer) -> None:
    with tracer.span("reconcile", heard=True) as above, tracer.span("docker:start", subject="a") as span:
        trace.note(decided="nothing")
        span.attributes["code"] = "201"
        span.attributes |= {"node": "worker-1"}
    assert (above.attributes, span.attributes) == ({}, {})
    assert all(hasattr(span, one.name) for one in fields(Span))


def test_a_cause_from_elsewhere_is_carried_on(tracer: Tracer) -> None:
    with tracer.span("watch", parent=CAUSE), tracer.span("reconcile"):
        assert trace.sending() == CAUSE
    assert trace.current() == ""


def test_switched_on_in_the_midst(tracer: Tracer) -> None:
    with tracer.span("before", parent=CAUSE):
        tracer.on = True
        with tracer.span("within") as within, tracer.step("part"):
            assert (within.trace_id, within.parent_id) == ("a" * 32, "b" * 16)
        with tracer.step("of nothing that is kept") as alone:
            pass
    assert [one.name for one in tracer.spans()] == ["within", "part", "of nothing that is kept"]
    assert isinstance(alone, Span) and alone.parent_id == "b" * 16


def test_switched_off_in_the_midst() -> None:
    tracer = Tracer("web")
    with tracer.span("before") as before:
        tracer.on = False
        with tracer.span("within"):
            assert trace.sending() == before.traceparent
    assert [one.name for one in tracer.spans()] == ["before"]


def test_components_do_as_the_file_says(tmp_path: Path) -> None:
    clock = FileClock(tmp_path / "clock.json")
    tracing = tmp_path / TRACING_FILE
    tracing.write_text(json.dumps({"on": False}))
    seams = make_seams("web", clock)
    with seams.tracer.span("one"):
        pass
    assert not span_file(clock.file, "web").exists()
    follower = _Follower(seams, clock)
    tracing.unlink()
    follower.look()
    assert seams.tracer.on
    tracing.write_text("{}")
    with pytest.raises(BrokenFile, match=TRACING_FILE):
        follower.look()
    assert seams.tracer.on
