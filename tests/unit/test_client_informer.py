"""Informers over the in-memory apiserver: order, indexes, reconnection, expiry, gates, traces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from api.core import ConfigMap
from apimachinery.clock import FakeClock, settle
from client.fake import FakeApi
from client.in_order import after
from client.informer import Event, Informer, InformerFactory
from wire import trace
from wire.gates import Action, Rule
from wire.seams import Seams, make_seams
from wire.span import span_id, trace_id

CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def body(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns"}, "data": data}


@asynccontextmanager
async def running(informer: Informer[ConfigMap]) -> AsyncIterator[list[str]]:
    """The informer at work, and what its handlers heard."""
    heard: list[str] = []

    def hear(event: Event[ConfigMap]) -> None:
        heard.append(f"{event.type} {event.object.name} {event.object.data.get('v', '')}".strip())

    informer.add_handler(hear)
    task = asyncio.create_task(informer.run())
    await informer.wait_synced()
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def setup() -> tuple[FakeApi, Seams, FakeClock]:
    clock = FakeClock()
    return FakeApi(clock), make_seams("test", clock), clock


async def test_changes_arrive_in_order_and_the_cache_is_ahead_of_handlers() -> None:
    api, seams, _ = setup()
    await api.create(ConfigMap, body("a", v="1"))
    informer = Informer(api, ConfigMap, seams, indexes={"v": lambda one: [one.data.get("v", "")]})
    async with running(informer) as heard:
        await api.patch(ConfigMap, "a", {"data": {"v": "2"}}, namespace="ns")
        await api.create(ConfigMap, body("b", v="2"))
        await api.delete(ConfigMap, "a", namespace="ns")
        await settle()
        assert heard == ["ADDED a 1", "MODIFIED a 2", "ADDED b 2", "DELETED a 2"]
        assert [one.name for one in informer.by_index("v", "2")] == ["b"]
        assert informer.by_index("v", "1") == []
        assert [one.name for one in informer.by_index("namespace", "ns")] == ["b"]
        assert informer.get("ns/a") is None


async def test_a_lost_watch_resumes_and_repeats_nothing() -> None:
    api, seams, clock = setup()
    await api.create(ConfigMap, body("a"))
    async with running(Informer(api, ConfigMap, seams)) as heard:
        api.server.go_down()
        await settle()
        api.server.come_up()
        await api.create(ConfigMap, body("b"))
        await clock.advance(10)
        assert heard == ["ADDED a", "ADDED b"]


async def test_an_expired_watch_lists_again_and_reports_what_vanished() -> None:
    api, seams, clock = setup()
    for name in "abc":
        await api.create(ConfigMap, body(name))
    async with running(Informer(api, ConfigMap, seams)) as heard:
        api.server.go_down()
        await settle()
        api.server.come_up()
        await api.delete(ConfigMap, "a", namespace="ns")
        await api.patch(ConfigMap, "b", {"data": {"v": "2"}}, namespace="ns")
        await api.delete(ConfigMap, "c", namespace="ns")
        await api.create(ConfigMap, body("c", v="new"))
        await api.create(ConfigMap, body("d"))
        api.server.compact()
        await clock.advance(10)
        assert heard[3:] == ["MODIFIED b 2", "DELETED c", "ADDED c new", "ADDED d", "DELETED a"]


async def test_handlers_run_in_the_trace_of_the_write() -> None:
    api, seams, _ = setup()
    informer = Informer(api, ConfigMap, seams)
    seen: list[str] = []
    informer.add_handler(lambda event: seen.append(trace.current()))
    async with running(informer):
        token = trace.attach(CONTEXT)
        await api.create(ConfigMap, body("a"))
        trace.detach(token)
        await settle()
    assert [trace_id(one) for one in seen] == [trace_id(CONTEXT)]
    (hop,) = seams.tracer.spans(trace_id(CONTEXT))
    assert (hop.name, hop.parent_id, hop.traceparent) == ("watch:configmaps", span_id(CONTEXT), seen[0])


async def test_a_gate_holds_and_drops_events() -> None:
    api, seams, _ = setup()
    async with running(Informer(api, ConfigMap, seams)) as heard:
        seams.gates.add(Rule("watch:configmaps", Action.DROP, name="lost"))
        seams.gates.add(Rule("watch:configmaps", Action.HOLD, name="held"))
        for name in ("lost", "held", "after"):
            await api.create(ConfigMap, body(name))
        await settle()
        assert heard == []
        seams.gates.release()
        await settle()
        assert heard == ["ADDED held", "ADDED after"]


async def test_an_error_at_the_gate_is_a_lost_watch() -> None:
    api, seams, clock = setup()
    async with running(Informer(api, ConfigMap, seams)) as heard:
        seams.gates.add(Rule("watch:configmaps", Action.ERROR, count=1))
        await api.create(ConfigMap, body("a"))
        await clock.advance(5)
        assert heard == ["ADDED a"]


async def test_a_failing_handler_costs_nobody_else() -> None:
    api, seams, _ = setup()
    informer = Informer(api, ConfigMap, seams)
    informer.add_handler(lambda event: 1 / 0)  # type: ignore[arg-type]
    async with running(informer) as heard:
        await api.create(ConfigMap, body("a"))
        await settle()
        assert heard == ["ADDED a"]


async def test_a_factory_shares_informers_and_starts_late_ones() -> None:
    api, seams, _ = setup()
    await api.create(ConfigMap, body("a"))
    factory = InformerFactory(api, seams)
    first = factory.get(ConfigMap)
    task = asyncio.create_task(factory.run())
    await factory.wait_synced()
    assert factory.get(ConfigMap) is first
    late = factory.get(ConfigMap, namespace="ns", indexes={"name": lambda one: [one.name]})
    await late.wait_synced()
    assert [one.name for one in late.by_index("name", "a")] == ["a"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_looked_up_is_there_before_who_looks_is_told() -> None:
    api, seams, _ = setup()
    token = trace.attach(CONTEXT)
    await api.create(ConfigMap, body("early"))
    trace.detach(token)
    looking, looked_up = Informer(api, ConfigMap, seams), Informer(api, ConfigMap, seams)
    told: list[tuple[str, bool, str]] = []

    def look(event: Event[ConfigMap]) -> None:
        found = looked_up.get(event.object.key) is not None
        told.append((event.object.name, found, trace_id(trace.current())))

    looking.add_handler(after(looked_up, look))
    async with running(looking):
        assert told == []
        async with running(looked_up):
            assert told == [("early", True, trace_id(CONTEXT))]
            await api.create(ConfigMap, body("late"))
            await settle()
            assert [name for name, *_ in told] == ["early", "late"]
