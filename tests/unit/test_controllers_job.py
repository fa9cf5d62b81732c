"""Jobs: counting each end once, retries, indexes, deadlines, suspension, and their time to live."""

from __future__ import annotations

from typing import Any

import pytest

from api.batch import CronJob, Job
from api.pod import Pod
from apimachinery.timestamps import format_time, parse_time
from controller_manager.controllers import cronjob, garbage, job, ttl_after_finished
from controller_manager.controllers.job_plan import format_indexes, parse_indexes
from controller_manager.cron import find_zone, parse_schedule
from tests.support.controller_world import World, controllers

JSON = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "indexes"),
    [("", set()), ("0", {0}), ("0-2,5", {0, 1, 2, 5}), ("1,3-4", {1, 3, 4})],
)
def test_completed_indexes(text: str, indexes: set[int]) -> None:
    assert parse_indexes(text) == indexes and format_indexes(indexes) == text


def body(**spec: Any) -> JSON:
    labels = {"batch.kubernetes.io/job-name": "work"}
    template = {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [{"name": "main"}]}}
    wanted = {"completions": 1, "selector": {"matchLabels": labels}, "template": template, **spec}
    return {"metadata": {"name": "work", "namespace": "default"}, "spec": wanted}


async def finish(world: World, phase: str, count: int = 100) -> None:
    """Have the oldest running pods end."""
    running = [pod for pod in world.pods() if pod["status"].get("phase") in ("Pending", "Running")]
    for pod in sorted(running, key=lambda one: str(one["metadata"]["uid"]))[:count]:
        ended = {"name": "main", "state": {"terminated": {"finishedAt": format_time(world.clock.time())}}}
        status = {"phase": phase, "containerStatuses": [ended]}
        name = pod["metadata"]["name"]
        await world.api.patch(Pod, name, {"status": status}, namespace="default", subresource="status")
    await world.settle()


async def status(world: World) -> JSON:
    (found,) = world.api.server.store.trees(Job.RESOURCE)
    return dict(found.get("status", {}))


async def true_conditions(world: World) -> list[tuple[str, str]]:
    conditions = (await status(world)).get("conditions", ())
    return [(one["type"], one["reason"]) for one in conditions if one["status"] == "True"]


def tracked(world: World) -> int:
    return sum("finalizers" in pod["metadata"] for pod in world.pods())


async def test_a_job_runs_in_parallel_until_enough_have_succeeded() -> None:
    async with controllers(job.build) as world:
        await world.api.create(Job, body(completions=3, parallelism=2))
        await world.settle()
        assert (len(world.pods()), tracked(world)) == (2, 2)
        await finish(world, "Succeeded")
        found = await status(world)
        assert (found["succeeded"], found["active"], len(world.pods())) == (2, 1, 3)
        await finish(world, "Succeeded")
        found = await status(world)
        assert found["succeeded"] == 3 and "active" not in found and found["completionTime"]
        assert await true_conditions(world) == [
            ("SuccessCriteriaMet", "CompletionsReached"),
            ("Complete", "CompletionsReached"),
        ]
        assert tracked(world) == 0 and found["uncountedTerminatedPods"] == {}
        assert "Completed Job completed" in world.events()


