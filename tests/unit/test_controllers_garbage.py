"""The garbage collector: background, foreground and orphaning deletion, absent owners, custom resources."""

from __future__ import annotations

from typing import Any

import pytest

from api.apiextensions import CustomResourceDefinition
from api.apps import ReplicaSet
from api.core import ConfigMap
from api.node import Node
from api.pod import Pod
from apimachinery.resources import GVR
from controller_manager.controllers import garbage
from controller_manager.controllers.garbage import DeleteObject, DropOwners, State, plan
from controller_manager.controllers.garbage_graph import Graph, Owner
from controller_manager.controllers.garbage_graph import Node as GraphNode
from tests.support.controller_world import World, controllers
from wire.gates import Action, Rule

JSON = dict[str, Any]
SOLID, WAITING, ABSENT = State.SOLID, State.WAITING, State.ABSENT


@pytest.mark.parametrize(
    ("states", "has_dependents", "action"),
    [
        ({}, False, None),
        ({"a": SOLID}, False, None),
        ({"a": ABSENT}, True, DeleteObject("Background")),
        ({"a": SOLID, "b": ABSENT}, False, DropOwners(frozenset("b"))),
        ({"a": SOLID, "b": WAITING}, False, DropOwners(frozenset("b"))),
        ({"a": WAITING}, True, DeleteObject("Foreground")),
        ({"a": WAITING}, False, DeleteObject("Background")),
    ],
)
def test_what_becomes_of_an_object(states: dict[str, State], has_dependents: bool, action: Any) -> None:
    node = GraphNode("uid", None, "ns", "name")
    assert plan(node, states, has_dependents=has_dependents) == action


def owner(uid: str) -> Owner:
    return Owner("v1", "ConfigMap", uid, uid, True, True)


def test_the_graph_knows_owners_before_they_are_seen_and_forgets_them() -> None:
    graph = Graph()
    graph.put(GraphNode("child", None, "ns", "child", owners=(owner("parent"),)))
    parent = graph.get("parent")
    assert parent is not None and parent.virtual
    graph.put(GraphNode("parent", None, "ns", "parent"))
    assert [one.uid for one in graph.dependents(graph.nodes["parent"])] == ["child"]
    graph.put(GraphNode("child", None, "ns", "child", owners=(owner("other"),)))
    assert graph.dependents(graph.nodes["parent"]) == []
    assert graph.remove("child") == []
    assert graph.get("other") is None


def owned(name: str, parent: Any, *, block: bool = True) -> JSON:
    reference = {"apiVersion": parent.RESOURCE.api_version, "kind": parent.KIND, "name": parent.name, "uid": parent.uid}
    reference["blockOwnerDeletion"] = block
    return {"metadata": {"name": name, "namespace": "default", "ownerReferences": [reference]}}


def names(world: World, gvr: GVR = ConfigMap.RESOURCE) -> list[str]:
    return [one["metadata"]["name"] for one in world.api.server.store.trees(gvr)]


async def family(world: World) -> None:
    """A ReplicaSet, its pod, and a ConfigMap of the pod's."""
    parent = await world.api.create(ReplicaSet, {"metadata": {"name": "parent", "namespace": "default"}})
    child = await world.api.create(Pod, owned("child", parent))
    await world.api.create(ConfigMap, owned("grandchild", child))
    await world.api.create(ConfigMap, {"metadata": {"name": "stranger", "namespace": "default"}})
    await world.settle()


async def delete_parent(world: World, policy: str) -> None:
    await world.api.delete(ReplicaSet, "parent", namespace="default", options={"propagationPolicy": policy})
    await world.settle()


async def test_background_deletion_goes_down_the_line() -> None:
    async with controllers(garbage.build) as world:
        await family(world)
        await delete_parent(world, "Background")
        assert (names(world, Pod.RESOURCE), names(world)) == ([], ["stranger"])


async def test_foreground_deletion_waits_for_the_dependents() -> None:
    async with controllers(garbage.build) as world:
        await family(world)
        hold = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.api.patch(ConfigMap, "grandchild", hold, namespace="default")
        await delete_parent(world, "Foreground")
        assert (names(world, ReplicaSet.RESOURCE), names(world, Pod.RESOURCE)) == (["parent"], ["child"])
        assert names(world) == ["grandchild", "stranger"]
        await world.api.patch(ConfigMap, "grandchild", {"metadata": {"finalizers": None}}, namespace="default")
        await world.settle()
        assert (names(world, ReplicaSet.RESOURCE), names(world, Pod.RESOURCE), names(world)) == ([], [], ["stranger"])


