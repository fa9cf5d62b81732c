"""Node subnets, silent nodes, evictions, and pods that nobody will finish."""

from __future__ import annotations

from typing import Any

import pytest

from api.coordination import Lease
from api.meta import Condition
from api.node import Node, NodeStatus, Taint
from api.placement import Toleration
from api.pod import Pod
from apimachinery.timestamps import format_micro_time, format_time
from controller_manager import node_health
from controller_manager.controllers import node_ipam, node_lifecycle, pod_gc, taint_eviction
from controller_manager.controllers.node_ipam import CidrSet
from controller_manager.controllers.taint_eviction import FOREVER, evict_at
from controller_manager.node_health import ZoneState
from tests.support.controller_world import World, controllers

JSON = dict[str, Any]


# --- subnets ---------------------------------------------------------------------------------------------------------


def test_subnets_are_given_in_turn_and_come_back() -> None:
    cidrs = CidrSet("10.244.0.0/22", 24)
    assert cidrs.occupy("10.244.1.0/24", "old") == ""
    assert [cidrs.allocate(name) for name in "abc"] == ["10.244.0.0/24", "10.244.2.0/24", "10.244.3.0/24"]
    assert cidrs.allocate("d") == ""
    assert cidrs.occupy("10.244.2.0/24", "thief") == "b"
    cidrs.release("b")
    assert cidrs.allocate("d") == "10.244.2.0/24"
    assert cidrs.occupy("192.168.0.0/24", "elsewhere") == ""


async def test_every_node_gets_a_subnet_once() -> None:
    async with controllers(node_ipam.build) as world:
        await world.api.create(Node, {"metadata": {"name": "given"}, "spec": {"podCIDR": "10.244.0.0/24"}})
        for name in ("one", "two"):
            await world.api.create(Node, {"metadata": {"name": name}})
        await world.settle()
        found = {node.name: node.spec.pod_cidrs for node in (await world.api.list(Node))[0]}
        assert found == {"given": (), "one": ("10.244.1.0/24",), "two": ("10.244.2.0/24",)}


# --- health ----------------------------------------------------------------------------------------------------------


def node_with(ready: str, *, unschedulable: bool = False, taints: tuple[Taint, ...] = (), **conditions: str) -> Node:
    found = tuple(Condition(type=name, status=status) for name, status in {"Ready": ready, **conditions}.items())
    node = Node(status=NodeStatus(conditions=found))
    spec = type(node.spec)(unschedulable=unschedulable, taints=taints)
    return Node(status=node.status, spec=spec)


@pytest.mark.parametrize(
    ("node", "keys"),
    [
        (node_with("True"), set()),
        (node_with("False"), {"node.kubernetes.io/not-ready"}),
        (node_with("Unknown"), {"node.kubernetes.io/unreachable"}),
        (node_with("True", unschedulable=True), {"node.kubernetes.io/unschedulable"}),
        (node_with("True", DiskPressure="True", PIDPressure="False"), {"node.kubernetes.io/disk-pressure"}),
    ],
)
def test_conditions_call_for_taints(node: Node, keys: set[str]) -> None:
    assert node_health.no_schedule_taints(node) == keys


def test_only_our_own_taints_change() -> None:
    theirs = Taint(key="dedicated", value="gpu", effect="NoExecute")
    stale = Taint(key=node_health.NOT_READY, effect="NoSchedule")
    taints = node_health.wanted_taints(node_with("Unknown", taints=(theirs, stale)), node_health.UNREACHABLE, 0)
    assert taints is not None
    assert [(one["key"], one["effect"]) for one in taints] == [
        ("dedicated", "NoExecute"),
        (node_health.UNREACHABLE, "NoSchedule"),
        (node_health.UNREACHABLE, "NoExecute"),
    ]
    assert node_health.wanted_taints(node_with("True", taints=(theirs,)), "", 0) is None


@pytest.mark.parametrize(
    ("ready", "gone", "state", "rate"),
    [
        (3, 0, ZoneState.NORMAL, 0.1),
        (1, 2, ZoneState.NORMAL, 0.1),
        (2, 3, ZoneState.PARTIAL, 0.0),
        (25, 75, ZoneState.PARTIAL, 0.01),
        (0, 3, ZoneState.FULL, 0.1),
    ],
)
def test_zones_in_trouble_evict_more_slowly(ready: int, gone: int, state: ZoneState, rate: float) -> None:
    nodes = [node_with("True")] * ready + [node_with("Unknown")] * gone
    assert node_health.zone_state(nodes) is state
    assert node_health.eviction_rate(state, len(nodes), all_gone=False) == rate


# --- lifecycle -------------------------------------------------------------------------------------------------------


async def add_node(world: World, name: str, ready_status: str = "True") -> None:
    ready = {"type": "Ready", "status": ready_status, "lastHeartbeatTime": format_time(world.clock.time())}
    await world.api.create(Node, {"metadata": {"name": name}, "status": {"conditions": [ready]}})
    body = {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"holderIdentity": name}}
    await world.api.create(Lease, body)


