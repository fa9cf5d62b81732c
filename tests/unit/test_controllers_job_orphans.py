"""The tracking finalizer of pods that have outlived their Job, and of those that have not."""

from __future__ import annotations

from typing import Any

import pytest

from api.apps import ReplicaSet
from api.batch import Job
from api.meta import owner_reference
from api.pod import Pod
from controller_manager.controllers import garbage, job, job_orphans
from controller_manager.controllers.job_plan import FINALIZER
from tests.support.controller_world import World, controllers
from wire.gates import Action, Rule

JSON = dict[str, Any]
LABELS = {"batch.kubernetes.io/job-name": "work"}
GONE = {"apiVersion": "batch/v1", "kind": "Job", "name": "work", "uid": "gone", "controller": True}


def body(**spec: Any) -> JSON:
    template = {"metadata": {"labels": LABELS}, "spec": {"restartPolicy": "Never", "containers": [{"name": "main"}]}}
    wanted = {"completions": 2, "parallelism": 2, "selector": {"matchLabels": LABELS}, "template": template, **spec}
    return {"metadata": {"name": "work", "namespace": "default"}, "spec": wanted}


def tracked_pod(*owners: JSON, labels: JSON = LABELS) -> JSON:
    meta = {"name": "pod", "namespace": "default", "labels": labels, "finalizers": [FINALIZER, "example.com/hold"]}
    return {"metadata": {**meta, "ownerReferences": list(owners)}, "spec": {"containers": []}}


def finalizers(world: World) -> list[list[str]]:
    return [pod["metadata"].get("finalizers", []) for pod in world.pods()]


@pytest.mark.parametrize(("policy", "left"), [("Background", []), ("Foreground", []), ("Orphan", [[], []])])
async def test_the_pods_of_a_deleted_job_may_go(policy: str, left: list[list[str]]) -> None:
    async with controllers(garbage.build, job.build, job_orphans.build) as world:
        await world.api.create(Job, body())
        await world.settle()
        assert finalizers(world) == [[FINALIZER], [FINALIZER]]
        await world.api.delete(Job, "work", namespace="default", options={"propagationPolicy": policy})
        await world.settle(5)
        assert finalizers(world) == left


@pytest.mark.parametrize("owners", [(GONE,), ()], ids=["its Job is gone", "it was let go"])
async def test_a_pod_without_its_job_loses_the_finalizer_however_it_came_to_that(owners: tuple[JSON, ...]) -> None:
    async with controllers(job_orphans.build) as world:
        await world.api.create(Job, body(selector={"matchLabels": {"another": "one"}}))
        await world.settle()
        await world.api.create(Pod, tracked_pod(*owners))
        await world.settle()
        assert finalizers(world) == [["example.com/hold"]]


async def test_a_pod_that_lives_on_without_its_job_loses_it_too() -> None:
    """Nobody collects garbage here: no event of the pod tells that its Job is gone."""
    async with controllers(job_orphans.build) as world:
        made = await world.api.create(Job, body())
        await world.api.create(Pod, tracked_pod(owner_reference(made)))
        await world.settle()
        await world.api.delete(Job, "work", namespace="default")
        await world.settle()
        assert finalizers(world) == [["example.com/hold"]]


async def test_the_finalizer_stays_as_long_as_someone_may_count_the_pod() -> None:
    async with controllers(job_orphans.build) as world:
        made = await world.api.create(Job, body())
        other = await world.api.create(ReplicaSet, {"metadata": {"name": "web", "namespace": "default"}})
        await world.settle()
        for number, owners in enumerate([(owner_reference(made),), (owner_reference(other),), ()]):
            pod = tracked_pod(*owners)
            pod["metadata"]["name"] = f"pod-{number}"
            await world.api.create(Pod, pod)
        await world.settle()
        assert all(FINALIZER in one for one in finalizers(world))
        await world.api.delete(Pod, "pod-2", namespace="default")  # so its Job will not adopt it
        await world.settle()
        assert [FINALIZER in one for one in finalizers(world)] == [True, True, False]


async def test_a_job_that_only_the_cache_does_not_know_is_not_gone() -> None:
    async with controllers(job_orphans.build) as world:
        gates = world.context.seams.gates
        gates.add(Rule("watch:jobs", Action.HOLD, id="hold"))
        made = await world.api.create(Job, body())
        await world.api.create(Pod, tracked_pod(owner_reference(made)))
        await world.settle(5)
        assert FINALIZER in finalizers(world)[0]
        # It goes without having been seen.
        await world.api.delete(Job, "work", namespace="default")
        gates.delete("hold")
        gates.release(drop=True)
        await world.settle(5)
        assert finalizers(world) == [["example.com/hold"]]
