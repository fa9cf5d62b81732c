"""The scheduling loop: take a pod, decide, assume, and bind while the next one is being decided.

    queue --pop--> gate schedule:cycle --> decide (pure) --> assume --> [bind task: permit, pre-bind, gate, bind]
                                              └ no node: back to the queue, condition, event

Each cycle runs in a span whose parent is the write that made the pod, so that its bind belongs to the same trace.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable
from typing import Any

from apimachinery.resources import join_key
from scheduler.cache import Cache
from scheduler.decision import Decision, decide
from scheduler.explain import Decisions, describe, facts, summary
from scheduler.framework import SUCCESS, Action, ClusterEvent, Code, Status
from scheduler.limits import ASSUMED_CHECK_SECONDS, BINDINGS_IN_FLIGHT, DECISIONS_TOLD, LEFTOVER_CHECK_SECONDS
from scheduler.pod_info import PodInfo
from scheduler.profile import Profile
from scheduler.queue import SchedulingQueue, Waiting
from scheduler.report import SCHEDULER_ERROR, UNSCHEDULABLE, Reporter
from wire.gates import Describe, GateError, Subject, Verdict
from wire.seams import Seams

_log = logging.getLogger(__name__)


class Scheduler:
    """Owns nothing but the loop: what it knows is in `cache` and `queue`, what it said in `decisions`."""

    def __init__(
        self,
        seams: Seams,
        profile: Profile,
        cache: Cache,
        queue: SchedulingQueue,
        decisions: Decisions,
        reporter: Reporter,
        *,
        chooser: random.Random | None = None,
    ) -> None:
        self._seams = seams
        self._profile = profile
        self._cache = cache
        self._queue = queue
        self._decisions = decisions
        self._reporter = reporter
        self._chooser = chooser or random.Random()
        self._binding_slots = asyncio.Semaphore(BINDINGS_IN_FLIGHT)

    def explain(self, resource: str, namespace: str, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """An Explainer: the last decisions about a pod, and where it waits; or that nobody told of it."""
        if resource != "pods" or not namespace:
            return
        key = join_key(namespace, name)
        place = self._queue.place(key)
        if place:
            yield "scheduling queue", place
        elif not self._cache.knows(key):
            yield "unknown", {"waiting": len(self._queue), "placed": len(self._cache)}
        for decision in self._decisions.of_pod(key)[:DECISIONS_TOLD]:
            yield "decision", facts(decision)

    async def run(self) -> None:
        """Schedule until cancelled. What is cut short then goes back to the queue."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._flush_leftovers())
            group.create_task(self._expire_assumed())
            while True:
                waiting = await self._queue.pop()
                await self._schedule(waiting, group)
                await asyncio.sleep(0)  # binds and watch events get their turn between any two pods

    async def _schedule(self, waiting: Waiting, group: asyncio.TaskGroup) -> None:
        pod = waiting.info
        with self._seams.tracer.span("schedule", parent=waiting.traceparent, pod=pod.key) as span:
            try:
                refused = await self._gate("schedule:cycle", pod)
                if not refused.ok:
                    self._fail(waiting, refused)
                elif waiting.uid in self._queue:  # it may have been deleted while it was held at the gate
                    decision = self._decide(waiting.info)
                    span.attributes |= {"node": decision.node, "decided": summary(decision)}
                    await self._act(waiting, decision, group)
            except asyncio.CancelledError:
                self._queue.put_back(waiting)
                raise
            except Exception as error:  # noqa: BLE001 - a plugin's bug costs one pod its turn, not all pods the scheduler
                _log.exception("scheduling %s", pod.key)
                self._fail(waiting, Status(Code.ERROR, (f"{type(error).__name__}: {error}",)))

    def _decide(self, pod: PodInfo) -> Decision:
        decision = decide(pod, self._cache.nodes, self._profile, self._chooser, self._seams.clock.time())
        self._decisions.record(decision)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s", describe(decision))
        return decision

    async def _act(self, waiting: Waiting, decision: Decision, group: asyncio.TaskGroup) -> None:
        pod = waiting.info
        if not decision.node:
            self._queue.fail(waiting, decision.refused_by)
            self._reporter.failed(pod.pod, UNSCHEDULABLE, decision.status.message, nominated=decision.nominated)
            return
        self._cache.assume(pod, decision.node)
        status = self._reserve(pod, decision)
        if not status.ok:
            self._undo(pod, decision)
            self._fail(waiting, status)
            return
        try:
            await self._binding_slots.acquire()
        except asyncio.CancelledError:
            self._undo(pod, decision)
            raise
        group.create_task(self._bind(waiting, pod, decision))

    def _reserve(self, pod: PodInfo, decision: Decision) -> Status:
        for plugin in self._profile.reserve:
            status = plugin.reserve(decision.state, pod, decision.node)
            if not status.ok:
                return status
        return SUCCESS

    async def _bind(self, waiting: Waiting, pod: PodInfo, decision: Decision) -> None:
        """Runs beside the next cycles. Whatever ends it, the pod is either bound or back in the queue."""
        status = Status(Code.ERROR, ("binding was interrupted",))
        try:
            status = await self._binding_cycle(pod, decision)
        except asyncio.CancelledError:
            self._undo(pod, decision)
            self._queue.put_back(waiting)
            raise
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("binding %s", pod.key)
            status = Status(Code.ERROR, (f"{type(error).__name__}: {error}",))
        finally:
            self._binding_slots.release()
        if status.ok:
            self._bound(pod, decision)
        else:
            self._undo(pod, decision)
            # The room that it had taken is free again.
            self._queue.move_on(ClusterEvent("AssignedPod", Action.DELETE))
            self._fail(waiting, status)

    async def _binding_cycle(self, pod: PodInfo, decision: Decision) -> Status:
        for permit in self._profile.permit:
            status = await permit.permit(decision.state, pod, decision.node)
            if not status.ok:
                return status
        for pre_bind in self._profile.pre_bind:
            status = await pre_bind.pre_bind(decision.state, pod, decision.node)
            if not status.ok:
                return status
        refused = await self._gate("schedule:bind", pod, lambda: f"bind to {decision.node}")
        if not refused.ok:
            return refused
        for bind in self._profile.bind:
            status = await bind.bind(decision.state, pod, decision.node)
            if status.code is not Code.SKIP:
                return status
        return Status(Code.ERROR, ("no plugin binds this pod",))

    def _bound(self, pod: PodInfo, decision: Decision) -> None:
        self._cache.finish_binding(pod.uid)
        self._queue.done(pod.uid)
        self._reporter.scheduled(pod.pod, decision.node)
        for plugin in self._profile.post_bind:
            plugin.post_bind(decision.state, pod, decision.node)

    def _undo(self, pod: PodInfo, decision: Decision) -> None:
        for plugin in reversed(self._profile.reserve):
            plugin.unreserve(decision.state, pod, decision.node)
        self._cache.forget(pod.uid)

    def _fail(self, waiting: Waiting, status: Status) -> None:
        """An error, or the refusal of a later step. A pod that is gone or bound meanwhile needs no report."""
        if waiting.uid not in self._queue:
            return
        self._queue.fail(waiting, () if status.code is Code.ERROR else (status.plugin,))
        reason = SCHEDULER_ERROR if status.code is Code.ERROR else UNSCHEDULABLE
        self._reporter.failed(waiting.info.pod, reason, status.message)

    async def _gate(self, edge: str, pod: PodInfo, describe: Describe | None = None) -> Status:
        """A step that is dropped or failed here is an error of that step, and is tried again."""
        subject = Subject("Pod", pod.pod.namespace, pod.pod.name)
        try:
            verdict = await self._seams.gates.pass_through(edge, subject, describe)
        except GateError as error:
            return Status(Code.ERROR, (str(error),))
        return Status(Code.ERROR, (f"dropped at {edge}",)) if verdict is Verdict.DROP else SUCCESS

    async def _flush_leftovers(self) -> None:
        while True:
            await self._seams.clock.sleep(LEFTOVER_CHECK_SECONDS, "scheduler: look for pods left over")
            self._queue.flush_leftovers()

    async def _expire_assumed(self) -> None:
        while True:
            await self._seams.clock.sleep(ASSUMED_CHECK_SECONDS, "scheduler: look for unconfirmed pods")
            for pod in self._cache.expire():
                _log.warning("pod %s was bound, but the watch never showed it: forgotten", pod.key)
                self._queue.move_on(ClusterEvent("AssignedPod", Action.DELETE))
