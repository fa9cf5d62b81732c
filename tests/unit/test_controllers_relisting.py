"""Controllers that remember while their caches begin anew: the apiserver was restarted, or etcd restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.apps import DaemonSet, ReplicaSet, StatefulSet
from api.batch import Job
from api.core import ReplicationController
from api.meta import KubeObject
from api.node import Node
from api.pod import Pod
from api.service import Endpoints, EndpointSlice, Service
from controller_manager.context import Context, Managed
from controller_manager.controllers import (
    daemonset,
    endpoints,
    endpointslice,
    job,
    replicaset,
    replicationcontroller,
    statefulset,
)
from tests.support.controller_world import World, controllers
from wire.gates import Action, Rule

JSON = dict[str, Any]
LABELS = {"app": "web"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "main", "image": "x"}]}}


LAST = {"metadata": {"name": "zzz", "namespace": "default"}, "spec": {}, "endpoints": []}
"""Comes last in every list."""


def hold(world: World, *resources: str, name: str = "") -> Callable[[], None]:
    """Hold what their watches bring, until what this gives is called: then what is held is lost, and no more is."""
    gates = world.context.seams.gates
    rules = [gates.add(Rule(f"watch:{one}", Action.HOLD, name=name)) for one in resources]

    def lose() -> None:
        for rule in rules:
            gates.delete(rule.id)
        gates.release(drop=True)

    return lose


async def restart(world: World) -> None:
    """Of the apiserver: all watches break, and none can be resumed. They try when time goes on."""
    world.api.server.go_down()
    await world.settle()
    world.api.server.come_up()
    world.api.server.compact()


async def list_slowly(world: World, *resources: str) -> None:
    """Let time pass in which new lists of these come, but not their ends; then those too."""
    lose = hold(world, *resources, name="zzz")
    await world.settle(5)
    lose()
    await world.settle(5)


# --- endpoints -------------------------------------------------------------------------------------------------------

SERVICE = {
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"selector": LABELS, "ports": [{"port": 80, "protocol": "TCP"}], "clusterIP": "10.96.0.5"},
}


async def add_pod(world: World, number: int) -> None:
    address = f"10.244.0.{number + 1}"
    ready = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": ready}
    metadata = {"name": f"web-{number}", "namespace": "default", "labels": LABELS}
    await world.api.create(Pod, {"metadata": metadata, "spec": {"containers": []}, "status": status})


async def remove_pod(world: World, number: int) -> None:
    await world.api.delete(Pod, f"web-{number}", namespace="default", options={"gracePeriodSeconds": 0})


def addresses(world: World) -> tuple[int, int]:
    """How many the slices have, and the Endpoints."""
    trees = world.api.server.store.trees
    subsets = [subset for one in trees(Endpoints.RESOURCE) for subset in one.get("subsets", ())]
    return (
        sum(len(one["endpoints"]) for one in trees(EndpointSlice.RESOURCE)),
        sum(len(subset["addresses"]) for subset in subsets),
    )


async def test_a_change_during_a_relist_is_not_lost() -> None:
    async with controllers(endpointslice.build, endpoints.build) as world:
        for cls in (EndpointSlice, Endpoints):
            await world.api.create(cls, LAST)
        await world.api.create(Service, SERVICE)
        await add_pod(world, 0)
        await world.settle(1)
        lose = hold(world, "endpointslices", "endpoints")
        await add_pod(world, 1)
        await world.settle(1)
        assert addresses(world) == (2, 2)  # of which the controllers' caches know nothing
        lose()
        await restart(world)
        await remove_pod(world, 1)
        await list_slowly(world, "endpointslices", "endpoints")  # their own last writes are in there, not at the end
        assert addresses(world) == (1, 1)


@pytest.mark.parametrize(("lost", "seconds"), [("what was seen", 5), ("only what was not seen yet", 301)])
async def test_what_a_restore_has_undone_is_not_waited_for(lost: str, seconds: float) -> None:
    async with controllers(endpointslice.build, endpoints.build) as world:
        store = world.api.server.store
        await world.api.create(Service, SERVICE)
        await add_pod(world, 0)
        await world.settle(1)
        earlier = store.snapshot()
        await add_pod(world, 1)
        await world.settle(1)
        lose = hold(world, "endpointslices", "endpoints")
        later = store.snapshot()
        await add_pod(world, 2)
        await world.settle(1)
        store.restore(*(earlier if lost == "what was seen" else later))
        lose()
        world.api.server.break_watches()
        await world.settle(3)
        await remove_pod(world, 0)
        await world.settle(seconds)
        there = len(world.pods())
        assert addresses(world) == (there, there)


# --- Jobs and others that own pods -----------------------------------------------------------------------------------


async def test_a_pod_that_was_released_before_a_relist_is_counted() -> None:
    async with controllers(job.build) as world:
        spec = {"completions": 1, "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
        await world.api.create(Job, {"metadata": {"name": "web", "namespace": "default"}, "spec": spec})
        await world.settle()
        (pod,) = world.pods()
        await world.api.create(Pod, LAST)
        let_go = world.api.server.hold_writes("jobs/status")
        ended = {"status": {"phase": "Succeeded"}}
        await world.api.patch(Pod, pod["metadata"]["name"], ended, namespace="default", subresource="status")
        await world.settle()
        lose = hold(world, "pods")
        let_go()
        await world.settle()
        assert "finalizers" not in world.pods()[0]["metadata"]  # of which the cache knows nothing
        lose()
        await restart(world)
        await list_slowly(world, "pods")
        (found,) = world.api.server.store.trees(Job.RESOURCE)
        assert found["status"]["succeeded"] == 1
        assert "Complete" in [one["type"] for one in found["status"]["conditions"]]


OWNERS: dict[type[KubeObject], Callable[[Context], Managed]] = {
    ReplicaSet: replicaset.build,
    ReplicationController: replicationcontroller.build,
    DaemonSet: daemonset.build,
    StatefulSet: statefulset.build,
    Job: job.build,
}


def owner(cls: type[KubeObject]) -> JSON:
    selector: JSON = LABELS if cls is ReplicationController else {"matchLabels": LABELS}
    counts = {"completions": 1} if cls is Job else {} if cls is DaemonSet else {"replicas": 1}
    spec = {"selector": selector, "template": TEMPLATE, **counts}
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}


@pytest.mark.parametrize("cls", OWNERS, ids=lambda cls: str(cls.__name__))
async def test_a_pod_that_came_and_went_unseen_is_replaced(cls: type[KubeObject]) -> None:
    async with controllers(OWNERS[cls]) as world:
        await world.api.create(Node, {"metadata": {"name": "one"}})
        await world.settle()
        lose = hold(world, "pods")
        await world.api.create(cls, owner(cls))
        await world.settle()
        (pod,) = world.pods()
        lose()
        await restart(world)
        name = pod["metadata"]["name"]
        await world.api.patch(Pod, name, {"metadata": {"finalizers": None}}, namespace="default")
        await world.api.delete(Pod, name, namespace="default")
        await world.settle(299)
        assert world.pods() == []
        await world.settle(3)
        assert len(world.pods()) == 1


async def test_an_owner_does_not_wait_for_what_its_namesake_did() -> None:
    async with controllers(daemonset.build) as world:
        await world.api.create(Node, {"metadata": {"name": "one"}})
        let_go = world.api.server.hold_writes("controllerrevisions")
        await world.api.create(DaemonSet, owner(DaemonSet))
        await world.settle()
        await world.api.delete(DaemonSet, "web", namespace="default")
        second = await world.api.create(DaemonSet, owner(DaemonSet))
        await world.settle()
        let_go()
        await world.settle(1)
        assert second.uid in [pod["metadata"]["ownerReferences"][0]["uid"] for pod in world.pods()]
