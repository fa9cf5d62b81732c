"""DaemonSets, StatefulSets, disruption budgets and aggregated roles."""

from __future__ import annotations

from typing import Any

import pytest

from api.apps import ControllerRevision, DaemonSet, Deployment, StatefulSet
from api.core import PersistentVolumeClaim, ReplicationController
from api.node import Node
from api.pod import Pod
from api.policy import PodDisruptionBudget
from api.rbac import ClusterRole
from apimachinery.timestamps import format_time
from controller_manager.controllers import (
    clusterrole_aggregation,
    daemonset,
    deployment,
    disruption_budget,
    replicaset,
    replicationcontroller,
    statefulset,
)
from controller_manager.controllers.daemonset import node_of
from controller_manager.pods import PodView
from tests.support.controller_world import World, controllers

JSON = dict[str, Any]


def template(image: str, **spec: Any) -> JSON:
    containers = [{"name": "main", "image": image}]
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers, **spec}}


def body(image: str = "v1", pod_spec: JSON | None = None, **spec: Any) -> JSON:
    wanted = {"selector": {"matchLabels": {"app": "web"}}, "template": template(image, **(pod_spec or {})), **spec}
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": wanted}


async def add_nodes(world: World, *names: str, **spec: Any) -> None:
    for name in names:
        await world.api.create(Node, {"metadata": {"name": name, "labels": {"name": name}}, "spec": spec})
    await world.settle()


async def placed(world: World) -> dict[str, str]:
    """Image by node."""
    views, _ = await world.api.list(PodView)
    images = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in world.pods()}
    return {node_of(view): images[view.name] for view in views}


# --- DaemonSet -------------------------------------------------------------------------------------------------------


