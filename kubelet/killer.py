"""Ending containers and pods gracefully: preStop hooks, the remaining grace, sidecars last and in reverse order."""

from __future__ import annotations

import asyncio

from api.container import Container
from api.pod import Pod
from apimachinery.errors import ApiError
from kubelet.context import Context
from kubelet.hooks import HookFailed, run_hook
from kubelet.limits import MINIMUM_GRACE_AFTER_HOOK_SECONDS
from kubelet.pod_state import Instance, PodState
from kubelet.pods import Kind, find_container, is_sidecar


class Killer:
    """Remembers which runs were told to end and had their hook, because an ending may be cut short and begun again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._announced: set[str] = set()
        self._hooked: set[str] = set()

    async def kill_pod(self, pod: Pod, state: PodState, grace: int) -> None:
        """Stop all containers, then the sandbox. Raises ApiError if the runtime refuses something."""
        context = self._context
        deadline = context.clock.time() + grace
        sidecars = [one.name for one in pod.spec.init_containers if is_sidecar(one)]
        first = (self.kill_container(pod, run, grace) for run in state.running if run.name not in sidecars)
        for outcome in await asyncio.gather(*first, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        for name in reversed(sidecars):
            for run in (one for one in state.running if one.name == name):
                left = int(max(0.0, deadline - context.clock.time()))
                await self.kill_container(pod, run, left if grace else 0)
        for sandbox in state.sandboxes:
            if sandbox.ready:
                await context.runtime.stop_sandbox(sandbox.id)
                await self._see_sandbox(sandbox.id)

    async def kill_container(self, pod: Pod, run: Instance, grace: int, message: str = "") -> None:
        """Hook, then SIGTERM, then SIGKILL when the grace is over. Raises ApiError."""
        found = find_container(pod, run.name)
        self._announce(pod, run, found, message or f"Stopping container {run.name}")
        if found is not None and grace > 0 and run.id not in self._hooked:
            grace = await self._pre_stop(pod, found[1], found[0], run, grace)
        await self._context.runtime.stop_container(run.id, grace)
        try:
            await self._context.cache.refresh_container(run.id, run.sandbox_id)
        except ApiError as error:
            if error.code != 404:
                raise
            self._context.cache.forget(run.id)

    def forget(self, run_ids: set[str]) -> None:
        self._announced -= run_ids
        self._hooked -= run_ids

    def _announce(self, pod: Pod, run: Instance, found: tuple[Kind, Container] | None, message: str) -> None:
        if run.id in self._announced:
            return
        self._announced.add(run.id)
        if found is not None:
            self._context.about(pod, found[0], found[1], "Normal", "Killing", message)

    async def _pre_stop(self, pod: Pod, container: Container, kind: Kind, run: Instance, grace: int) -> int:
        """Run the hook within the grace; gives what is left of it."""
        hook = container.lifecycle.pre_stop if container.lifecycle else None
        if hook is None:
            return grace
        context = self._context
        began = context.clock.time()
        self._hooked.add(run.id)
        try:
            async with context.clock.timeout(float(grace), f"preStop hook of {container.name}"):
                sandbox = context.cache.get(pod.uid).sandbox
                ip = sandbox.ips[0] if sandbox and sandbox.ips else context.node.ip
                await run_hook(hook, container, run.id, ip, context.runtime, context.clock)
        except TimeoutError:
            context.about(pod, kind, container, "Warning", "FailedPreStopHook", "PreStopHook timed out")
        except HookFailed as error:
            context.about(pod, kind, container, "Warning", "FailedPreStopHook", f"PreStopHook failed: {error}")
        spent = int(context.clock.time() - began)
        return max(grace - spent, MINIMUM_GRACE_AFTER_HOOK_SECONDS)

    async def _see_sandbox(self, sandbox_id: str) -> None:
        try:
            await self._context.cache.refresh_sandbox(sandbox_id)
        except ApiError as error:
            if error.code != 404:
                raise
            self._context.cache.forget(sandbox_id)
