"""One pass over one pod: look, decide, publish, act. The loop around it is `sync`."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field

from api.pod import Pod, PodStatus
from apimachinery.errors import ApiError
from kubelet.backoff import Backoff
from kubelet.configs import spec_hash
from kubelet.container_status import StatusView
from kubelet.context import Context
from kubelet.killer import Killer
from kubelet.messages import Messages
from kubelet.pod_state import PodState
from kubelet.pods import containers, full_name, grace_seconds
from kubelet.probes.prober import Health, Prober
from kubelet.starter import Starter, StartRefused
from kubelet.status import pod_status
from kubelet.status_writer import Render, StatusWriter
from kubelet.worker import (
    Action,
    CreateSandbox,
    KillPod,
    Observed,
    PodActions,
    Reason,
    RemoveContainer,
    RemoveSandbox,
    StartContainer,
    StopContainer,
    backoff_key,
    decide,
    is_initialized,
)
from wire.trace import note


@dataclass
class Progress:
    """What is remembered of a pod between passes. `refused` is by container name; "" stands for all of them."""

    failed: Reason | None = None
    refused: dict[str, Reason] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    published: bool = False
    decided: str = ""
    looked_at: float = 0.0
    """What the last pass decided, and when, on the cluster's clock."""


@dataclass(frozen=True, slots=True)
class PassResult:
    """`again`: something was done, look at once. `recheck_at`: look then. `over`: nothing is left to do, ever."""

    again: bool = False
    recheck_at: float | None = None
    over: bool = False