async def test_orphaned_dependents_stay_and_lose_their_owner() -> None:
    async with controllers(garbage.build) as world:
        await family(world)
        await delete_parent(world, "Orphan")
        assert (names(world, ReplicaSet.RESOURCE), names(world, Pod.RESOURCE)) == ([], ["child"])
        assert not (await world.api.get(Pod, "child", "default")).metadata.owner_references


async def test_an_owner_that_never_was_or_was_another() -> None:
    async with controllers(garbage.build) as world:
        first = await world.api.create(ReplicaSet, {"metadata": {"name": "parent", "namespace": "default"}})
        second = await world.api.create(ReplicaSet, {"metadata": {"name": "second", "namespace": "default"}})
        body = owned("imposter", first)
        body["metadata"]["ownerReferences"][0]["uid"] = "another-uid"
        await world.api.create(ConfigMap, body)
        both = owned("both", second)
        both["metadata"]["ownerReferences"] += body["metadata"]["ownerReferences"]
        await world.api.create(ConfigMap, both)
        await world.settle()
        assert names(world) == ["both"]
        kept = (await world.api.get(ConfigMap, "both", "default")).metadata.owner_references
        assert [one.uid for one in kept] == [second.uid]


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_what_a_restore_brings_back_stays_though_its_owner_is_heard_of_later(policy: str) -> None:
    async with controllers(garbage.build) as world:
        server, gates = world.api.server, world.context.seams.gates
        await family(world)
        hold = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.api.patch(Pod, "child", hold, namespace="default")
        await world.settle()
        past = server.store.snapshot()
        await delete_parent(world, policy)
        assert "deletionTimestamp" in world.pods()[0]["metadata"]
        gates.add(Rule("watch:replicasets", Action.HOLD, id="hold"))
        server.store.restore(*past)
        server.break_watches()
        await world.settle(5)
        gates.delete("hold", release=True)
        await world.settle(5)
        assert [one["metadata"].get("deletionTimestamp") for one in world.pods()] == [None]
        assert (names(world, ReplicaSet.RESOURCE), names(world)) == (["parent"], ["grandchild", "stranger"])


async def test_a_restored_owner_is_not_dropped() -> None:
    async with controllers(garbage.build) as world:
        server, gates = world.api.server, world.context.seams.gates
        first, second = [
            await world.api.create(ReplicaSet, {"metadata": {"name": name, "namespace": "default"}})
            for name in ("first", "second")
        ]
        both = owned("both", first)
        both["metadata"]["ownerReferences"] += owned("both", second)["metadata"]["ownerReferences"]
        await world.api.create(ConfigMap, both)
        await world.settle()
        past = server.store.snapshot()
        await world.api.delete(ReplicaSet, "first", namespace="default")
        await world.settle()
        assert len((await world.api.get(ConfigMap, "both", "default")).metadata.owner_references) == 1
        gates.add(Rule("watch:replicasets", Action.HOLD, id="hold"))
        server.store.restore(*past)
        server.break_watches()
        await world.settle(5)
        assert len((await world.api.get(ConfigMap, "both", "default")).metadata.owner_references) == 2


async def test_an_owner_of_the_cluster_and_an_unknown_kind() -> None:
    async with controllers(garbage.build) as world:
        node = await world.api.create(Node, {"metadata": {"name": "node-1"}})
        await world.api.create(Pod, owned("static", node))
        unknown = owned("unknown", node)
        unknown["metadata"]["ownerReferences"][0] |= {"apiVersion": "example.com/v1", "kind": "Widget", "uid": "w"}
        await world.api.create(ConfigMap, unknown)
        await world.settle()
        assert (names(world, Pod.RESOURCE), names(world)) == (["static"], ["unknown"])
        await world.api.delete(Node, "node-1")
        await world.settle()
        assert names(world, Pod.RESOURCE) == []


async def test_custom_resources_take_part_once_they_are_defined() -> None:
    widgets = GVR("example.com", "v1", "widgets")
    async with controllers(garbage.build) as world:
        body = {"metadata": {"name": "one", "namespace": "default"}, "apiVersion": "example.com/v1", "kind": "Widget"}
        widget = await world.api.create_raw(widgets, body)
        child = {"metadata": {"name": "child", "namespace": "default"}}
        reference = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "one", "uid": widget.uid}
        await world.api.create(ConfigMap, {"metadata": {**child["metadata"], "ownerReferences": [reference]}})
        await world.settle()
        await world.api.create(CustomResourceDefinition, definition())
        await world.settle()
        await world.api.delete_raw(widgets, "one", namespace="default")
        await world.settle(31)
        assert names(world) == []


def definition() -> JSON:
    names_ = {"plural": "widgets", "kind": "Widget"}
    versions = [{"name": "v1", "served": True, "storage": True}]
    return {
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names_, "versions": versions},
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    }
