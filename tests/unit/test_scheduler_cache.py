"""The node table's sums, and assumed pods."""

from __future__ import annotations

from apimachinery.clock import FakeClock
from scheduler.cache import Cache
from scheduler.limits import ASSUMED_SECONDS
from scheduler.pod_info import pod_info
from tests.support.scheduling import make_node, make_pod


def requested_cpu(cache: Cache, node: str) -> int:
    row = cache.nodes.row_of(node)
    assert row is not None
    return int(cache.nodes.requested[row, 0])


def test_an_assumed_pod_takes_room_until_forgotten() -> None:
    cache = Cache(FakeClock())
    cache.set_node(make_node("a"))
    pod = pod_info(make_pod("p", cpu="1"))
    cache.assume(pod, "a")
    assert requested_cpu(cache, "a") == 1000
    cache.forget(pod.uid)
    assert requested_cpu(cache, "a") == 0
    assert len(cache) == 0


def test_the_watch_confirms_or_corrects() -> None:
    cache = Cache(FakeClock())
    cache.set_node(make_node("a"))
    cache.set_node(make_node("b"))
    cache.assume(pod_info(make_pod("p", cpu="1")), "a")
    cache.set_pod(make_pod("p", cpu="1", node_name="b"))
    assert (requested_cpu(cache, "a"), requested_cpu(cache, "b")) == (0, 1000)
    cache.forget("uid-p")
    assert requested_cpu(cache, "b") == 1000
    assert cache.remove_pod("uid-p")
    assert requested_cpu(cache, "b") == 0


async def test_an_unconfirmed_pod_expires_only_after_its_bind() -> None:
    clock = FakeClock()
    cache = Cache(clock)
    cache.set_node(make_node("a"))
    pod = pod_info(make_pod("p", cpu="1"))
    cache.assume(pod, "a")
    await clock.advance(2 * ASSUMED_SECONDS)
    assert cache.expire() == []
    cache.finish_binding(pod.uid)
    await clock.advance(ASSUMED_SECONDS)
    assert cache.expire() == [pod]
    assert requested_cpu(cache, "a") == 0


def test_pods_may_be_known_before_and_after_their_node() -> None:
    cache = Cache(FakeClock())
    cache.set_pod(make_pod("p", cpu="1", node_name="a"))
    assert cache.nodes.node_count == 0
    cache.set_node(make_node("a"))
    assert requested_cpu(cache, "a") == 1000
    cache.remove_node("a")
    assert cache.nodes.node_count == 0
    cache.set_node(make_node("a"))
    assert requested_cpu(cache, "a") == 1000


def test_rows_are_reused_and_grow() -> None:
    cache = Cache(FakeClock())
    for number in range(100):
        cache.set_node(make_node(f"n{number}", cpu=str(number)))
    assert cache.nodes.node_count == 100
    assert cache.nodes.allocatable[99, 0] == 99_000
    for number in range(50):
        cache.remove_node(f"n{number}")
    for number in range(50):
        cache.set_node(make_node(f"m{number}", cpu="7"))
    assert cache.nodes.size == 100
    row = cache.nodes.row_of("m3")
    assert row is not None
    assert cache.nodes.names_snapshot()[row] == "m3"
    assert cache.nodes.allocatable[row, 0] == 7000


def test_new_resources_get_new_columns() -> None:
    cache = Cache(FakeClock())
    cache.set_node(make_node("a"))
    cache.set_node(make_node("b", allocatable={"example.com/gpu": "4"}))
    column = cache.nodes.resources["example.com/gpu"]
    assert cache.nodes.allocatable[:, column].tolist() == [0, 4]
