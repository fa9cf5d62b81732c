"""Writes pod statuses: the newest of each pod, only when it differs from the API's, and at the end the last DELETE.

Each patch is bound to the uid and to the revision it was computed from: the API's lists are replaced whole, and
nobody else's condition may be lost that way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.pod import Pod, PodStatus
from apimachinery.errors import ApiError
from client.api import ApiClient
from client.controller import run_controller
from client.workqueue import WorkQueue
from kubelet.limits import STATUS_WRITES
from kubelet.status import status_patch
from wire.seams import Seams
from wire.trace import note

Render = Callable[[Pod], PodStatus]
"""The status as it should be, from the API's newest pod: pure, so that it can be computed again after a conflict."""


@dataclass
class _Record:
    pod: Pod
    render: Render
    delete: bool = False
    wanted: int = 0
    written: int = 0
    """Counts of what was asked for, and of the last that the API has; between them something is on its way."""


class StatusWriter:
    """`written(pod)` is called with what the API answered."""

    name = "pod-status"

    def __init__(self, api: ApiClient, seams: Seams, written: Callable[[Pod], None]) -> None:
        self._api = api
        self._seams = seams
        self._written = written
        self._records: dict[str, _Record] = {}
        self._queue = WorkQueue(seams.clock, "pod-status")

    async def run(self) -> None:
        await run_controller(self, self._queue, self._seams, workers=STATUS_WRITES)

    def set(self, pod: Pod, render: Render, *, delete: bool = False) -> None:
        """Have the pod's status be so; with `delete`, then delete it from the API for good."""
        record = self._records.get(pod.uid)
        if record is None:
            record = self._records[pod.uid] = _Record(pod, render)
        record.pod = newer(pod, record.pod)
        record.render = render
        record.wanted += 1
        record.delete = record.delete or delete
        if delete or status_patch(record.pod.status, render(record.pod)):
            self._queue.add(pod.uid)
        else:
            record.written = record.wanted

    def agrees(self, pod: Pod) -> bool:
        """Does the API have of this pod what was last wanted, or is that on its way?"""
        record = self._records.get(pod.uid)
        if record is None:
            return False
        return record.written != record.wanted or not status_patch(pod.status, record.render(pod))

    def rewound(self, pod: Pod) -> None:
        """What the API has of this pod now is older than what it had: etcd was restored."""
        record = self._records.get(pod.uid)
        if record is not None:
            record.pod = pod

    def forget(self, uid: str) -> None:
        self._records.pop(uid, None)

    async def reconcile(self, key: str) -> float | None:
        record = self._records.get(key)
        if record is None:
            return None
        note(object=record.pod.key)
        try:
            await self._write(record)
            if record.delete:
                await self._delete(record.pod)
        except ApiError as error:
            if error.code == 404 or await self._is_replaced(record, error):
                self._records.pop(key, None)
                return None
            raise
        return None

    async def _write(self, record: _Record) -> None:
        pod, wanted = record.pod, record.wanted
        patch = status_patch(pod.status, record.render(pod))
        note(decided=_told(pod, patch, delete=record.delete))
        if not patch:
            record.written = wanted
            return
        meta = {"uid": pod.uid, "resourceVersion": pod.metadata.resource_version}
        body = {"metadata": meta, "status": patch}
        answer = await self._api.patch(Pod, pod.name, body, namespace=pod.namespace, subresource="status")
        record.pod, record.written = newer(answer, record.pod), wanted
        if record.wanted != wanted:  # what was asked for meanwhile was compared with a state that is no more
            self._queue.add(pod.uid)
        self._written(answer)

    async def _delete(self, pod: Pod) -> None:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
        await self._api.delete(Pod, pod.name, namespace=pod.namespace, options=options)
        self._records.pop(pod.uid, None)

    async def _is_replaced(self, record: _Record, error: ApiError) -> bool:
        """After a conflict: take the newest revision and try again, unless the name belongs to another pod now."""
        if error.code != 409:
            return False
        refused = record.pod
        fresh = await self._api.get(Pod, refused.name, refused.namespace)
        if fresh.uid != refused.uid:
            return True
        record.pod = fresh if record.pod is refused else newer(fresh, record.pod)
        self._written(fresh)
        return False


def _told(pod: Pod, patch: dict[str, Any], *, delete: bool) -> str:
    """What is decided, for the trace."""
    phase = patch.get("phase", pod.status.phase)
    told = f"report {phase}: new {', '.join(sorted(patch))}" if patch else f"no change: {phase} is known"
    return f"{told}; then delete the pod for good" if delete else told


def newer(one: Pod, other: Pod) -> Pod:
    """Whichever has the higher revision; `one` if they are equal."""
    return one if int(one.metadata.resource_version or 0) >= int(other.metadata.resource_version or 0) else other
