"""ReplicaSet: counting, ranking, expectations, adoption, failures."""

from __future__ import annotations

from typing import Any

import pytest

from api.apps import ReplicaSet
from api.meta import Condition, ObjectMeta, OwnerReference
from api.pod import Pod
from apimachinery import selectors
from apimachinery.clock import FakeClock
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_time
from controller_manager.batches import slow_start
from controller_manager.controllers import replicaset
from controller_manager.expectations import Expectations
from controller_manager.ownership import sort_out
from controller_manager.pod_ranking import choose_to_delete
from controller_manager.pods import ContainerStatusView, PodSpecView, PodStatusView, PodView
from tests.support.controller_world import World, controllers
from wire.gates import Action, Rule

JSON = dict[str, Any]
NOW = 1_000_000.0


# --- ranking ---------------------------------------------------------------------------------------------------------


def pod_view(
    name: str,
    *,
    node: str = "n",
    phase: str = "Running",
    ready_for: float | None = 1000,
    age: float = 5000,
    restarts: int = 0,
    cost: str = "0",
) -> PodView:
    time = format_time(NOW - ready_for) if ready_for is not None else None
    ready = Condition(type="Ready", status="False" if ready_for is None else "True", last_transition_time=time)
    annotations = {"controller.kubernetes.io/pod-deletion-cost": cost}
    statuses = (ContainerStatusView(restart_count=restarts),)
    return PodView(
        metadata=ObjectMeta(name=name, uid=name, annotations=annotations, creation_timestamp=format_time(NOW - age)),
        spec=PodSpecView(node_name=node),
        status=PodStatusView(phase=phase, conditions=(ready,), container_statuses=statuses),
    )


@pytest.mark.parametrize(
    ("goes", "stays"),
    [
        (pod_view("z", node="", ready_for=None), pod_view("a")),
        (pod_view("z", phase="Pending", ready_for=None), pod_view("a", ready_for=None)),
        (pod_view("z", ready_for=None), pod_view("a")),
        (pod_view("z", cost="-5"), pod_view("a")),
        (pod_view("z", cost="1"), pod_view("a", cost="10")),
        (pod_view("z", node="crowded"), pod_view("a", node="n")),
        (pod_view("z", ready_for=10), pod_view("a", ready_for=1000)),
        (pod_view("z", ready_for=None, restarts=3), pod_view("a", ready_for=None)),
        (pod_view("z", ready_for=None, age=10), pod_view("a", ready_for=None, age=5000)),
        (pod_view("a"), pod_view("z")),
        # Ages of the same order of magnitude count as equal, so that not always the newest pod goes.
        (pod_view("a", ready_for=1000), pod_view("z", ready_for=900)),
    ],
)
def test_which_of_two_pods_goes_first(goes: PodView, stays: PodView) -> None:
    related = {"crowded": 3, "n": 1}
    for pods in ([goes, stays], [stays, goes]):
        assert choose_to_delete(pods, 1, related, NOW) == [goes]


# --- expectations ----------------------------------------------------------------------------------------------------


def test_expectations_are_met_by_events_or_given_up() -> None:
    clock = FakeClock()
    expectations = Expectations(clock)
    assert expectations.left("a") is None
    expectations.expect_creations("a", 2)
    expectations.creation_seen("a")
    assert expectations.left("a") == 300
    expectations.creation_seen("a")
    assert expectations.left("a") is None
    expectations.expect_deletions("a", ["x", "y"])
    expectations.deletion_seen("a", "x")
    expectations.deletion_seen("a", "x")
    clock.set(cluster_time=clock.time() + 299)
    assert expectations.left("a") == 1
    clock.set(cluster_time=clock.time() + 1)
    assert expectations.left("a") is None


@pytest.mark.parametrize(("fails_at", "tried"), [(None, 10), (0, 1), (2, 3), (5, 7)])
async def test_slow_start_stops_after_a_batch_that_failed(fails_at: int | None, tried: int) -> None:
    done: list[int] = []

    async def step(index: int) -> None:
        done.append(index)
        if index == fails_at:
            raise ApiError("Forbidden", "no")

    succeeded, failure = await slow_start(10, step)
    assert len(done) == tried
    assert succeeded == tried - (fails_at is not None) and (failure is None) == (fails_at is None)


# --- ownership -------------------------------------------------------------------------------------------------------


def owned(name: str, uid: str | None, app: str = "web", *, leaving: bool = False) -> PodView:
    references = (OwnerReference(uid=uid, controller=True),) if uid else ()
    deletion = "2026-01-01T00:00:00Z" if leaving else None
    meta = ObjectMeta(name=name, labels={"app": app}, owner_references=references, deletion_timestamp=deletion)
    return PodView(metadata=meta)


def test_what_is_kept_adopted_and_released() -> None:
    owner = ReplicaSet(metadata=ObjectMeta(name="rs", uid="me"))
    pods = [
        owned("kept", "me"),
        owned("released", "me", "other"),
        owned("adopted", None),
        owned("orphan", None, "other"),
        owned("theirs", "them"),
        owned("too-late", None, leaving=True),
    ]
    claims = sort_out(owner, selectors.from_match({"app": "web"}), pods)
    assert [[one.name for one in part] for part in (claims.owned, claims.adopt, claims.release)] == [
        ["kept"],
        ["adopted"],
        ["released"],
    ]