async def test_failures_are_retried_with_growing_pauses_up_to_the_limit() -> None:
    async with controllers(job.build) as world:
        await world.api.create(Job, body(backoffLimit=2))
        await world.settle()
        for pause in (10, 20):
            before = len(world.pods())
            await finish(world, "Failed")
            await world.settle(pause - 2)
            assert len(world.pods()) == before
            await world.settle(3)
            assert len(world.pods()) == before + 1
        await finish(world, "Failed")
        found = await status(world)
        assert (found["failed"], await true_conditions(world)) == (
            3,
            [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")],
        )


async def test_each_end_is_counted_once_though_its_pod_is_deleted() -> None:
    async with controllers(job.build) as world:
        await world.api.create(Job, body(completions=2, parallelism=1))
        await world.settle()
        await finish(world, "Succeeded")
        for pod in world.pods():
            if pod["status"]["phase"] == "Succeeded":
                await world.api.delete(Pod, pod["metadata"]["name"], namespace="default")
        await world.settle()
        assert (await status(world))["succeeded"] == 1
        await finish(world, "Succeeded")
        assert (await status(world))["succeeded"] == 2


async def test_an_indexed_job_runs_each_index_once() -> None:
    async with controllers(job.build) as world:
        await world.api.create(Job, body(completions=3, parallelism=3, completionMode="Indexed"))
        await world.settle()
        annotation = "batch.kubernetes.io/job-completion-index"
        assert sorted(pod["metadata"]["annotations"][annotation] for pod in world.pods()) == ["0", "1", "2"]
        assert {pod["spec"]["hostname"] for pod in world.pods()} == {"work-0", "work-1", "work-2"}
        await finish(world, "Succeeded", 1)
        await finish(world, "Failed", 1)
        await world.settle(11)
        assert (await status(world))["completedIndexes"] == "0"
        await finish(world, "Succeeded")
        found = await status(world)
        assert (found["completedIndexes"], found["succeeded"], found["failed"]) == ("0-2", 3, 1)


async def test_a_deadline_ends_the_job_and_its_pods() -> None:
    async with controllers(job.build) as world:
        await world.api.create(Job, body(activeDeadlineSeconds=30))
        await world.settle(29)
        assert len(world.pods()) == 1
        await world.settle(2)
        assert world.pods() == []
        assert ("Failed", "DeadlineExceeded") in await true_conditions(world)
        assert "failed" not in await status(world)


async def test_suspending_takes_the_pods_away_and_resuming_brings_them_back() -> None:
    async with controllers(job.build) as world:
        await world.api.create(Job, body(suspend=True))
        await world.settle()
        assert world.pods() == [] and await true_conditions(world) == [("Suspended", "JobSuspended")]
        await world.api.patch(Job, "work", {"spec": {"suspend": False}}, namespace="default")
        await world.settle()
        assert len(world.pods()) == 1 and await true_conditions(world) == []
        await world.api.patch(Job, "work", {"spec": {"suspend": True}}, namespace="default")
        await world.settle()
        assert world.pods() == [] and "failed" not in await status(world)


async def test_a_finished_job_goes_when_its_time_to_live_is_over() -> None:
    async with controllers(job.build, ttl_after_finished.build, garbage.build) as world:
        await world.api.create(Job, body(ttlSecondsAfterFinished=60))
        await world.settle()
        await finish(world, "Succeeded")
        await world.settle(59)
        assert len(world.api.server.store.trees(Job.RESOURCE)) == 1
        await world.settle(5)
        assert world.api.server.store.trees(Job.RESOURCE) == [] and world.pods() == []


# --- CronJob ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "after", "zone", "expected"),
    [
        ("*/15 * * * *", "2026-03-01T10:07:30Z", None, "2026-03-01T10:15:00Z"),
        ("0 9-17/4 * * mon-fri", "2026-03-06T18:00:00Z", None, "2026-03-09T09:00:00Z"),
        ("30 4 1,15 * 5", "2026-03-02T00:00:00Z", None, "2026-03-06T04:30:00Z"),
        ("@monthly", "2026-03-02T00:00:00Z", None, "2026-04-01T00:00:00Z"),
        ("0 6 * * *", "2026-07-01T00:00:00Z", "Europe/Berlin", "2026-07-01T04:00:00Z"),
        ("0 0 29 feb *", "2026-03-01T00:00:00Z", None, "2028-02-29T00:00:00Z"),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, after: str, zone: str | None, expected: str) -> None:
    found = parse_schedule(schedule).next_after(parse_time(after), find_zone(zone))
    assert found is not None and format_time(found) == expected


@pytest.mark.parametrize("schedule", ["", "* * * *", "60 * * * *", "* * * * mon-xyz", "*/0 * * * *", "5-1 * * * *"])
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_schedule(schedule)


def cron(**spec: Any) -> JSON:
    template = {"spec": {"completions": 1, "template": body()["spec"]["template"]}}
    return {
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {"schedule": "*/10 * * * *", "jobTemplate": template, **spec},
    }


def jobs(world: World) -> list[str]:
    return [one["metadata"]["name"] for one in world.api.server.store.trees(Job.RESOURCE)]


async def complete(world: World) -> None:
    for name in jobs(world):
        done = {"type": "Complete", "status": "True", "lastTransitionTime": format_time(world.clock.time())}
        ended = {"conditions": [done], "completionTime": format_time(world.clock.time())}
        await world.api.patch(Job, name, {"status": ended}, namespace="default", subresource="status")
    await world.settle()


async def test_a_cron_job_makes_a_job_at_each_time_and_keeps_a_few() -> None:
    async with controllers(cronjob.build) as world:
        await world.api.create(CronJob, cron(successfulJobsHistoryLimit=1))
        for _ in range(3):
            await world.settle(600)
            await complete(world)
        (name,) = jobs(world)
        found = (await world.api.get(CronJob, "tick", "default")).status
        assert found.last_schedule_time is not None and found.last_successful_time is not None
        assert name == f"tick-{int(parse_time(found.last_schedule_time)) // 60}" and not found.active
        assert sum(line.startswith("SuccessfulCreate Created job tick-") for line in world.events()) == 3


@pytest.mark.parametrize(("policy", "left"), [("Allow", 3), ("Forbid", 1), ("Replace", 1)])
async def test_concurrency_policies(policy: str, left: int) -> None:
    async with controllers(cronjob.build) as world:
        await world.api.create(CronJob, cron(concurrencyPolicy=policy))
        await world.settle(600)
        first = jobs(world)
        await world.settle(1200)
        assert len(jobs(world)) == left
        assert (jobs(world) == first) == (policy == "Forbid")


async def test_a_suspended_cron_job_makes_none_and_then_only_the_latest() -> None:
    async with controllers(cronjob.build) as world:
        await world.api.create(CronJob, cron(suspend=True))
        await world.settle(3600)
        assert jobs(world) == []
        await world.api.patch(CronJob, "tick", {"spec": {"suspend": False}}, namespace="default")
        await world.settle()
        assert len(jobs(world)) == 1
