"""Spans that outlive their process: recorded when begun and when over, in a ring that survives a kill at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from apimachinery.clock import Clock
from wire import trace
from wire.limits import SPAN_FILE_SEGMENTS, SPAN_RING, SPAN_SEGMENT_BYTES, SPAN_TEXT_CHARS
from wire.seams import FileClock, make_seams
from wire.span_file import INTERRUPTED, SpanFile, read_spans, span_file
from wire.tracer import Tracer

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from wire.span_file import SpanFile
from wire import trace
from wire.tracer import Tracer

async def main():
    tracer = Tracer("web", file=SpanFile(Path(sys.argv[1])))
    with tracer.span("done", parent=sys.argv[2]):
        pass
    with tracer.span("cut short", parent=sys.argv[2], key="default/web") as cut:
        with tracer.span("within"), tracer.step("part"):
            pass
        assert trace.sending() == cut.traceparent
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return span_file(tmp_path / "clock.json", "web")


def tracer_at(path: Path) -> Tracer:
    return Tracer("web", file=SpanFile(path))


def let_go(tracer: Tracer) -> None:
    """As if its process had ended: the file is another's to take."""
    file = tracer.file
    assert file is not None and file._map is not None
    file._map.close()
    os.close(file._descriptor)


def test_a_killed_process_leaves_its_spans_and_what_it_was_at(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), PARENT], check=False)
    assert killed.returncode == -signal.SIGKILL
    done, cut, within, part = tracer_at(path).related(frozenset(["a" * 32]))
    assert (done.name, done.component, done.parent_id) == ("done", "web", "b" * 16)
    assert done.end >= done.start and INTERRUPTED not in done.attributes
    assert (cut.name, cut.attributes["key"]) == ("cut short", "default/web")
    assert cut.end >= cut.start and cut.attributes[INTERRUPTED]
    assert (within.parent_id, part.parent_id, part.name) == (cut.span_id, within.span_id, "part")


def test_its_own_spans_come_once(path: Path) -> None:
    tracer = tracer_at(path)
    with tracer.span("one", links=(PARENT,)) as span:
        assert [one.name for one in tracer.related(frozenset([span.trace_id]))] == ["one"]
    assert [one.name for one in tracer.spans()] == ["one"]
    [kept] = read_spans(path)
    assert (kept.end, kept.links) == (span.end, (PARENT,))


def test_what_a_living_process_has_not_ended_is_under_way(path: Path) -> None:
    tracer = tracer_at(path)
    with tracer.span("above"), tracer.span("one") as one:
        assert not path.exists()  # nobody else knows of them
        assert trace.sending() == one.traceparent
        assert [one.end for one in read_spans(path, alive=True)] == [0.0, 0.0]
        assert read_spans(path)[0].attributes[INTERRUPTED]


async def test_recorded_before_others_hear_of_it_and_once_it_is_over(path: Path) -> None:
    tracer = tracer_at(path)

    async def recorded(times: int) -> None:
        async with asyncio.timeout(10):
            while path.read_bytes().count(b"work") < times:
                await asyncio.sleep(0)
        assert path.read_bytes().count(b"work") == times

    with tracer.span("work"):
        trace.sending()
        trace.sending()
        await asyncio.sleep(0)
        assert path.read_bytes().count(b"work") == 1
    await recorded(2)
    with tracer.span("work"):
        trace.sending()  # and over in the same turn: recorded once
    await recorded(3)
    with tracer.span("work"):
        pass
    await recorded(4)


def test_the_file_is_bounded_and_the_newest_stay(path: Path) -> None:
    tracer = tracer_at(path)
    for number in range(3 * SPAN_RING):
        with tracer.span(f"span-{number}", key="k" * 300):
            pass
    assert path.stat().st_size == SPAN_FILE_SEGMENTS * SPAN_SEGMENT_BYTES
    names = [one.name for one in read_spans(path)]
    assert names == [f"span-{number}" for number in range(3 * SPAN_RING - len(names), 3 * SPAN_RING)]
    assert len(names) > 1000
    let_go(tracer)
    assert len(tracer_at(path).spans()) <= SPAN_RING


def test_the_next_process_goes_on_behind_it(path: Path) -> None:
    for number in range(3):
        tracer = tracer_at(path)
        with tracer.span(f"span-{number}"):
            pass
        assert [one.name for one in tracer.spans()] == [f"span-{one}" for one in range(number + 1)]
        let_go(tracer)


@pytest.mark.parametrize("lost", [1, 5, 40])
def test_a_torn_record_is_left_out(path: Path, lost: int) -> None:
    tracer = tracer_at(path)
    for name in ("whole", "torn"):
        with tracer.span(name) as span:
            assert trace.sending() == span.traceparent
    let_go(tracer)
    content = path.read_bytes()
    end = len(content.rstrip(b"\0"))
    path.write_bytes(content[: end - lost] + bytes(len(content) - end + lost))
    after = tracer_at(path)
    *_, last = after.spans()
    assert (last.name, INTERRUPTED in last.attributes) == ("torn", True)  # that it began was recorded before
    with after.span("next"):
        pass
    assert [one.name for one in read_spans(path)] == ["whole", "torn", "next"]


@pytest.mark.parametrize("content", [b"", b"something else", bytes(SPAN_FILE_SEGMENTS * SPAN_SEGMENT_BYTES)])
def test_what_is_no_ring_is_begun_anew(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert read_spans(path) == []
    tracer = tracer_at(path)
    assert tracer.spans() == []
    with tracer.span("one"):
        pass
    assert [one.name for one in read_spans(path)] == ["one"]


def test_a_span_larger_than_a_segment_keeps_the_beginnings_of_its_texts(path: Path) -> None:
    with tracer_at(path).span("large", message="x" * SPAN_SEGMENT_BYTES, key="web"):
        pass
    [kept] = read_spans(path)
    assert kept.attributes == {"message": "x" * SPAN_TEXT_CHARS, "key": "web"}


def test_the_second_of_one_name_keeps_its_spans_in_memory(path: Path) -> None:
    first, second = tracer_at(path), tracer_at(path)
    for tracer in (first, second):
        with tracer.span("mine"):
            pass
        assert [one.name for one in tracer.spans()] == ["mine"]
    assert len(read_spans(path)) == 1


def test_a_folder_that_cannot_be_made_leaves_them_in_memory(tmp_path: Path) -> None:
    (tmp_path / "spans").write_text("a file")
    tracer = tracer_at(span_file(tmp_path / "clock.json", "web"))
    with tracer.span("one"):
        pass
    assert [one.name for one in tracer.spans()] == ["one"]


def test_only_a_cluster_with_a_clock_file_keeps_files(tmp_path: Path) -> None:
    for clock in (Clock(), FileClock(tmp_path / "clock.json")):
        with make_seams("scheduler", clock).tracer.span("one"):
            pass
    assert [one.name for one in tmp_path.rglob("*.ring")] == ["scheduler.ring"]
