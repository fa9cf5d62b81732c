"""The sync loop: who has to be looked at, and when. One task per pod that has something to do, none for the others.

A pod is woken by the API (its spec changed), by the runtime (its containers did), by a probe's result, by a status
that somebody else wrote, or because its time has come. Passes over one pod never overlap; a deletion, or a shorter
grace, interrupts the pass under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from api.meta import ObjectMeta
from api.pod import Pod, is_terminal
from apimachinery.errors import ApiError
from client.informer import Event
from kubelet.context import Context
from kubelet.limits import SYNC_RETRY_MAX_SECONDS, SYNC_RETRY_SECONDS
from kubelet.pod_sync import PodSync, Progress
from kubelet.pods import grace_seconds
from kubelet.probes.prober import Prober
from kubelet.status import rejected_status
from kubelet.status_writer import StatusWriter, newer
from kubelet.worker import Reason, deadline
from wire.call_gate import working_on
from wire.rules import Subject

log = logging.getLogger(__name__)

Admit = Callable[[Pod, list[Pod]], tuple[str, str] | None]
"""Reason and message why the node will not run a pod beside those it runs already; None if it will."""


@dataclass
class _Work:
    """One pod's worker."""

    pod: Pod
    progress: Progress = field(default_factory=Progress)
    traceparent: str = ""
    gone: bool = False
    admitted: bool = False
    dirty: bool = False
    passing: bool = False
    interrupted: bool = False
    failures: int = 0
    task: asyncio.Task[None] | None = None
    timer: asyncio.Task[None] | None = None