# --- the controller --------------------------------------------------------------------------------------------------


def body(replicas: int = 3, **spec: Any) -> JSON:
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels, "annotations": {"note": "x"}},
        "spec": {"containers": [{"name": "main", "image": "x"}]},
    }
    return {
        "metadata": {"name": "web", "namespace": "default", "uid": "ignored"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


async def status(world: World) -> JSON:
    (found,) = world.api.server.store.trees(ReplicaSet.RESOURCE)
    return {name: value for name, value in found.get("status", {}).items() if name != "observedGeneration"}


async def test_pods_are_made_from_the_template_and_counted() -> None:
    async with controllers(replicaset.build) as world:
        await world.api.create(ReplicaSet, body())
        await world.settle()
        assert await status(world) == {"replicas": 3, "fullyLabeledReplicas": 3, "terminatingReplicas": 0}
        for pod in world.pods():
            meta = pod["metadata"]
            assert meta["name"].startswith("web-") and meta["annotations"] == {"note": "x"}
            (reference,) = meta["ownerReferences"]
            assert (reference["kind"], reference["controller"], reference["blockOwnerDeletion"]) == (
                "ReplicaSet",
                True,
                True,
            )
        assert {one.split(":")[0] for one in world.events()} == {"SuccessfulCreate Created pod"}
        await world.set_ready()
        await world.settle()
        found = await status(world)
        assert (found["readyReplicas"], found["availableReplicas"]) == (3, 3)
        await world.api.patch(ReplicaSet, "web", {"spec": {"replicas": 1}}, namespace="default")
        await world.settle()
        assert len(world.pods()) == 1 and (await status(world))["replicas"] == 1
        assert any(one.startswith("SuccessfulDelete Deleted pod: web-") for one in world.events())


async def test_minimum_ready_seconds_hold_availability_back() -> None:
    async with controllers(replicaset.build) as world:
        await world.api.create(ReplicaSet, body(1, minReadySeconds=10))
        await world.settle()
        await world.set_ready()
        await world.settle(9)
        assert "availableReplicas" not in await status(world)
        await world.settle(2)
        assert (await status(world))["availableReplicas"] == 1


async def test_a_cache_that_lags_does_not_double_the_pods() -> None:
    async with controllers(replicaset.build) as world:
        gates = world.context.seams.gates
        gates.add(Rule("watch:pods", Action.HOLD))
        await world.api.create(ReplicaSet, body())
        await world.settle()
        for number in range(3):
            await world.api.patch(ReplicaSet, "web", {"metadata": {"labels": {"n": str(number)}}}, namespace="default")
            await world.settle()
        assert len(world.pods()) == 3
        for rule in gates.rules():
            gates.delete(rule.id)
        gates.release()
        await world.settle()
        assert len(world.pods()) == 3 and (await status(world))["replicas"] == 3


async def test_finished_and_leaving_pods_are_replaced() -> None:
    async with controllers(replicaset.build) as world:
        await world.api.create(ReplicaSet, body(2))
        await world.settle()
        first, second = world.pods()
        failed = {"status": {"phase": "Failed"}}
        await world.api.patch(Pod, first["metadata"]["name"], failed, namespace="default", subresource="status")
        hold = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.api.patch(Pod, second["metadata"]["name"], hold, namespace="default")
        await world.api.delete(Pod, second["metadata"]["name"], namespace="default")
        await world.settle()
        assert len(world.pods()) == 4
        found = await status(world)
        assert (found["replicas"], found["terminatingReplicas"]) == (2, 1)


async def test_pods_are_adopted_and_released_by_label() -> None:
    async with controllers(replicaset.build) as world:
        stray = {"metadata": {"name": "stray", "namespace": "default", "labels": {"app": "web"}}, "spec": {}}
        await world.api.create(Pod, stray)
        await world.api.create(ReplicaSet, body(1))
        await world.settle()
        (pod,) = world.pods()
        assert pod["metadata"]["ownerReferences"][0]["name"] == "web"
        await world.api.patch(Pod, "stray", {"metadata": {"labels": {"app": "other"}}}, namespace="default")
        await world.settle()
        released = await world.api.get(Pod, "stray", "default")
        assert not released.metadata.owner_references and len(world.pods()) == 2


async def test_a_refused_creation_is_reported_and_tried_again() -> None:
    async with controllers(replicaset.build) as world:
        for _ in range(3):
            world.api.server.fail_next("create", "pods", ApiError("Forbidden", "exceeded quota"))
        await world.api.create(ReplicaSet, body(2))
        await world.settle()
        (failure,) = (await status(world))["conditions"]
        assert (failure["type"], failure["reason"], failure["message"]) == (
            "ReplicaFailure",
            "FailedCreate",
            "exceeded quota",
        )
        assert "FailedCreate Error creating: exceeded quota" in world.events()
        await world.settle(1)
        found = await status(world)
        assert found["replicas"] == 2 and "conditions" not in found


async def test_an_apiserver_that_comes_back_finds_the_controller_at_work() -> None:
    async with controllers(replicaset.build) as world:
        await world.api.create(ReplicaSet, body(2))
        await world.settle()
        world.api.server.go_down()
        await world.settle(30)
        world.api.server.come_up()
        await world.api.patch(ReplicaSet, "web", {"spec": {"replicas": 5}}, namespace="default")
        await world.settle(10)
        assert len(world.pods()) == 5
