"""What watch events leave behind in the cache and the queue."""

from __future__ import annotations

from apimachinery.clock import FakeClock
from client.informer import Event
from scheduler.cache import Cache
from scheduler.intake import Intake
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from scheduler.plugins.priority_sort import PrioritySort
from scheduler.pod_info import pod_info
from scheduler.profile import make_profile
from scheduler.queue import SchedulingQueue
from tests.support.scheduling import make_node, make_pod

WAITING, BOUND = make_pod("p", cpu="1"), make_pod("p", cpu="1", node_name="a")


class World:
    """One node, on which there is room for one pod."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.cache = Cache(clock)
        self.queue = SchedulingQueue(clock, make_profile("mine", [PrioritySort(), NodeResourcesFit()], {}))
        self.intake = Intake(self.cache, self.queue, "default-scheduler")
        self.intake.on_node(Event("ADDED", None, make_node("a", cpu="1")))

    async def bind(self) -> None:
        """As the scheduler does it and the watch confirms it."""
        self.intake.on_pod(Event("ADDED", None, WAITING))
        waiting = await self.queue.pop()
        self.cache.assume(waiting.info, "a")
        self.queue.done(waiting.uid)
        self.intake.on_pod(Event("MODIFIED", WAITING, BOUND))


async def test_a_pod_that_a_restore_has_unbound_is_scheduled_again() -> None:
    world = World()
    await world.bind()
    world.intake.on_pod(Event("ADDED", None, make_pod("rival", cpu="1", priority=1)))
    world.queue.fail(await world.queue.pop(), ["NodeResourcesFit"])
    world.intake.on_pod(Event("MODIFIED", BOUND, WAITING))
    assert len(world.cache) == 0
    assert [world.queue.counts()[place] for place in ("active", "backoff")] == [1, 1]  # it, and whom its room may help
    waiting = await world.queue.pop()
    world.cache.assume(waiting.info, "a")
    assert world.cache.is_assumed(WAITING.uid)


async def test_an_event_from_before_the_bind_does_not_queue_the_pod_again() -> None:
    world = World()
    world.cache.assume(pod_info(WAITING), "a")
    world.intake.on_pod(Event("MODIFIED", WAITING, make_pod("p", cpu="1", labels={"late": "yes"})))
    assert world.cache.is_assumed(WAITING.uid) and len(world.queue) == 0
