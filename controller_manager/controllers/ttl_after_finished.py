"""TTL after finished: deletes Jobs some time after they are over (KEP-592).

Watches: Jobs. Owns: nothing. Writes: deletes finished Jobs whose `ttlSecondsAfterFinished` has run out.
Invariant: the Job is judged by a fresh read, so one whose TTL was just raised stays.
"""

from __future__ import annotations

from api.batch import Job
from apimachinery.errors import ApiError
from apimachinery.timestamps import parse_time
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.decisions import decide, wait


def expires_at(job: Job) -> float | None:
    """Unix seconds; None for a Job that is not over or may stay."""
    ends = [one for one in job.status.conditions if one.type in ("Complete", "Failed") and one.status == "True"]
    if job.spec.ttl_seconds_after_finished is None or not ends or not ends[0].last_transition_time:
        return None
    return parse_time(ends[0].last_transition_time) + job.spec.ttl_seconds_after_finished


class TtlAfterFinishedController:
    name = "ttl-after-finished"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._jobs = context.informers.get(Job)
        self.queue = context.queue(self.name)
        self._jobs.add_handler(self._on_job)

    def _on_job(self, event: Event[Job]) -> None:
        if event.new is not None and expires_at(event.new) is not None:
            self.queue.add(event.new.key)

    async def reconcile(self, key: str) -> float | None:
        job = self._jobs.get(key)
        left = self._left(job)
        if job is None or left is None or left > 0:
            decide(wait(left) if left is not None else "", why="it may stay" if left is None else "its TTL runs")
            return left
        decide("delete", why="its TTL has run out")
        try:
            fresh = await self._api.get(Job, job.name, job.namespace)
            left = self._left(fresh)
            if left is None or left > 0 or fresh.uid != job.uid:
                return left
            options = {"preconditions": {"uid": job.uid}, "propagationPolicy": "Foreground"}
            await self._api.delete(Job, job.name, namespace=job.namespace, options=options)
        except ApiError as error:
            if error.code != 404:
                raise
        return None

    def _left(self, job: Job | None) -> float | None:
        if job is None or job.metadata.deletion_timestamp is not None:
            return None
        at = expires_at(job)
        return None if at is None else at - self._clock.time()


def build(context: Context) -> Managed:
    controller = TtlAfterFinishedController(context)
    return Managed(controller, controller.queue, workers=1)