async def add_pod(world: World, name: str, node: str = "", **spec: Any) -> None:
    body = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [], **({"nodeName": node} if node else {}), **spec},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    await world.api.create(Pod, body)


async def beat(world: World, *names: str, seconds: float) -> None:
    """Let time pass while these nodes renew their leases."""
    for _ in range(int(seconds / 10)):
        for name in names:
            patch = {"spec": {"renewTime": format_micro_time(world.clock.time())}}
            await world.api.patch(Lease, name, patch, namespace="kube-node-lease")
        await world.settle(10)


async def taints(world: World, name: str) -> set[tuple[str, str]]:
    node = await world.api.get(Node, name)
    return {(one.key.removeprefix("node.kubernetes.io/"), one.effect) for one in node.spec.taints}


BOTH = {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")}


async def test_a_silent_node_becomes_unknown_tainted_and_comes_back() -> None:
    async with controllers(node_lifecycle.build) as world:
        for name in ("alive", "silent"):
            await add_node(world, name)
        await add_pod(world, "web", "silent")
        await beat(world, "alive", "silent", seconds=60)
        assert await taints(world, "silent") == set()
        await beat(world, "alive", seconds=30)
        assert await taints(world, "silent") == set()
        await beat(world, "alive", seconds=20)
        node = await world.api.get(Node, "silent")
        (ready,) = (one for one in node.status.conditions if one.type == "Ready")
        assert (ready.status, ready.reason) == ("Unknown", "NodeStatusUnknown")
        assert ready.message == "Kubelet stopped posting node status."
        assert await taints(world, "silent") == BOTH and await taints(world, "alive") == set()
        pod = await world.api.get(Pod, "web", "default")
        assert [(one.type, one.status) for one in pod.status.conditions] == [("Ready", "False")]
        assert "NodeNotReady Node silent status is now: NodeNotReady" in world.events()
        back = {"type": "Ready", "status": "True", "lastHeartbeatTime": format_time(world.clock.time())}
        await world.api.patch(Node, "silent", {"status": {"conditions": [back]}}, subresource="status")
        await beat(world, "alive", "silent", seconds=10)
        assert await taints(world, "silent") == set()


async def ready(world: World, *names: str) -> list[str]:
    return [node_health.ready_status(await world.api.get(Node, name)) for name in names]


@pytest.mark.parametrize("status", ["True", "False"])
async def test_the_grace_period_is_kept_to_the_second(status: str) -> None:
    async with controllers(node_lifecycle.build) as world:
        await add_node(world, "one", status)
        await world.settle(13)
        await beat(world, "one", seconds=10)
        await world.settle(39)
        assert await ready(world, "one") == [status]
        await world.settle(1)
        assert await ready(world, "one") == ["Unknown"]


async def test_who_was_frozen_listens_before_it_judges() -> None:
    async with controllers(node_lifecycle.build) as world:
        for name in ("alive", "dead"):
            await add_node(world, name)
        await beat(world, "alive", "dead", seconds=10)
        for _ in range(2):  # a leap past all timers is what a freeze looks like from inside
            world.clock.set(cluster_time=world.clock.time() + 300)
            await world.settle()
            assert await ready(world, "alive", "dead") == ["True", "True"]
        await beat(world, "alive", seconds=40)
        assert await ready(world, "alive", "dead") == ["True", "True"]
        await beat(world, "alive", seconds=10)
        assert await ready(world, "alive", "dead") == ["True", "Unknown"]


async def test_who_was_only_busy_judges_without_delay() -> None:
    async with controllers(node_lifecycle.build) as world:
        names = [f"node-{number}" for number in range(5)]
        for name in names:
            await add_node(world, name)
        let_go = world.api.server.hold_writes("nodes/status")
        await world.settle(60)
        assert await ready(world, *names) == ["True"] * 5
        let_go()
        await world.settle()
        assert await ready(world, *names) == ["Unknown"] * 5


async def test_a_status_heartbeat_is_life_too() -> None:
    async with controllers(node_lifecycle.build) as world:
        await add_node(world, "one")
        for _ in range(10):
            await world.settle(10)
            ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": format_time(world.clock.time())}
            await world.api.patch(Node, "one", {"status": {"conditions": [ready]}}, subresource="status")
        assert await taints(world, "one") == set()


async def test_when_all_nodes_are_gone_none_is_evicted() -> None:
    async with controllers(node_lifecycle.build) as world:
        for name in ("one", "two"):
            await add_node(world, name)
        await world.settle(120)
        assert await taints(world, "one") == await taints(world, "two") == {("unreachable", "NoSchedule")}
        back = {"type": "Ready", "status": "True", "lastHeartbeatTime": format_time(world.clock.time())}
        await world.api.patch(Node, "one", {"status": {"conditions": [back]}}, subresource="status")
        await beat(world, "one", seconds=20)
        assert (await taints(world, "one"), await taints(world, "two")) == (set(), BOTH)


async def test_nodes_of_a_zone_are_evicted_one_by_one() -> None:
    async with controllers(node_lifecycle.build) as world:
        for name in ("alive", "second", "one", "two"):
            await add_node(world, name)
        evicted = []
        for _ in range(9):
            await beat(world, "alive", "second", seconds=10)
            evicted.append(sum([("unreachable", "NoExecute") in await taints(world, name) for name in ("one", "two")]))
        assert evicted == [0, 0, 0, 0, 1, 2, 2, 2, 2]


# --- taint eviction --------------------------------------------------------------------------------------------------


def taint(key: str = "k", added: float = 100) -> Taint:
    return Taint(key=key, value="v", effect="NoExecute", time_added=format_time(added))


@pytest.mark.parametrize(
    ("taints_", "tolerations", "at"),
    [
        ((), (), FOREVER),
        ((taint(),), (), 150),
        ((taint(),), (Toleration(key="k", operator="Exists"),), FOREVER),
        ((taint(),), (Toleration(operator="Exists"),), FOREVER),
        ((taint(),), (Toleration(key="k", value="v", effect="NoExecute", toleration_seconds=300),), 400),
        ((taint(),), (Toleration(key="k", value="other"),), 150),
        ((taint(),), (Toleration(key="k", value="v", effect="NoSchedule"),), 150),
        ((taint(), taint("l")), (Toleration(key="k", operator="Exists", toleration_seconds=60),), 150),
        (
            (taint(), taint("l", 120)),
            (
                Toleration(key="k", operator="Exists", toleration_seconds=60),
                Toleration(key="l", operator="Exists", toleration_seconds=30),
            ),
            150,
        ),
    ],
)
def test_when_a_pod_has_to_go(taints_: tuple[Taint, ...], tolerations: tuple[Toleration, ...], at: float) -> None:
    assert evict_at(taints_, tolerations, now=150) == at


async def test_pods_leave_a_tainted_node_when_their_tolerations_run_out() -> None:
    async with controllers(taint_eviction.build) as world:
        await world.api.create(Node, {"metadata": {"name": "one"}})
        await add_pod(world, "none", "one")
        await add_pod(world, "some", "one", tolerations=[{"operator": "Exists", "tolerationSeconds": 30}])
        await add_pod(world, "all", "one", tolerations=[{"operator": "Exists"}])
        await add_pod(world, "elsewhere", "two")
        await world.settle()
        added = {"key": "k", "effect": "NoExecute", "timeAdded": format_time(world.clock.time())}
        await world.api.patch(Node, "one", {"spec": {"taints": [added]}})
        await world.settle()
        assert terminating(world) == {"none"}
        gone = await world.api.get(Pod, "none", "default")
        (target,) = (one for one in gone.status.conditions if one.type == "DisruptionTarget")
        assert (target.status, target.reason) == ("True", "DeletionByTaintManager")
        await world.settle(29)
        assert terminating(world) == {"none"}
        await world.settle(2)
        assert terminating(world) == {"none", "some"}


async def test_a_pod_is_spared_when_the_taint_goes_in_time() -> None:
    async with controllers(taint_eviction.build) as world:
        await world.api.create(Node, {"metadata": {"name": "one"}})
        await add_pod(world, "some", "one", tolerations=[{"operator": "Exists", "tolerationSeconds": 30}])
        added = {"key": "k", "effect": "NoExecute", "timeAdded": format_time(world.clock.time())}
        await world.api.patch(Node, "one", {"spec": {"taints": [added]}})
        await world.settle(20)
        await world.api.patch(Node, "one", {"spec": {"taints": None}})
        await world.settle(60)
        assert terminating(world) == set()
        assert "TaintManagerEviction Cancelling deletion of Pod default/some" in world.events()


def terminating(world: World) -> set[str]:
    return {pod["metadata"]["name"] for pod in world.pods() if "deletionTimestamp" in pod["metadata"]}


# --- pod garbage collection ------------------------------------------------------------------------------------------


async def test_pods_of_a_node_that_is_gone_go_after_the_quarantine() -> None:
    async with controllers(pod_gc.build) as world:
        await world.api.create(Node, {"metadata": {"name": "one"}})
        await add_pod(world, "orphan", "gone")
        await add_pod(world, "kept", "one")
        await add_pod(world, "unscheduled")
        hold = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.api.patch(Pod, "unscheduled", hold, namespace="default")
        await world.settle(30)
        assert len(world.pods()) == 3
        await world.settle(60)
        assert [pod["metadata"]["name"] for pod in world.pods()] == ["kept", "unscheduled"]


async def test_terminating_pods_of_a_node_out_of_service_go_at_once() -> None:
    async with controllers(pod_gc.build) as world:
        broken = {"taints": [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]}
        await world.api.create(Node, {"metadata": {"name": "one"}, "spec": broken})
        await add_pod(world, "stuck", "one")
        await add_pod(world, "running", "one")
        await world.api.delete(Pod, "stuck", namespace="default")
        await world.settle(41)
        assert [pod["metadata"]["name"] for pod in world.pods()] == ["running"]
