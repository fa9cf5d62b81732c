"""Making sandboxes and containers run: everything that has to be in place first, then CRI, then the postStart hook."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Literal

from api.container import Container
from api.pod import Pod
from apimachinery.errors import ApiError
from kubelet.configs import (
    ContainerInputs,
    MountMissing,
    container_config,
    log_directory,
    sandbox_config,
)
from kubelet.context import Context
from kubelet.dns_config import pod_resolver
from kubelet.env import ConfigError, EnvInputs, environment, needed_objects
from kubelet.hooks import HookFailed, run_hook
from kubelet.hosts import hosts_file
from kubelet.images import ImageError
from kubelet.killer import Killer
from kubelet.pod_state import Sandbox
from kubelet.pods import Kind, find_container
from kubelet.security import NonRootViolation
from kubelet.volumes.base import VolumeError
from kubelet.volumes.manager import MountFailed
from kubelet.worker import Reason, StartContainer
from proto import cri_pb2 as pb


class StartRefused(Exception):
    """Why something waits instead of running. `retry_at` is when to try again, None for the usual pause."""

    def __init__(self, reason: Reason, retry_at: float | None = None) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.retry_at = retry_at


class Starter:
    """The acts of starting, for all pods of one kubelet."""

    def __init__(self, context: Context, killer: Killer) -> None:
        self._context = context
        self._killer = killer

    async def mount_volumes(self, pod: Pod) -> None:
        """Raises StartRefused, after telling why."""
        try:
            await self._context.volumes.mount(pod, ())
        except MountFailed as error:
            self._context.warning(pod, "FailedMount", str(error))
            raise StartRefused(Reason("ContainerCreating")) from None

    async def create_sandbox(self, pod: Pod, attempt: int) -> None:
        """Raises StartRefused."""
        context = self._context
        if attempt > 0:
            context.normal(pod, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
        try:
            self._make_log_directory(pod)
            async with context.starts:
                sandbox_id = await context.runtime.run_sandbox(
                    self._sandbox_config(pod, attempt), pod.spec.runtime_class_name
                )
            context.cache.created(sandbox_id)
            await context.cache.refresh_sandbox(sandbox_id)
        except (ApiError, OSError) as error:
            message = f"Failed to create pod sandbox: {error}"
            context.warning(pod, "FailedCreatePodSandBox", message)
            raise StartRefused(Reason("ContainerCreating")) from None

    async def start(self, pod: Pod, sandbox: Sandbox, action: StartContainer) -> None:
        """One container, from its image to its postStart hook. Raises StartRefused."""
        found = find_container(pod, action.name)
        if found is None:
            raise StartRefused(Reason("CreateContainerConfigError", f"container {action.name} is not in the pod"))
        kind, container = found
        config = self._sandbox_config(pod, sandbox.attempt)
        image = await self._image(pod, kind, container, config)
        container_id = await self._create(pod, kind, container, action.attempt, sandbox, config, image)
        await self._run(pod, kind, container, container_id, sandbox)
        await self._post_start(pod, kind, container, container_id, sandbox)

    # --- in order

    async def _image(self, pod: Pod, kind: Kind, container: Container, config: pb.PodSandboxConfig) -> pb.Image:
        def tell(type: str, reason: str, message: str) -> None:
            level: Literal["Normal", "Warning"] = "Normal" if type == "Normal" else "Warning"
            self._context.about(pod, kind, container, level, reason, message)

        try:
            return await self._context.images.ensure(pod, container, config, tell)
        except ImageError as error:
            tell("Warning", "Failed", f"Error: {error.reason}")
            raise StartRefused(Reason(error.reason, error.message), error.retry_at) from None

    async def _create(
        self,
        pod: Pod,
        kind: Kind,
        container: Container,
        attempt: int,
        sandbox: Sandbox,
        sandbox_config: pb.PodSandboxConfig,
        image: pb.Image,
    ) -> str:
        context = self._context
        try:
            given = ContainerInputs(
                attempt=attempt,
                env=await self._environment(pod, container, sandbox),
                volumes=context.volumes.mounted(pod.uid),
                image=image,
                hosts_file=self._hosts_file(pod, sandbox),
                message_file=self._message_file(pod, container),
                target_container_id=self._target(pod, container),
                sub_path=context.volumes.sub_path,
            )
            config = container_config(pod, kind, container, given, context.places)
        except (ConfigError, MountMissing, NonRootViolation, VolumeError, OSError) as error:
            raise self._failed(pod, kind, container, "CreateContainerConfigError", str(error)) from None
        try:
            async with context.starts:
                container_id = await context.runtime.create_container(sandbox.id, config, sandbox_config)
            context.cache.created(container_id)
            await context.cache.refresh_container(container_id, sandbox.id)
        except ApiError as error:
            raise self._failed(pod, kind, container, "CreateContainerError", error.message) from None
        context.about(pod, kind, container, "Normal", "Created", f"Created container: {container.name}")
        return container_id

    async def _run(self, pod: Pod, kind: Kind, container: Container, container_id: str, sandbox: Sandbox) -> None:
        context = self._context
        try:
            async with context.starts:
                await context.runtime.start_container(container_id)
        except ApiError as error:
            await context.cache.refresh_container(container_id, sandbox.id)
            if error.reason == "ServiceUnavailable":
                raise  # whether it has started nobody knows; the next look will
            context.cache.failed_start(container_id, error.message)
            raise self._failed(pod, kind, container, "RunContainerError", error.message) from None
        await context.cache.refresh_container(container_id, sandbox.id)
        context.about(pod, kind, container, "Normal", "Started", f"Started container {container.name}")

    async def _post_start(
        self, pod: Pod, kind: Kind, container: Container, container_id: str, sandbox: Sandbox
    ) -> None:
        hook = container.lifecycle.post_start if container.lifecycle else None
        if hook is None:
            return
        context = self._context
        ip = sandbox.ips[0] if sandbox.ips else context.node.ip
        try:
            await run_hook(hook, container, container_id, ip, context.runtime, context.clock)
        except HookFailed as error:
            context.about(pod, kind, container, "Warning", "FailedPostStartHook", f"PostStartHook failed: {error}")
            run = context.cache.get(pod.uid).latest(container.name)
            if run is not None:
                await self._killer.kill_container(pod, run, 0, "FailedPostStartHook")
            raise StartRefused(Reason("PostStartHookError", f"PostStartHook failed: {error}")) from None

    def _failed(self, pod: Pod, kind: Kind, container: Container, reason: str, message: str) -> StartRefused:
        self._context.about(pod, kind, container, "Warning", "Failed", f"Error: {message}")
        return StartRefused(Reason(reason, message))

    # --- inputs

    def _make_log_directory(self, pod: Pod) -> None:
        Path(log_directory(self._context.places, pod)).mkdir(parents=True, exist_ok=True)

    def _sandbox_config(self, pod: Pod, attempt: int) -> pb.PodSandboxConfig:
        context = self._context
        resolver = pod_resolver(pod, context.cluster_dns, context.places.cluster_domain, context.node_resolver)
        return sandbox_config(pod, attempt, resolver, context.places)

    async def _environment(self, pod: Pod, container: Container, sandbox: Sandbox) -> dict[str, str]:
        context = self._context
        try:
            needed = dict.fromkeys(needed_objects(container))
            objects = {ref: await context.objects.data(pod.namespace, ref, fresh=True) for ref in needed}
        except ApiError as error:
            raise ConfigError(error.message) from None
        ips = sandbox.ips or ((context.node.ip,) if pod.spec.host_network else ())
        links = pod.spec.enable_service_links is not False
        services = context.services(pod.namespace, links=links)
        return environment(pod, container, EnvInputs(context.node, ips, objects, services))

    def _hosts_file(self, pod: Pod, sandbox: Sandbox) -> Path:
        context = self._context
        path = context.pod_directory(pod.uid) / "etc-hosts"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = hosts_file(pod, sandbox.ips, context.places.cluster_domain, context.node_hosts)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(0o644)
        return path

    def _message_file(self, pod: Pod, container: Container) -> Path | None:
        """A new one for each run, writable by whatever user the container has."""
        if not container.termination_message_path:
            return None
        directory = self._context.pod_directory(pod.uid) / "containers" / container.name
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / uuid.uuid4().hex[:8]
        path.touch()
        path.chmod(0o666)
        return path

    def _target(self, pod: Pod, container: Container) -> str:
        """The running container whose processes a debugging container shall see."""
        name = getattr(container, "target_container_name", "")
        run = self._context.cache.get(pod.uid).latest(name) if name else None
        if name and (run is None or run.state != "running"):
            raise ConfigError(f'unable to find target container "{name}"')
        return run.id if run else ""
