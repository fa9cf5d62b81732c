"""The apiserver's core over a real etcd: lists, watches, and what becomes of them when etcd dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apimachinery.clock import FakeClock
from apimachinery.errors import ApiError
from apiserver.limits import BOOKMARK_SECONDS
from tests.support.apiserver import ADMIN, CONFIG_MAPS, PODS, Core, config_map, pod, running_core
from tests.support.etcd import EtcdProcess
from wire.gates import Action, Rule

pytestmark = pytest.mark.etcd


@pytest.fixture
async def core(etcd: EtcdProcess, pki_dir: Path) -> AsyncIterator[Core]:
    async with running_core(etcd.address, pki_dir) as core:
        yield core


async def test_a_list_holds_every_write_acknowledged_before_it(core: Core) -> None:
    for index in range(20):
        await core.create(CONFIG_MAPS, config_map(f"m{index:02}"), "default")
        found = await core.list(CONFIG_MAPS, "default")
        assert len(found.items) == index + 1
        assert found.revision >= found.items[-1].revision


async def test_waiting_readers_share_one_question_to_etcd(core: Core) -> None:
    before = core.server.cacher._read_index.fetches
    await asyncio.gather(*(core.list(CONFIG_MAPS) for _ in range(200)))
    assert core.server.cacher._read_index.fetches - before <= 2


async def test_chunks_are_of_one_revision(core: Core) -> None:
    for name in "abcde":
        await core.create(CONFIG_MAPS, config_map(name), "default")
    first = await core.list(CONFIG_MAPS, "default", limit=2)
    assert [one.name for one in first.items] == ["a", "b"] and first.remaining == 3
    await core.delete(CONFIG_MAPS, "c", "default")
    await core.create(CONFIG_MAPS, config_map("cc"), "default")
    second = await core.list(CONFIG_MAPS, "default", limit=2, continue_token=first.continue_token)
    assert [one.name for one in second.items] == ["c", "d"] and second.revision == first.revision
    third = await core.list(CONFIG_MAPS, "default", limit=2, continue_token=second.continue_token)
    assert [one.name for one in third.items] == ["e"] and not third.continue_token


async def test_a_token_older_than_history_is_expired_and_gives_another(core: Core) -> None:
    for name in "abc":
        await core.create(CONFIG_MAPS, config_map(name), "default")
    first = await core.list(CONFIG_MAPS, limit=1)
    await core.create(CONFIG_MAPS, config_map("d"), "default")
    await core.server.etcd.compact(await core.server.etcd.revision())
    with pytest.raises(ApiError) as refusal:
        await core.list(CONFIG_MAPS, limit=1, continue_token=first.continue_token)
    assert refusal.value.reason == "Expired"
    again = refusal.value.to_status()["metadata"]["continue"]
    rest = await core.list(CONFIG_MAPS, limit=10, continue_token=again)
    assert [one.name for one in rest.items] == ["b", "c", "d"]


async def test_selectors_of_a_list(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("a", labels={"app": "x"}), "default")
    await core.create(CONFIG_MAPS, config_map("b", labels={"app": "y"}), "default")
    await core.create(PODS, pod("p", node="n1"), "default")
    await core.create(PODS, pod("q"), "default")
    assert [one.name for one in (await core.list(CONFIG_MAPS, label_selector="app in (x,z)")).items] == ["a"]
    assert [one.name for one in (await core.list(CONFIG_MAPS, field_selector="metadata.name=b")).items] == ["b"]
    assert [one.name for one in (await core.list(PODS, field_selector="spec.nodeName=n1")).items] == ["p"]
    with pytest.raises(ApiError, match=r"field label not supported: spec\.foo"):
        await core.list(PODS, field_selector="spec.foo=1")


async def test_contradicting_list_options_are_invalid(core: Core) -> None:
    with pytest.raises(ApiError) as refusal:
        await core.list(PODS, resource_version_match="Exact")
    assert refusal.value.code == 422
    with pytest.raises(ApiError) as refusal:
        await core.list(PODS, resource_version="999999", resource_version_match="NotOlderThan")
    assert refusal.value.code == 504
    assert refusal.value.details["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_a_watch_tells_of_every_change_in_order(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("old"), "default")
    watch = core.watch(CONFIG_MAPS, "default")
    assert await watch.named() == ("ADDED", "old")
    await core.create(CONFIG_MAPS, config_map("new"), "default")
    await core.create(CONFIG_MAPS, config_map("elsewhere"), "other")
    await core.patch(CONFIG_MAPS, "new", {"data": {"x": "1"}}, "default")
    await core.delete(CONFIG_MAPS, "old", "default")
    assert await watch.named() == ("ADDED", "new")
    assert await watch.named() == ("MODIFIED", "new")
    gone = await watch.next()
    assert (gone.type, gone.object and gone.object.name) == ("DELETED", "old")
    assert gone.object is not None and gone.object.tree["metadata"]["resourceVersion"] == str(gone.revision)
    await watch.close()


async def test_an_object_that_stops_matching_is_deleted_to_its_watcher(core: Core) -> None:
    watch = core.watch(
        CONFIG_MAPS, label_selector="app=x", resource_version=str((await core.list(CONFIG_MAPS)).revision)
    )
    await core.create(CONFIG_MAPS, config_map("a", labels={"app": "y"}), "default")
    await core.patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"app": "x"}}}, "default")
    await core.patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"app": "y"}}}, "default")
    assert await watch.named() == ("ADDED", "a")
    last = await watch.next()
    assert last.type == "DELETED"
    assert last.object is not None and last.object.labels == {"app": "x"}
    await watch.close()


async def test_a_kubelet_sees_a_pod_arrive_on_its_node_and_leave(core: Core) -> None:
    revision = (await core.list(PODS)).revision
    watch = core.watch(PODS, field_selector="spec.nodeName=n1", resource_version=str(revision))
    await core.create(PODS, pod("other", node="n2"), "default")
    await core.create(PODS, pod("mine"), "default")
    binding = {"metadata": {"name": "mine"}, "target": {"kind": "Node", "name": "n1"}}
    request = core.request("create", PODS, "default", "mine", subresource="binding", body=binding)
    await core.server.pipeline.create(request)
    assert await watch.named() == ("ADDED", "mine")
    await core.delete(PODS, "mine", "default", gracePeriodSeconds=0)
    assert (await watch.named())[0] == "DELETED"
    await watch.close()


async def test_initial_events_end_with_a_bookmark(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("a"), "default")
    watch = core.watch(
        CONFIG_MAPS, send_initial_events=True, resource_version_match="NotOlderThan", allow_watch_bookmarks=True
    )
    assert await watch.named() == ("ADDED", "a")
    bookmark = await watch.next()
    assert bookmark.type == "BOOKMARK" and bookmark.initial_events_end
    await core.create(CONFIG_MAPS, config_map("b"), "default")
    assert await watch.named() == ("ADDED", "b")
    await watch.close()


async def test_a_watch_goes_on_where_another_ended(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("a"), "default")
    revision = (await core.list(CONFIG_MAPS)).revision
    await core.create(CONFIG_MAPS, config_map("b"), "default")
    await core.delete(CONFIG_MAPS, "a", "default")
    await core.list(CONFIG_MAPS)
    watch = core.watch(CONFIG_MAPS, resource_version=str(revision))
    assert await watch.named() == ("ADDED", "b")
    assert await watch.named() == ("DELETED", "a")
    await watch.close()


async def test_a_revision_from_before_the_cache_is_expired(etcd: EtcdProcess, pki_dir: Path) -> None:
    async with running_core(etcd.address, pki_dir) as core:
        await core.create(CONFIG_MAPS, config_map("a"), "default")
        old = (await core.create(CONFIG_MAPS, config_map("b"), "default")).tree["metadata"]["resourceVersion"]
        await core.create(CONFIG_MAPS, config_map("c"), "default")
    async with running_core(etcd.address, pki_dir) as core:
        watch = core.watch(CONFIG_MAPS, resource_version=old)
        event = await watch.next()
        assert event.type == "ERROR" and event.error is not None and event.error.reason == "Expired"
        assert event.error.code == 410


async def test_bookmarks_and_timeouts_follow_the_cluster_clock(etcd: EtcdProcess, pki_dir: Path) -> None:
    clock = FakeClock()
    async with running_core(etcd.address, pki_dir, clock) as core:
        watch = core.watch(CONFIG_MAPS, allow_watch_bookmarks=True, timeout_seconds=BOOKMARK_SECONDS * 1.5)
        first = asyncio.create_task(watch.next())
        await core.list(CONFIG_MAPS)
        await clock.advance(BOOKMARK_SECONDS)
        assert (await first).type == "BOOKMARK"
        end = asyncio.create_task(watch.next())
        await clock.advance(BOOKMARK_SECONDS)
        with pytest.raises(StopAsyncIteration):
            await end


async def test_one_event_is_held_at_the_gate_and_let_go(core: Core) -> None:
    gates = core.server.seams.gates
    watch = core.watch(CONFIG_MAPS, resource_version=str((await core.list(CONFIG_MAPS)).revision))
    gates.add(Rule("apiwatch:configmaps", Action.HOLD, name="held", count=1))
    pending = asyncio.create_task(watch.named())
    await core.create(CONFIG_MAPS, config_map("held"), "default")
    while not gates.held():
        await asyncio.sleep(0.01)
    assert gates.held()[0].subject == ("ConfigMap", "default", "held")
    assert not pending.done()
    gates.release()
    assert await pending == ("ADDED", "held")
    await watch.close()


async def test_a_held_event_tells_what_it_changes(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("held", a="1"), "default")
    watch = core.watch(CONFIG_MAPS, resource_version=str((await core.list(CONFIG_MAPS)).revision))
    gates = core.server.seams.gates
    gates.add(Rule("apiwatch:configmaps", Action.HOLD))
    await core.patch(CONFIG_MAPS, "held", {"data": {"a": "2"}}, "default")
    pending = asyncio.create_task(watch.named())
    while not gates.held():
        await asyncio.sleep(0.01)
    assert gates.held()[0].detail.startswith(f"MODIFIED to {ADMIN.name}, revision ")
    assert gates.held()[0].detail.endswith(": data.a: 1 → 2")
    gates.release()
    assert await pending == ("MODIFIED", "held")
    await watch.close()


async def test_a_dropped_event_never_comes(core: Core) -> None:
    watch = core.watch(CONFIG_MAPS, resource_version=str((await core.list(CONFIG_MAPS)).revision))
    core.server.seams.gates.add(Rule("apiwatch:configmaps", Action.DROP, name="lost"))
    await core.create(CONFIG_MAPS, config_map("lost"), "default")
    await core.create(CONFIG_MAPS, config_map("found"), "default")
    assert await watch.named() == ("ADDED", "found")
    await watch.close()


async def test_when_the_cache_is_held_back_reads_still_see_the_newest(core: Core) -> None:
    gates = core.server.seams.gates
    gates.add(Rule("etcd:watch", Action.HOLD))
    await core.create(CONFIG_MAPS, config_map("a"), "default")
    assert (await core.get(CONFIG_MAPS, "a", "default")).name == "a"
    assert [one.name for one in (await core.list(CONFIG_MAPS)).items] == ["a"]
    for rule in gates.rules():
        gates.delete(rule.id)
    gates.release()


async def test_etcd_is_killed_and_comes_back(etcd: EtcdProcess, core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("before"), "default")
    watch = core.watch(CONFIG_MAPS, "default")
    assert await watch.named() == ("ADDED", "before")
    etcd.kill()
    with pytest.raises(ApiError) as refusal:
        async with asyncio.timeout(8):
            await core.create(CONFIG_MAPS, config_map("during"), "default")
    assert refusal.value.code == 503
    etcd.start()
    await etcd.up()
    await core.create(CONFIG_MAPS, config_map("after"), "default")
    assert await watch.named() == ("ADDED", "after")
    assert {one.name for one in (await core.list(CONFIG_MAPS)).items} == {"before", "after"}
    await watch.close()


async def test_a_gap_longer_than_history_loses_no_deletion(etcd: EtcdProcess, core: Core, pki_dir: Path) -> None:
    for name in ("stays", "goes"):
        await core.create(CONFIG_MAPS, config_map(name), "default")
    watch = core.watch(CONFIG_MAPS, "default")
    assert {await watch.named(), await watch.named()} == {("ADDED", "stays"), ("ADDED", "goes")}
    gates = core.server.seams.gates
    gates.add(Rule("etcd:watch", Action.ERROR))
    async with running_core(etcd.address, pki_dir) as other:
        await other.delete(CONFIG_MAPS, "goes", "default")
        await other.create(CONFIG_MAPS, config_map("comes"), "default")
        await other.server.etcd.compact(await other.server.etcd.revision())
    for rule in gates.rules():
        gates.delete(rule.id)
    assert {await watch.named(), await watch.named()} == {("DELETED", "goes"), ("ADDED", "comes")}
    await watch.close()
