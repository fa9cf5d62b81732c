"""The cache's parts without etcd: ring, buckets of watchers, bounded queues, the shared read, alarms."""

from __future__ import annotations

import asyncio

import pytest

from apimachinery.clock import FakeClock, settle
from apimachinery.errors import ApiError, unavailable
from apiserver.limits import EVENT_RING, WATCH_BATCH, WATCHER_QUEUE
from apiserver.registry.request import StoredObject
from apiserver.watch.alarms import Alarms
from apiserver.watch.events import CacheEvent, translate
from apiserver.watch.read_index import ReadIndex
from apiserver.watch.resource_cache import ResourceCache
from apiserver.watch.watcher import EVERYTHING, Scope, Watcher


def obj(key: str, revision: int, node: str = "") -> StoredObject:
    name = key.rpartition("/")[2]
    raw = f'{{"metadata":{{"resourceVersion":"{revision}","name":"{name}"}},"spec":{{"nodeName":"{node}"}}}}'
    return StoredObject(key, revision, raw.encode())


def test_ranges_are_in_order_of_keys_and_of_one_namespace() -> None:
    cache = ResourceCache("configmaps", 0)
    for revision, key in enumerate(["b/x", "a/z", "a-b/y", "a/m"], start=1):
        cache.put(obj(key, revision))
    assert [one.key for one in cache.range()] == ["a-b/y", "a/m", "a/z", "b/x"]
    assert [one.key for one in cache.range("a")] == ["a/m", "a/z"]
    assert [one.key for one in cache.range("a", start="a/m\x00")] == ["a/z"]
    cache.remove("a/z", 9)
    assert [one.key for one in cache.range("a")] == ["a/m"]


def test_a_removal_carries_the_trace_that_was_announced() -> None:
    cache = ResourceCache("configmaps", 0)
    for revision, key in enumerate(("a", "b"), start=1):
        cache.put(obj(key, revision))
    cache.expect_removal("a", "00-cause-of-a")
    cache.remove("a", 3)
    cache.remove("b", 4)
    gone = [event.gone.traceparent for event in cache.since(2) or []]
    assert gone == ["00-cause-of-a", ""]


def test_the_past_is_kept_as_far_as_the_ring_goes() -> None:
    cache = ResourceCache("configmaps", 10)
    assert cache.since(9) is None
    assert cache.since(10) == []
    for revision in range(11, 11 + EVENT_RING + 5):
        cache.put(obj("a", revision))
    assert cache.since(14) is None
    kept = cache.since(15)
    assert kept is not None and len(kept) == EVENT_RING and kept[0].revision == 16


def test_an_event_that_comes_twice_counts_once() -> None:
    cache = ResourceCache("configmaps", 0)
    watcher = Watcher(EVERYTHING, 0)
    cache.attach(watcher)
    cache.put(obj("a", 1))
    cache.put(obj("a", 1))
    assert len(cache.since(0) or []) == 1


async def test_an_event_visits_only_those_it_may_concern() -> None:
    cache = ResourceCache("pods", 0)
    scopes = [EVERYTHING, Scope("namespace", "a"), Scope("key", "a/x"), Scope("trigger", "n1"), Scope("trigger", "n2")]
    watchers = [Watcher(scope, 0) for scope in scopes]
    others = [Watcher(scope, 0) for scope in (Scope("namespace", "b"), Scope("key", "a/y"), Scope("trigger", "n3"))]
    for watcher in [*watchers, *others]:
        cache.attach(watcher)
    cache.put(obj("a/x", 1, node="n1"))
    cache.put(obj("a/x", 2, node="n2"))
    counts = [len(await watcher.take()) for watcher in watchers]
    assert counts == [2, 2, 2, 2, 1]
    for watcher in others:
        watcher.poke()
        watcher.end()
        assert await watcher.take() == []


async def test_a_watcher_that_falls_behind_is_ended() -> None:
    watcher = Watcher(EVERYTHING, 0)
    for revision in range(1, WATCHER_QUEUE + 2):
        watcher.offer(CacheEvent(revision, obj("a", revision), None))
    assert watcher.ended and not watcher.expired
    taken = 0
    while batch := await watcher.take():
        assert len(batch) <= WATCH_BATCH
        taken += len(batch)
    assert taken == WATCHER_QUEUE


def test_a_watcher_is_told_by_what_it_selects() -> None:
    old, new = obj("a", 1, node="x"), obj("a", 2, node="y")

    def on(node: str) -> str | None:
        found = translate(CacheEvent(2, new, old), lambda one: one.tree["spec"]["nodeName"] == node)
        return found.type if found else None

    assert [on("x"), on("y"), on("z")] == ["DELETED", "ADDED", None]
    both = translate(CacheEvent(2, new, old), None)
    assert both is not None and both.type == "MODIFIED"
    gone = translate(CacheEvent(3, None, new), None)
    assert gone is not None and gone.object is not None and gone.object.revision == 3


async def test_a_reader_never_uses_an_answer_older_than_its_question() -> None:
    answers: list[asyncio.Future[int]] = []

    async def fetch() -> int:
        answers.append(asyncio.get_running_loop().create_future())
        return await answers[-1]

    index = ReadIndex(fetch)
    first = [asyncio.create_task(index.get()) for _ in range(3)]
    await settle()
    late = [asyncio.create_task(index.get()) for _ in range(3)]
    await settle()
    assert len(answers) == 1
    answers[0].set_result(5)
    await settle()
    assert [await task for task in first] == [5, 5, 5]
    assert len(answers) == 2 and not late[0].done()
    answers[1].set_result(7)
    assert [await task for task in late] == [7, 7, 7]


async def test_a_failed_read_fails_those_who_asked_and_nobody_else() -> None:
    outcomes: list[int | ApiError] = [unavailable("etcd is gone"), 9]

    async def fetch() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    index = ReadIndex(fetch)
    with pytest.raises(ApiError, match="etcd is gone"):
        await index.get()
    assert await index.get() == 9


async def test_alarms_poke_at_cluster_times_in_order() -> None:
    clock = FakeClock()
    alarms = Alarms(clock)
    running = asyncio.create_task(alarms.run())
    early, late = Watcher(EVERYTHING, 0), Watcher(EVERYTHING, 0)
    takes = [asyncio.create_task(watcher.take()) for watcher in (late, early)]
    await settle()
    alarms.set(clock.time() + 60, late)
    alarms.set(clock.time() + 10, early)
    await clock.advance(30)
    assert [task.done() for task in takes] == [False, True]
    await clock.advance(40)
    assert takes[0].done()
    running.cancel()