class SyncLoop:
    """All workers of one kubelet. Give it events; run it in a TaskGroup."""

    def __init__(self, context: Context, passes: PodSync, prober: Prober, writer: StatusWriter, admit: Admit) -> None:
        self._context = context
        self._passes = passes
        self._prober = prober
        self._writer = writer
        self._admit = admit
        self._works: dict[str, _Work] = {}
        self._group: asyncio.TaskGroup | None = None
        self._ready = False

    async def run(self) -> None:
        """Host the workers; never returns."""
        async with asyncio.TaskGroup() as self._group:
            await asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        """The runtime and the API have both been listed: what is known can be acted on."""
        self._ready = True
        for uid in list(self._works):
            self.wake(uid)

    # --- who wakes whom

    def pod_event(self, event: Event[Pod]) -> None:
        """The informer's handler."""
        pod = event.object
        work = self._works.get(pod.uid)
        if work is None:
            if event.new is None:
                return
            work = self._works[pod.uid] = _Work(pod)
        work.gone = work.gone or event.new is None
        work.traceparent = event.traceparent or work.traceparent
        if _is_rewound(event):
            self._writer.rewound(pod)
            self._learn(work, pod, wake=True)
        else:
            self._learn(work, newer(pod, work.pod), wake=event.type != "MODIFIED")

    def _learn(self, work: _Work, pod: Pod, *, wake: bool = False) -> None:
        before, work.pod = work.pod, pod
        if work.gone or _ends_sooner(before, pod):
            self._interrupt(work)
        if wake or not self._is_echo(before, pod):
            self.wake(pod.uid)

    def _is_echo(self, before: Pod, after: Pod) -> bool:
        """Is the change nothing but our own status come back? Then there is nothing to look at."""
        return (
            before.spec == after.spec
            and _without_revision(before) == _without_revision(after)
            and is_terminal(before) == is_terminal(after)
            and deadline(before) == deadline(after)
            and self._writer.agrees(after)
        )

    def status_written(self, pod: Pod) -> None:
        """What the API answered may be newer than what the informer has yet told, which will then be no news any more:
        a deletion has to be seen here."""
        work = self._works.get(pod.uid)
        if work is not None:
            self._learn(work, newer(pod, work.pod))

    def wake(self, uid: str) -> None:
        work = self._works.get(uid)
        if work is None:
            return
        work.dirty = True
        if work.task is None and self._ready and self._group is not None:
            work.task = self._group.create_task(self._run(uid, work))

    def retry_now(self) -> None:
        """What stood in the way may be gone: who waits to try again need not wait on."""
        for uid, work in list(self._works.items()):
            if work.failures:
                self.wake(uid)

    def uids(self) -> set[str]:
        return set(self._works)

    def pods(self) -> list[Pod]:
        return [one.pod for one in self._works.values() if not one.gone]

    def find(self, namespace: str, name: str) -> Pod | None:
        return next((one for one in self.pods() if one.name == name and one.namespace == namespace), None)

    def fail(self, uid: str, reason: str, message: str) -> None:
        """End a pod from the node's side: eviction, shutdown."""
        work = self._works.get(uid)
        if work is not None and work.progress.failed is None:
            work.progress.failed = Reason(reason, message)
            self._interrupt(work)
            self.wake(uid)

    def explain(self, resource: str, namespace: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """An Explainer: the last pass over a pod, and its probes; or that nobody told of it."""
        if resource != "pods" or not namespace:
            return
        found = [one for one in self._works.items() if (one[1].pod.namespace, one[1].pod.name) == (namespace, name)]
        if not found:
            yield "unknown", {"pods": len(self._works), "listed": self._ready}
        for uid, work in found:
            progress, revision = work.progress, work.pod.metadata.resource_version
            yield (
                "sync",
                {
                    "uid": uid,
                    "revision": revision,
                    "decided": progress.decided,
                    "at": progress.looked_at,
                    "failures": work.failures,
                    "now": "being worked on" if work.task is not None else "waiting for something to change",
                    "wakes_at": self._wakes_at(work),
                },
            )
            for probe in self._prober.explain(uid):
                yield "probe", probe

    def _wakes_at(self, work: _Work) -> float | None:
        """When it is looked at again if nothing changes before."""
        why = f"sync pod {work.pod.key}"
        return min((one.deadline for one in self._context.clock.timers() if one.why == why), default=None)

    # --- a worker

    def _interrupt(self, work: _Work) -> None:
        """A pass not yet begun will see what is new by itself; a task cancelled before it begins would never run."""
        if work.task is not None and work.passing and not work.interrupted:
            work.interrupted = True
            work.task.cancel()

    async def _run(self, uid: str, work: _Work) -> None:
        working_on(Subject("Pod", work.pod.metadata.namespace, work.pod.metadata.name))
        try:
            while work.dirty:
                work.dirty = False
                if work.timer is not None:
                    work.timer.cancel()
                await self._guarded_pass(uid, work)
        finally:
            work.task = None

    async def _guarded_pass(self, uid: str, work: _Work) -> None:
        """One pass; what goes wrong in it costs a pause, never the worker."""
        work.passing = True
        try:
            with self._context.seams.tracer.span("sync pod", parent=work.traceparent, pod=work.pod.key):
                await self._pass(uid, work)
            work.failures = 0
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not work.interrupted or (task is not None and task.uncancel() > 0):
                raise
            work.dirty = True
        except ApiError as error:
            log.info("pod %s: %s", work.pod.key, error.message)
            self._retry(uid, work)
        except Exception:
            log.exception("pod %s: sync failed", work.pod.key)
            self._retry(uid, work)
        finally:
            work.passing = work.interrupted = False

    async def _pass(self, uid: str, work: _Work) -> None:
        if work.gone:
            await self._end(uid, work)
            return
        if not self._is_admitted(work):
            return
        state = self._context.cache.get(uid)
        pod = work.pod
        assert self._group is not None
        if pod.metadata.deletion_timestamp or work.progress.failed:
            self._prober.stop_liveness(uid)
        else:
            self._prober.sync(pod, state, self._group)
        result = await self._passes.run(pod, work.progress, self._prober.health(pod, state))
        if result.over:
            self._prober.stop(uid)
        work.dirty = work.dirty or result.again
        if result.recheck_at is not None:
            self._wake_at(uid, work, result.recheck_at)

    async def _end(self, uid: str, work: _Work) -> None:
        """The API has it no more: so must the node."""
        self._prober.stop(uid)
        grace = grace_seconds(work.pod) if work.pod.metadata.deletion_timestamp else 1
        await self._passes.kill(work.pod, grace)
        self._writer.forget(uid)
        self._works.pop(uid, None)
        if work.timer is not None:
            work.timer.cancel()

    def _is_admitted(self, work: _Work) -> bool:
        """Once decided it stays so; a pod that has containers here was admitted before a restart."""
        pod = work.pod
        if work.admitted or is_terminal(pod) or pod.metadata.deletion_timestamp or pod.status.start_time:
            work.admitted = True
            return True
        others = [
            one.pod
            for one in self._works.values()
            if one.admitted and not one.gone and not is_terminal(one.pod) and one is not work
        ]
        refusal = self._admit(pod, others)
        if refusal is None:
            work.admitted = True
            return True
        reason, message = refusal
        self._context.warning(pod, reason, message)
        now, ip = self._context.clock.time(), self._context.node.ip
        self._writer.set(pod, lambda newest: rejected_status(newest, reason, message, now, ip))
        return False

    # --- later

    def _retry(self, uid: str, work: _Work) -> None:
        pause = min(SYNC_RETRY_SECONDS * 2**work.failures, SYNC_RETRY_MAX_SECONDS)
        work.failures = min(work.failures + 1, 16)
        self._wake_at(uid, work, self._context.clock.time() + pause)

    def _wake_at(self, uid: str, work: _Work, when: float) -> None:
        assert self._group is not None
        if work.timer is not None:
            work.timer.cancel()
        work.timer = self._group.create_task(self._sleep(uid, when, work.pod.key))

    async def _sleep(self, uid: str, when: float, key: str) -> None:
        await self._context.clock.sleep_until(when, f"sync pod {key}")
        self.wake(uid)


def _without_revision(pod: Pod) -> ObjectMeta:
    return msgspec.structs.replace(pod.metadata, resource_version="")


def _is_rewound(event: Event[Pod]) -> bool:
    """Has etcd been restored to before what we knew? Else a pod's revisions only grow."""
    old, new = event.old, event.new
    return old is not None and new is not None and newer(old, new) is old


def _ends_sooner(before: Pod, after: Pod) -> bool:
    """Has it been deleted, or deleted again with less grace?"""
    if not after.metadata.deletion_timestamp:
        return False
    return not before.metadata.deletion_timestamp or grace_seconds(after) < grace_seconds(before)
