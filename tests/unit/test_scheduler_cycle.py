"""The whole scheduler over the in-memory apiserver, on a clock that moves when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.node import Node
from api.pod import Pod
from apimachinery.clock import FakeClock, settle
from apimachinery.errors import conflict, unavailable
from apimachinery.resources import GVR
from client.api import PatchType
from client.fake import FakeApi
from scheduler.config import Config
from scheduler.server import schedule
from tests.support.scheduling import node_tree, pod_tree
from wire import trace
from wire.gates import Action, Rule
from wire.seams import Seams, make_seams
from wire.span import trace_id

ROUNDS = 200
EVENTS = GVR("", "v1", "events")


class Cluster:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.api = FakeApi(self.clock)
        self.seams: Seams = make_seams("scheduler", self.clock)
        self.config = Config("", "", Path(), leader_elect=False, seed=0)

    async def add_node(self, name: str, **more: Any) -> None:
        await self.api.create(Node, node_tree(name, **more))
        await settle(ROUNDS)

    async def add_pod(self, name: str, **more: Any) -> None:
        await self.api.create(Pod, pod_tree(name, **more))
        await settle(ROUNDS)

    async def pod(self, name: str) -> Pod:
        return await self.api.get(Pod, name, "default")

    async def node_of(self, name: str) -> str:
        return (await self.pod(name)).spec.node_name

    def events(self) -> list[tuple[str, str, str]]:
        found = self.api.server.store.trees(EVENTS)
        return [(one["type"], one["reason"], one["message"]) for one in found]

    def explain(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        return [one for explain in self.seams.explainers for one in explain("pods", "default", name)]

    async def after(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await settle(ROUNDS)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    found = Cluster()
    working = asyncio.create_task(schedule(found.config, found.api, found.seams))
    await settle(ROUNDS)
    yield found
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_pod_is_bound_and_told_so(cluster: Cluster) -> None:
    await cluster.add_node("a")
    await cluster.add_pod("p", cpu="1")
    assert await cluster.node_of("p") == "a"
    assert cluster.events() == [("Normal", "Scheduled", "Successfully assigned default/p to a")]


async def test_without_nodes_pods_wait_and_come_to_the_first(cluster: Cluster) -> None:
    await cluster.add_pod("p")
    condition = (await cluster.pod("p")).status.conditions[0]
    assert (condition.type, condition.status, condition.reason) == ("PodScheduled", "False", "Unschedulable")
    assert condition.message == "no nodes available to schedule pods"
    assert cluster.events() == [("Warning", "FailedScheduling", "no nodes available to schedule pods")]
    await cluster.add_node("a")
    await cluster.after(1)
    assert await cluster.node_of("p") == "a"


async def test_room_that_becomes_free_is_used(cluster: Cluster) -> None:
    await cluster.add_node("a", cpu="1")
    await cluster.add_pod("first", cpu="1")
    await cluster.add_pod("second", cpu="1")
    assert await cluster.node_of("second") == ""
    assert ("Warning", "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.") in cluster.events()
    await cluster.api.delete(Pod, "first", namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.after(1)
    assert await cluster.node_of("second") == "a"


async def test_a_pod_that_ended_takes_no_room(cluster: Cluster) -> None:
    await cluster.add_node("a", cpu="1")
    await cluster.add_pod("first", cpu="1")
    done = {"status": {"phase": "Succeeded"}}
    await cluster.api.patch(Pod, "first", done, namespace="default", subresource="status", type=PatchType.MERGE)
    await cluster.add_pod("second", cpu="1")
    assert await cluster.node_of("second") == "a"


async def test_assumed_room_is_not_given_twice(cluster: Cluster) -> None:
    """Binds are held, yet the second pod sees the room that the first will take."""
    rule = cluster.seams.gates.add(Rule("schedule:bind", Action.HOLD))
    await cluster.add_node("a", cpu="1")
    await cluster.add_pod("first", cpu="1")
    await cluster.add_pod("second", cpu="1")
    assert [held.subject for held in cluster.seams.gates.held()] == [("Pod", "default", "first")]
    cluster.seams.gates.delete(rule.id)
    cluster.seams.gates.release()
    await settle(ROUNDS)
    assert (await cluster.node_of("first"), await cluster.node_of("second")) == ("a", "")


async def test_a_held_binding_says_where_to(cluster: Cluster) -> None:
    cluster.seams.gates.add(Rule("schedule:bind", Action.HOLD))
    await cluster.add_node("a")
    await cluster.add_pod("p")
    assert [held.detail for held in cluster.seams.gates.held()] == ["bind to a"]


async def test_what_it_never_heard_of_it_says_so(cluster: Cluster) -> None:
    def told(name: str) -> list[str]:
        return [topic for topic, _ in cluster.explain(name)]

    await cluster.add_node("a", cpu="1")
    await cluster.add_pod("bound")
    await cluster.add_pod("waiting", cpu="2")
    cluster.seams.gates.add(Rule("watch:pods", Action.DROP, name="lost"))
    await cluster.add_pod("lost")
    assert (told("bound"), told("waiting")) == (["decision"], ["scheduling queue", "decision"])
    assert cluster.explain("lost") == [("unknown", {"waiting": 1, "placed": 1})]


async def test_cycles_can_be_stepped(cluster: Cluster) -> None:
    cluster.seams.gates.add(Rule("schedule:cycle", Action.HOLD))
    await cluster.add_node("a")
    await cluster.add_pod("p")
    await cluster.add_pod("q")
    await cluster.api.delete(Pod, "p", namespace="default", options={"gracePeriodSeconds": 0})
    cluster.seams.gates.release()
    await settle(ROUNDS)
    assert [held.subject.name for held in cluster.seams.gates.held()] == ["q"]
    cluster.seams.gates.release()
    await settle(ROUNDS)
    assert await cluster.node_of("q") == "a"


@pytest.mark.parametrize("edge", ["schedule:cycle", "schedule:bind"])
@pytest.mark.parametrize("action", [Action.DROP, Action.ERROR])
async def test_a_fault_costs_one_attempt(cluster: Cluster, edge: str, action: Action) -> None:
    cluster.seams.gates.add(Rule(edge, action, count=1))
    await cluster.add_node("a", cpu="1")
    await cluster.add_pod("p", cpu="1")
    assert await cluster.node_of("p") == ""
    assert (await cluster.pod("p")).status.conditions[0].reason == "SchedulerError"
    await cluster.after(1)
    assert await cluster.node_of("p") == "a"


async def test_a_failed_bind_frees_the_room(cluster: Cluster) -> None:
    await cluster.add_node("a", cpu="1")
    cluster.api.server.fail_next("create", "pods/binding", conflict("", "pods/binding", "p"))
    await cluster.add_pod("p", cpu="1")
    assert await cluster.node_of("p") == ""
    await cluster.after(1)
    assert await cluster.node_of("p") == "a"


async def test_the_apiserver_may_go_and_come(cluster: Cluster) -> None:
    await cluster.add_node("a")
    cluster.api.server.fail_next("create", "pods/binding", unavailable("gone"))
    await cluster.add_pod("p")
    cluster.api.server.go_down()
    await cluster.after(5)
    cluster.api.server.come_up()
    await cluster.after(20)
    assert await cluster.node_of("p") == "a"


async def test_other_schedulers_pods_are_left_alone(cluster: Cluster) -> None:
    await cluster.add_node("a")
    await cluster.add_pod("theirs", scheduler_name="another")
    assert await cluster.node_of("theirs") == ""
    assert cluster.events() == []


async def test_gated_pods_wait(cluster: Cluster) -> None:
    await cluster.add_node("a")
    await cluster.add_pod("p", scheduling_gates=[{"name": "hold"}])
    assert await cluster.node_of("p") == ""
    await cluster.api.patch(Pod, "p", {"spec": {"schedulingGates": None}}, namespace="default")
    await settle(ROUNDS)
    assert await cluster.node_of("p") == "a"


async def test_the_bind_belongs_to_the_trace_of_the_pods_creation(cluster: Cluster) -> None:
    await cluster.add_node("a")
    token = trace.attach("00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
    await cluster.add_pod("p")
    trace.detach(token)
    bound = await cluster.api.get_object(Pod.RESOURCE, "p", "default")
    assert trace_id(bound.traceparent) == "ab" * 16
    spans = cluster.seams.tracer.spans("ab" * 16)
    (cycle,) = [span for span in spans if span.name == "schedule"]
    (cause,) = [span for span in spans if span.span_id == cycle.parent_id]
    assert (cycle.attributes["node"], cause.name, cause.parent_id) == ("a", "watch:pods", "cd" * 8)
    assert cycle.attributes["decided"].startswith("a: ")


async def test_many_pods_fill_the_nodes_exactly(cluster: Cluster) -> None:
    for name in ("a", "b", "c"):
        await cluster.add_node(name, cpu="10")
    for number in range(35):
        await cluster.api.create(Pod, pod_tree(f"p{number}", cpu="1"))
    await settle(2000)
    pods = [await cluster.node_of(f"p{number}") for number in range(35)]
    assert {node: pods.count(node) for node in set(pods)} == {"a": 10, "b": 10, "c": 10, "": 5}