class PodSync:
    """The passes of one kubelet's pods."""

    def __init__(self, context: Context, writer: StatusWriter, prober: Prober) -> None:
        self._context = context
        self._writer = writer
        self._prober = prober
        self.killer = Killer(context)
        self._starter = Starter(context, self.killer)
        self._messages = Messages()
        self._backoff = Backoff()

    async def run(self, pod: Pod, progress: Progress, health: Health) -> PassResult:
        """Raises ApiError when the runtime or the API refuses: try again later."""
        context = self._context
        state = context.cache.get(pod.uid)
        decision = decide(pod, self._observe(pod, state, progress, health))
        progress.failed = progress.failed or decision.failed
        self._tell_backoffs(pod, progress, decision)
        progress.decided, progress.looked_at = told(decision), context.clock.time()
        note(decided=progress.decided)
        if decision.finished:
            await self._finish(pod, state, progress, health, decision)
            return PassResult(over=True)
        if not progress.published or not _goes_on(decision):
            self.publish(pod, state, progress, health, decision)
        return await self._act(pod, progress, decision)

    def publish(
        self,
        pod: Pod,
        state: PodState,
        progress: Progress,
        health: Health,
        decision: PodActions,
        *,
        delete: bool = False,
    ) -> None:
        progress.published = True
        self._writer.set(pod, self._render(pod, state, progress, health, decision), delete=delete)

    async def kill(self, pod: Pod, grace: int) -> None:
        """End all of a pod that the API no longer has, and remove it from the runtime."""
        state = self._context.cache.get(pod.uid)
        if state.is_alive:
            await self.killer.kill_pod(pod, state, grace)
        await self.remove(pod.uid)

    async def remove(self, uid: str) -> None:
        """Take a dead pod's remains out of the runtime and off the node."""
        context = self._context
        state = context.cache.get(uid)
        for sandbox in state.sandboxes:
            await context.runtime.remove_sandbox(sandbox.id)
        for run in state.instances:
            if run.sandbox_id not in {one.id for one in state.sandboxes}:
                await context.runtime.remove_container(run.id)
        ids = {one.id for one in state.instances}
        for one in (*ids, *(one.id for one in state.sandboxes)):
            context.cache.forget(one)
        self._messages.forget(ids)
        self.killer.forget(ids)
        self._backoff.forget(uid)
        context.images.forget(uid)
        await context.volumes.unmount(uid)
        if state.name:
            logs = context.places.log_root / f"{state.namespace}_{state.name}_{uid}"
            await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)

    # --- look

    def _observe(self, pod: Pod, state: PodState, progress: Progress, health: Health) -> Observed:
        return Observed(
            state=state,
            now=self._context.clock.time(),
            backoff=self._backoff,
            started=health.started,
            unhealthy=health.unhealthy,
            exits=self._context.cache.exits,
            spec_hashes={one.name: spec_hash(one) for _, one in containers(pod)},
            failed=progress.failed,
        )

    def _render(self, pod: Pod, state: PodState, progress: Progress, health: Health, decision: PodActions) -> Render:
        waiting = {one.name: progress.refused[""] for _, one in containers(pod)} if "" in progress.refused else {}
        view = StatusView(
            state=state,
            now=self._context.clock.time(),
            host_ip=self._context.node.ip,
            runtime_name=self._context.facts.name,
            initialized=is_initialized(pod, state, health.started),
            over=decision.finished,
            failed=progress.failed,
            started=health.started,
            ready=health.ready,
            waiting={**waiting, **progress.refused, **decision.waiting},
            messages=self._messages.of(state),
        )

        def render(newest: Pod) -> PodStatus:
            return pod_status(newest, view)

        return render

    def _tell_backoffs(self, pod: Pod, progress: Progress, decision: PodActions) -> None:
        """Once per pause, not once per look."""
        for kind, container in containers(pod):
            reason = decision.waiting.get(container.name)
            if reason is None:
                progress.told.pop(container.name, None)
            elif progress.told.get(container.name) != reason.message:
                progress.told[container.name] = reason.message
                message = f"Back-off restarting failed container {container.name} in pod {full_name(pod)}"
                self._context.about(pod, kind, container, "Warning", "BackOff", message)

    # --- act

    async def _finish(
        self, pod: Pod, state: PodState, progress: Progress, health: Health, decision: PodActions
    ) -> None:
        """Nothing runs and nothing will: last status, volumes away, and the pod out of the API if it was deleted."""
        deleted = pod.metadata.deletion_timestamp is not None
        self._messages.of(state)  # read before the directory that holds them goes
        if not deleted:
            self.publish(pod, state, progress, health, decision)
        await self._context.volumes.unmount(pod.uid)
        if deleted:
            self.publish(pod, state, progress, health, decision, delete=True)
        for action in decision.actions:
            await self._perform(pod, progress, action)

    async def _act(self, pod: Pod, progress: Progress, decision: PodActions) -> PassResult:
        recheck = [] if decision.recheck_at is None else [decision.recheck_at]
        done = False
        refused: StartRefused | None = None
        progress.refused.clear()
        for action in decision.actions:
            try:
                await self._perform(pod, progress, action)
                done = True
            except StartRefused as error:
                name = action.name if isinstance(action, StartContainer) else ""
                progress.refused[name] = error.reason
                if error.retry_at is None:
                    refused = error
                else:
                    recheck.append(error.retry_at)
        if progress.refused:
            await self._show_refusals(pod, progress, decision)
        if refused is not None:
            raise ApiError("InternalError", f"{refused.reason.reason}: {refused.reason.message}")
        return PassResult(again=done and not progress.refused, recheck_at=min(recheck, default=None))

    async def _show_refusals(self, pod: Pod, progress: Progress, decision: PodActions) -> None:
        state = self._context.cache.get(pod.uid)
        self.publish(pod, state, progress, self._prober.health(pod, state), decision)

    async def _perform(self, pod: Pod, progress: Progress, action: Action) -> None:
        context = self._context
        if isinstance(action, CreateSandbox):
            await self._starter.mount_volumes(pod)
            await self._starter.create_sandbox(pod, action.attempt)
        elif isinstance(action, StartContainer):
            await self._start(pod, action)
        elif isinstance(action, StopContainer):
            run = next((one for one in context.cache.get(pod.uid).instances if one.id == action.id), None)
            if run is not None:
                grace = grace_seconds(pod) if action.grace is None else action.grace
                await self.killer.kill_container(pod, run, grace, action.message)
        elif isinstance(action, KillPod):
            await self.killer.kill_pod(pod, context.cache.get(pod.uid), action.grace)
        elif isinstance(action, RemoveContainer):
            await context.runtime.remove_container(action.id)
            self._forget(action.id)
        elif isinstance(action, RemoveSandbox):
            await context.runtime.remove_sandbox(action.id)
            self._forget(action.id)

    async def _start(self, pod: Pod, action: StartContainer) -> None:
        context = self._context
        sandbox = context.cache.get(pod.uid).sandbox
        if sandbox is None or not sandbox.ready:
            return  # lost since the decision; the next look sees to it
        # A restarted kubelet has containers but knows of no mounts yet.
        await self._starter.mount_volumes(pod)
        container = next(one for _, one in containers(pod) if one.name == action.name)
        if action.retry_of is not None:
            self._backoff.advance(backoff_key(pod, container), action.retry_of, context.clock.time())
        await self._starter.start(pod, sandbox, action)

    def _forget(self, one_id: str) -> None:
        self._context.cache.forget(one_id)
        self._messages.forget({one_id})
        self.killer.forget({one_id})


def told(decision: PodActions) -> str:
    """One line for whoever follows the trace: what is done now, who waits and why."""
    done = [" ".join(filter(None, (type(one).__name__, getattr(one, "name", "")))) for one in decision.actions]
    waits = [f"{name} waits: {one.reason}" for name, one in decision.waiting.items()]
    ends = [f"fails: {decision.failed.reason}"] if decision.failed else []
    return (
        "; ".join([*done, *waits, *ends, *(["nothing more, ever"] if decision.finished else [])])
        or "all as it should be"
    )


def _goes_on(decision: PodActions) -> bool:
    """Is the decision one that the next pass, at once, builds on? Then its status need not be written."""
    starting = (CreateSandbox, StartContainer)
    return bool(decision.actions) and all(isinstance(one, starting) for one in decision.actions)
