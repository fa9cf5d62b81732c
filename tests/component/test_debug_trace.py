"""Gathering a trace while not everybody answers: from files of who is away, and waiting for who comes back."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli import spec as specs
from cli.debugging.fleet import Fleet, open_fleet
from cli.source.wanted import Want, edit
from cli.tracing import settled
from cli.tracing.collect import Collector
from cli.tracing.limits import QUIET_AFTER_START_SECONDS, QUIET_SECONDS
from cli.tracing.text import render
from client.leader import TO_LEAD
from tests.support.debug_fleet import FakeCluster, fake_cluster, write_state
from wire.limits import SPAN_RING
from wire.span_file import INTERRUPTED, SpanFile, span_file
from wire.tracer import Tracer

GONE = "kubelet-worker-1"
LONG_AGO = 1.0


@pytest.fixture
async def cluster(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCluster]:
    """Of a third component there is only what it left behind."""
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    async with fake_cluster(tmp_path, certificates, ("apiserver", "scheduler")) as made:
        spec = specs.load(made.name)
        assert spec is not None
        specs.save(replace(spec, ports={**spec.ports, GONE: 1}))  # where nobody listens
        write_state(made.paths, dict.fromkeys(("apiserver", "scheduler", GONE), 0))
        yield made


@pytest.fixture
async def fleet(cluster: FakeCluster) -> AsyncIterator[Fleet]:
    async with open_fleet(cluster.name) as opened:
        yield opened


async def test_what_a_component_left_is_read_from_its_file(cluster: FakeCluster, fleet: Fleet) -> None:
    tracer = Tracer(GONE, file=SpanFile(span_file(cluster.paths.clock, GONE)))
    with cluster.seams["apiserver"].tracer.span("create pods") as write:
        with tracer.span("watch:pods"):
            pass
        never_ended = tracer.span("sync pod")
        under_way = never_ended.__enter__()
        under_way.tell()
    await asyncio.sleep(0)
    collector = Collector(fleet)
    with edit(fleet.paths.wanted) as wanted:
        wanted[GONE] = Want(down=True)  # nobody is to wait for it
    tree = await collector.until_quiet(frozenset([write.trace_id]), 1.0)
    assert sorted(span.name for span in tree.spans()) == ["create pods", "sync pod", "watch:pods"]
    assert tree.gaps == [] and tree.under_way == []
    (cut,) = tree.interrupted
    assert (cut.span_id, cut.component) == (under_way.span_id, GONE) and cut.attributes[INTERRUPTED]
    assert f"interrupted: {GONE} sync pod" in render(tree, "title")
    (told,) = collector.complaints()
    assert told.startswith(f"not asked: {GONE}") and told.endswith("its spans are from its file")


async def test_what_was_seen_once_is_not_forgotten(cluster: FakeCluster, fleet: Fleet) -> None:
    tracer = cluster.seams["scheduler"].tracer
    with tracer.span("schedule") as early:
        pass
    with tracer.span("bind", parent=early.traceparent) as under_way:
        collector, traces = Collector(fleet), frozenset([early.trace_id])
        assert {one.name for one in await collector.gather(traces)} == {"schedule", "bind"}
    for _ in range(SPAN_RING):
        with tracer.span("other work"):
            pass
    (left,) = await collector.gather(traces)  # of what was under way nothing is known: it may have come to nothing
    assert (left.span_id, left.end) == (early.span_id, early.end) and under_way.end
    assert await Collector(fleet).gather(traces) == []


async def test_a_port_that_was_somebody_elses_before(cluster: FakeCluster, fleet: Fleet) -> None:
    tracer, since = cluster.seams["apiserver"].tracer, time.time() - 60
    for began, client in ((since - 1, "a:1"), (since + 1, "a:1"), (since + 2, "a:2")):
        with tracer.span("create", parent="", client=client) as span:
            pass
        span.start = began
    (root,) = await Collector(fleet).roots_of(["a:1"], since)
    assert root.start == since + 1


async def test_it_says_what_a_trace_still_waits_for(cluster: FakeCluster, fleet: Fleet) -> None:
    with edit(fleet.paths.wanted) as wanted:
        wanted[GONE] = Want(down=True)
    collector, tracer = Collector(fleet), cluster.seams["scheduler"].tracer
    with tracer.span("schedule") as span:
        tree = await collector.until_quiet(frozenset([span.trace_id]), 0.1)
    assert [one.name for one in tree.under_way] == ["schedule"]
    assert collector.complaints()[1:] == ["not at rest: schedule of scheduler is under way"]
    await collector.until_quiet(frozenset([span.trace_id]), 60.0)
    assert len(collector.complaints()) == 1


async def test_without_a_file_they_are_missing(fleet: Fleet) -> None:
    collector = Collector(fleet)
    await collector.gather(frozenset(["a" * 32]))
    assert [one.rpartition("; ")[2] for one in collector.complaints()] == ["its spans are missing"]


async def test_who_is_away_is_waited_for_unless_it_is_meant_to_be(fleet: Fleet) -> None:
    assert settled.expected(fleet, []) == []
    assert settled.expected(fleet, [GONE]) == [GONE]
    for want in (Want(down=True), Want(argv=("python", "mine.py")), Want(terminal=1)):
        with edit(fleet.paths.wanted) as wanted:
            wanted[GONE] = want
        assert settled.expected(fleet, [GONE]) == []


async def test_who_was_restarted_is_not_at_work_before_it_leads(cluster: FakeCluster, fleet: Fleet) -> None:
    assert await settled.quiet_needed(fleet, time.time() + 1) == QUIET_SECONDS  # all are older than the trace
    assert await settled.quiet_needed(fleet, LONG_AGO) == QUIET_AFTER_START_SECONDS
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(cluster.seams["scheduler"].clock.sleep(60, f"lease x: {TO_LEAD}"))
        await asyncio.sleep(0)
        assert await settled.quiet_needed(fleet, LONG_AGO) == math.inf
        assert await settled.quiet_needed(fleet, time.time() + 1) == QUIET_SECONDS  # a replica that waited all the time
        waiting.cancel()
