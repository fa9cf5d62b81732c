"""What the outside is told: events, and the `PodScheduled` condition of pods that found no node."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from api.pod import Pod, condition
from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_time
from client.api import ApiClient, PatchType
from client.backoff import Backoff
from client.recorder import EventRecorder
from scheduler.limits import CONDITIONS_PER_BATCH
from wire import trace

_log = logging.getLogger(__name__)

UNSCHEDULABLE = "Unschedulable"
SCHEDULER_ERROR = "SchedulerError"
CONDITION = "PodScheduled"


@dataclass(frozen=True, slots=True)
class _Failure:
    pod: Pod
    patch: dict[str, Any]
    traceparent: str


class Reporter:
    """Events go out through the recorder, conditions through `run`: of each pod only the newest waits."""

    def __init__(self, api: ApiClient, recorder: EventRecorder, clock: Clock) -> None:
        self._api = api
        self._recorder = recorder
        self._clock = clock
        self._failures: dict[str, _Failure] = {}
        self._wake = asyncio.Event()

    def scheduled(self, pod: Pod, node: str) -> None:
        message = f"Successfully assigned {pod.key} to {node}"
        self._recorder.event(pod, "Normal", "Scheduled", message, action="Binding")

    def failed(self, pod: Pod, reason: str, message: str, *, nominated: str = "") -> None:
        """`reason` is the condition's: UNSCHEDULABLE or SCHEDULER_ERROR."""
        self._recorder.event(pod, "Warning", "FailedScheduling", message, action="Scheduling")
        if says_already(pod, reason, message) and (not nominated or nominated == pod.status.nominated_node_name):
            return
        patch = failure_patch(pod, reason, message, nominated, self._clock.time())
        self._failures[pod.uid] = _Failure(pod, patch, trace.current())
        self._wake.set()

    async def run(self) -> None:
        """Write conditions; never returns."""
        backoff = Backoff(self._clock, "write PodScheduled conditions", max_seconds=5.0)
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch = [self._failures.pop(uid) for uid in list(self._failures)[:CONDITIONS_PER_BATCH]]
            done = await asyncio.gather(*map(self._write, batch))
            if self._failures:
                self._wake.set()
            if all(done):
                backoff.reset()
            else:
                await backoff.wait()

    async def _write(self, failure: _Failure) -> bool:
        """False if the apiserver is away: then it waits for the next turn, unless newer news came meanwhile."""
        trace.attach(failure.traceparent)
        pod = failure.pod
        try:
            await self._api.patch_raw(
                Pod.RESOURCE,
                pod.name,
                failure.patch,
                namespace=pod.namespace,
                subresource="status",
                type=PatchType.STRATEGIC,
            )
        except ApiError as error:
            if error.code == 503:
                self._failures.setdefault(pod.uid, failure)
                self._wake.set()
                return False
            if error.code != 404:
                _log.warning("condition of pod %s not written: %s", pod.key, error.message)
        return True


def says_already(pod: Pod, reason: str, message: str) -> bool:
    found = condition(pod.status.conditions, CONDITION)
    return found is not None and (found.status, found.reason, found.message) == ("False", reason, message)


def failure_patch(pod: Pod, reason: str, message: str, nominated: str, now: float) -> dict[str, Any]:
    """A strategic merge patch: conditions merge by type. The uid guards against a pod of the same name."""
    found = condition(pod.status.conditions, CONDITION)
    since = found.last_transition_time if found is not None and found.status == "False" else None
    status: dict[str, Any] = {
        "conditions": [
            {
                "type": CONDITION,
                "status": "False",
                "reason": reason,
                "message": message,
                "lastProbeTime": None,
                "lastTransitionTime": since or format_time(now),
            }
        ]
    }
    if nominated:
        status["nominatedNodeName"] = nominated
    return {"metadata": {"uid": pod.uid}, "status": status}
