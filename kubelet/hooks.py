"""Lifecycle hooks: exec through the runtime, HTTP from here, or a sleep on the cluster's clock."""

from __future__ import annotations

from api.container import Container, LifecycleHandler
from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from kubelet.http_get import HttpFailed, action_url, get
from kubelet.runtime import CriRuntime


class HookFailed(Exception):
    """The hook ran and failed, or could not run."""


async def run_hook(
    hook: LifecycleHandler, container: Container, container_id: str, pod_ip: str, runtime: CriRuntime, clock: Clock
) -> None:
    """Raises HookFailed. How long it may take is the caller's business."""
    try:
        if hook.exec is not None:
            answer = await runtime.exec_sync(container_id, list(hook.exec.command), 0)
            if answer.exit_code != 0:
                output = (answer.stdout + answer.stderr).decode(errors="replace").strip()
                command = " ".join(hook.exec.command)
                raise HookFailed(f"command '{command}' exited with {answer.exit_code}: {output}")
        elif hook.http_get is not None:
            url = action_url(hook.http_get, container, pod_ip)
            await get(url, [(one.name, one.value) for one in hook.http_get.http_headers])
        elif hook.sleep is not None:
            await clock.sleep(float(hook.sleep.seconds), f"lifecycle hook of {container.name}")
        else:
            raise HookFailed("the hook has no handler that this kubelet knows (exec, httpGet, sleep)")
    except (ApiError, HttpFailed, ValueError) as error:
        raise HookFailed(str(error)) from None