async def test_a_daemon_runs_on_every_node_that_fits_and_follows_nodes() -> None:
    async with controllers(daemonset.build) as world:
        await add_nodes(world, "one", "two")
        await add_nodes(world, "tainted", taints=[{"key": "k", "effect": "NoSchedule"}])
        await add_nodes(world, "cordoned", taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}])
        await world.api.create(DaemonSet, body())
        await world.settle()
        assert sorted(await placed(world)) == ["cordoned", "one", "two"]
        await add_nodes(world, "three")
        await world.set_ready()
        await world.settle()
        (found,) = world.api.server.store.trees(DaemonSet.RESOURCE)
        status = found["status"]
        assert (status["desiredNumberScheduled"], status["numberReady"], status["numberAvailable"]) == (4, 4, 4)
        await world.api.patch(Node, "two", {"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}})
        await world.api.delete(Node, "three")
        await world.settle()
        assert sorted(await placed(world)) == ["cordoned", "one"]


async def test_node_selector_and_affinity_choose_the_nodes() -> None:
    term = {"matchExpressions": [{"key": "name", "operator": "NotIn", "values": ["two"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    async with controllers(daemonset.build) as world:
        await add_nodes(world, "one", "two", "three")
        await world.api.create(DaemonSet, body(pod_spec={"affinity": affinity}))
        await world.settle()
        assert sorted(await placed(world)) == ["one", "three"]
        selected = template("v1", nodeSelector={"name": "two"}, affinity=None)
        await world.api.patch(DaemonSet, "web", {"spec": {"template": selected}}, namespace="default")
        await world.settle()
        assert sorted(await placed(world)) == ["two"]


@pytest.mark.parametrize("rolling", [{"maxUnavailable": 1}, {"maxUnavailable": 0, "maxSurge": 1}])
async def test_a_daemon_is_updated_node_by_node(rolling: JSON) -> None:
    async with controllers(daemonset.build) as world:
        await add_nodes(world, "one", "two", "three")
        await world.api.create(DaemonSet, body(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling}))
        await world.settle()
        await world.set_ready()
        await world.settle()
        await world.api.patch(DaemonSet, "web", {"spec": {"template": template("v2")}}, namespace="default")
        for updated in (1, 2, 3):
            await world.settle()
            assert sum(pod["spec"]["containers"][0]["image"] == "v2" for pod in world.pods()) == updated
            await world.set_ready()
        await world.settle()
        assert set((await placed(world)).values()) == {"v2"} and len(world.pods()) == 3
        revisions = world.api.server.store.trees(ControllerRevision.RESOURCE)
        assert sorted(one["revision"] for one in revisions) == [1, 2]


async def test_on_delete_waits_for_the_pod_to_be_deleted() -> None:
    async with controllers(daemonset.build) as world:
        await add_nodes(world, "one")
        await world.api.create(DaemonSet, body(updateStrategy={"type": "OnDelete"}))
        await world.settle()
        await world.api.patch(DaemonSet, "web", {"spec": {"template": template("v2")}}, namespace="default")
        await world.settle()
        assert set((await placed(world)).values()) == {"v1"}
        await world.api.delete(Pod, world.pods()[0]["metadata"]["name"], namespace="default")
        await world.settle()
        assert set((await placed(world)).values()) == {"v2"}


# --- StatefulSet -----------------------------------------------------------------------------------------------------


def names(world: World) -> list[str]:
    return [pod["metadata"]["name"] for pod in world.pods()]


async def step(world: World) -> list[str]:
    await world.set_ready()
    await world.settle()
    return names(world)


async def test_members_come_and_go_in_order_with_storage_of_their_own() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    async with controllers(statefulset.build) as world:
        await world.api.create(StatefulSet, body(replicas=3, serviceName="peers", volumeClaimTemplates=[claim]))
        await world.settle()
        assert names(world) == ["web-0"]
        assert await step(world) == ["web-0", "web-1"]
        assert await step(world) == ["web-0", "web-1", "web-2"]
        await step(world)
        spec = world.pods()[1]["spec"]
        assert (spec["hostname"], spec["subdomain"]) == ("web-1", "peers")
        assert spec["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}}]
        await world.api.patch(StatefulSet, "web", {"spec": {"replicas": 1}}, namespace="default")
        await world.settle()
        assert names(world) == ["web-0"]
        claims = [one["metadata"]["name"] for one in world.api.server.store.trees(PersistentVolumeClaim.RESOURCE)]
        assert claims == ["data-web-0", "data-web-1", "data-web-2"]
        deleted = [line for line in world.events() if line.startswith("SuccessfulDelete")]
        assert deleted == ["SuccessfulDelete Deleted pod: web-2", "SuccessfulDelete Deleted pod: web-1"]


async def test_parallel_members_come_at_once() -> None:
    async with controllers(statefulset.build) as world:
        await world.api.create(StatefulSet, body(replicas=3, podManagementPolicy="Parallel"))
        await world.settle()
        assert names(world) == ["web-0", "web-1", "web-2"]


def images(world: World) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in world.pods()]


async def test_an_update_goes_from_the_top_down_to_the_partition() -> None:
    async with controllers(statefulset.build) as world:
        await world.api.create(StatefulSet, body(replicas=3))
        await world.settle()
        for _ in range(3):
            await step(world)
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
        patch = {"spec": {"template": template("v2"), "updateStrategy": strategy}}
        await world.api.patch(StatefulSet, "web", patch, namespace="default")
        await world.settle()
        assert images(world) == ["v1", "v1", "v2"]
        for _ in range(3):
            await step(world)
        assert images(world) == ["v1", "v2", "v2"]
        await world.api.delete(Pod, "web-0", namespace="default")
        await world.settle()
        assert images(world) == ["v1", "v2", "v2"]
        strategy["rollingUpdate"] = {"partition": 0}
        await world.api.patch(StatefulSet, "web", {"spec": {"updateStrategy": strategy}}, namespace="default")
        for _ in range(3):
            await step(world)
        assert images(world) == ["v2", "v2", "v2"]
        (found,) = world.api.server.store.trees(StatefulSet.RESOURCE)
        status = found["status"]
        assert status["currentRevision"] == status["updateRevision"]
        assert (status["readyReplicas"], status["updatedReplicas"], status["currentReplicas"]) == (3, 3, 3)


# --- PodDisruptionBudget ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [({"minAvailable": 3}, 3, 1), ({"maxUnavailable": "25%"}, 3, 1), ({"minAvailable": "100%"}, 4, 0)],
)
async def test_a_budget_counts_what_may_be_evicted(spec: JSON, desired: int, allowed: int) -> None:
    async with controllers(replicaset.build, deployment.build, disruption_budget.build) as world:
        await world.api.create(Deployment, body(replicas=4))
        selector = {"selector": {"matchLabels": {"app": "web"}}}
        budget = {"metadata": {"name": "web", "namespace": "default"}, "spec": {**spec, **selector}}
        await world.api.create(PodDisruptionBudget, budget)
        await world.settle()
        await world.set_ready()
        await world.settle()
        found = (await world.api.get(PodDisruptionBudget, "web", "default")).status
        assert (found.expected_pods, found.current_healthy, found.desired_healthy) == (4, 4, desired)
        assert found.disruptions_allowed == allowed
        granted = {"status": {"disruptedPods": {names(world)[0]: format_time(world.clock.time())}}}
        await world.api.patch(PodDisruptionBudget, "web", granted, namespace="default", subresource="status")
        await world.settle()
        assert (await world.api.get(PodDisruptionBudget, "web", "default")).status.current_healthy == 3
        await world.settle(121)
        assert (await world.api.get(PodDisruptionBudget, "web", "default")).status.current_healthy == 4


# --- ClusterRole -----------------------------------------------------------------------------------------------------


async def test_an_aggregating_role_takes_the_rules_of_those_it_selects() -> None:
    def role(name: str, *resources: str, labels: JSON | None = None) -> JSON:
        rules = [{"apiGroups": [""], "resources": [one], "verbs": ["get"]} for one in resources]
        return {"metadata": {"name": name, "labels": labels or {}}, "rules": rules}

    async with controllers(clusterrole_aggregation.build) as world:
        rule = {"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}
        await world.api.create(ClusterRole, {"metadata": {"name": "whole"}, "aggregationRule": rule})
        await world.api.create(ClusterRole, role("b", "pods", "services", labels={"part": "yes"}))
        await world.api.create(ClusterRole, role("a", "pods", labels={"part": "yes"}))
        await world.api.create(ClusterRole, role("other", "secrets"))
        await world.settle()
        rules = (await world.api.get(ClusterRole, "whole")).rules or ()
        assert [rule["resources"] for rule in rules] == [["pods"], ["services"]]


# --- ReplicationController -------------------------------------------------------------------------------------------


async def test_a_replication_controller_keeps_its_number_of_pods() -> None:
    async with controllers(replicationcontroller.build) as world:
        wanted = {**body(replicas=2), "spec": {**body(replicas=2)["spec"], "selector": {"app": "web"}}}
        await world.api.create(ReplicationController, wanted)
        await world.settle()
        await world.set_ready()
        await world.settle()
        found = (await world.api.get(ReplicationController, "web", "default")).status
        assert (found.replicas, found.ready_replicas, found.available_replicas) == (2, 2, 2)
        await world.api.patch(ReplicationController, "web", {"spec": {"replicas": 0}}, namespace="default")
        await world.settle()
        assert world.pods() == []
