"""The simulated runtime. It holds on to nothing global: a process may have thousands of them.

A container that ends by itself or writes over time has one task, waiting on the cluster's clock; all others cost their
record only. What was running when the process ended goes on as if it had not: what should have ended meanwhile has.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from apimachinery.errors import ApiError
from cri.addresses import AddressPool
from cri.backend import Command, Session
from cri.from_config import container_name, container_record, sandbox_record
from cri.limits import SIM_CONTAINERS, SIM_RETRY_SECONDS
from cri.log_file import LogFile
from cri.records import (
    START_ERROR,
    START_ERROR_CODE,
    Condition,
    Container,
    NetworkUsage,
    Sandbox,
    State,
    Usage,
    exit_reason,
)
from cri.sim.checkpoint import Checkpoint
from cri.sim.images import SimImages
from cri.sim.life import write_lines, write_rest
from cri.sim.profile import Profile, profile
from cri.sim.session import AttachSession, ExecSession
from cri.store import Store
from proto import cri_pb2 as pb
from wire.debug import VERSION
from wire.seams import Seams

log = logging.getLogger(__name__)

_HOST_NETWORK = 2
_SIGTERM_CODE = 143
_SIGKILL_CODE = 137


class SimBackend:
    """Implements `cri.backend.RuntimeBackend`."""

    name = "orrery-sim"

    def __init__(self, state_dir: Path, log_root: Path, seams: Seams, *, node_ip: str = "") -> None:
        self._seams = seams
        self._clock = seams.clock
        self._log_root = log_root
        self._node_ip = node_ip
        self._addresses = AddressPool()
        self._checkpoint = Checkpoint(state_dir / "sim")
        self._sandbox_configs: dict[str, pb.PodSandboxConfig] = {}
        self._configs: dict[str, pb.ContainerConfig] = {}
        self._profiles: dict[str, Profile] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.store = Store(self._now)
        self.images = SimImages(self._checkpoint, seams)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                self._recover()
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None
                for life in self._lives.values():
                    life.cancel()

    async def version(self) -> str:
        return VERSION

    def conditions(self) -> tuple[Condition, Condition]:
        ready = Condition(self._group is not None, "" if self._group else "Starting")
        if self._addresses.cidr:
            return ready, Condition(True)
        return ready, Condition(False, "NoPodCIDR", "network is not ready: the node has no pod CIDR yet")

    def require_ready(self) -> None:
        if self._group is None:
            raise ApiError("ServiceUnavailable", "the simulated runtime does not run yet")

    def set_pod_cidr(self, cidr: str) -> None:
        self._addresses.set_cidr(cidr)

    # --- sandboxes

    async def run_sandbox(self, config: pb.PodSandboxConfig, handler: str) -> str:
        meta = config.metadata
        sandbox_id = _id("sandbox", meta.uid, str(meta.attempt))
        if sandbox_id in self.store.sandboxes:
            raise ApiError("AlreadyExists", f'sandbox of pod "{meta.namespace}/{meta.name}" exists: {sandbox_id}')
        sandbox = sandbox_record(sandbox_id, config, handler)
        ip = self._node_ip if sandbox.namespaces.network == _HOST_NETWORK else self._addresses.take(sandbox_id)
        sandbox = replace(sandbox, ip=ip, created_at=self._now())
        self._sandbox_configs[sandbox_id] = config
        self._put_sandbox(sandbox)
        return sandbox_id

    async def stop_sandbox(self, sandbox: Sandbox) -> None:
        self._addresses.release(sandbox.ip, sandbox.id)
        self._put_sandbox(replace(self.store.sandboxes.get(sandbox.id, sandbox), ready=False))

    async def remove_sandbox(self, sandbox: Sandbox) -> None:
        self._addresses.release(sandbox.ip, sandbox.id)
        self._sandbox_configs.pop(sandbox.id, None)
        self._checkpoint.drop(sandbox.id)
        self.store.drop_sandbox(sandbox.id)

    # --- containers

    async def create_container(self, sandbox: Sandbox, config: pb.ContainerConfig) -> str:
        if len(self.store.containers) >= SIM_CONTAINERS:
            raise ApiError("TooManyRequests", f"{SIM_CONTAINERS} containers are here already")
        image = await self.images.get(config.image.image)
        if image is None:
            raise ApiError("NotFound", f'failed to get image from containerd "{config.image.image}": not found')
        name = container_name(sandbox, config.metadata.name, config.metadata.attempt)
        container_id = _id(name)
        if container_id in self.store.containers:
            raise ApiError("AlreadyExists", f'name "{name}" is in use by container {container_id}')
        behaviour = profile(sandbox.annotations, config)
        container = container_record(container_id, sandbox, config, image.id, self._log_root)
        self._configs[container_id] = config
        self._profiles[container_id] = behaviour
        self._put(replace(container, created_at=self._now()))
        return container_id

    async def start_container(self, container: Container) -> None:
        behaviour = self._profiles[container.id]
        await self._clock.sleep(behaviour.start_delay, f"start of {container.name}")
        current = self.store.containers.get(container.id)
        if current is None or current.state is not State.CREATED:
            raise ApiError("Conflict", f'container "{container.id}" was removed or started meanwhile')
        if behaviour.start_error:
            self._end(current, START_ERROR_CODE, START_ERROR, behaviour.start_error)
            raise ApiError("InternalError", f"failed to start container: {behaviour.start_error}")
        running = replace(current, state=State.RUNNING, started_at=self._now())
        self._put(running)
        self._begin(running)

    async def stop_container(self, container: Container, grace_seconds: float) -> None:
        delay = self._profiles[container.id].stop_delay
        await self._clock.sleep(min(delay, grace_seconds), f"stop of {container.name}")
        current = self.store.containers.get(container.id)
        if current is not None and current.state is State.RUNNING:
            code = _SIGTERM_CODE if grace_seconds > 0 and delay <= grace_seconds else _SIGKILL_CODE
            self._end(current, code, exit_reason(code, False))

    async def remove_container(self, container: Container) -> None:
        self._cancel_life(container.id)
        self._configs.pop(container.id, None)
        self._profiles.pop(container.id, None)
        self._checkpoint.drop(container.id)
        self.store.drop_container(container.id)

    async def update_resources(self, container: Container, resources: pb.LinuxContainerResources) -> None:
        config = self._configs[container.id]
        config.linux.resources.MergeFrom(resources)
        self._put(replace(container, resources=config.linux.resources))

    async def reopen_log(self, container: Container) -> None:
        return  # every line opens the file anew

    @asynccontextmanager
    async def exec(self, container: Container, command: Command) -> AsyncIterator[Session]:
        yield ExecSession(container, command, self._profiles[container.id], self._clock)

    @asynccontextmanager
    async def attach(self, container: Container, *, stdin: bool) -> AsyncIterator[Session]:
        yield AttachSession(lambda: self.store.wait_exited(container.id))

    async def connect(self, sandbox: Sandbox, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raise ApiError("ServiceUnavailable", f"pod {sandbox.name} is simulated: nothing listens on port {port}")

    async def usage(self, containers: Sequence[Container]) -> list[Usage]:
        now = self._now()
        return [self._usage(one, now) for one in containers if one.state is State.RUNNING]

    async def network_usage(self, sandbox: Sandbox) -> NetworkUsage:
        return NetworkUsage()

    def _usage(self, container: Container, now: int) -> Usage:
        behaviour = self._profiles[container.id]
        memory = behaviour.memory_bytes
        cpu = int((now - container.started_at) * behaviour.cpu_cores)
        return Usage(container.id, now, cpu, memory, memory, memory, process_count=1)

    # --- lives

    def _begin(self, container: Container) -> None:
        """A task, if anything is going to happen by itself."""
        behaviour = self._profiles[container.id]
        if behaviour.plan.run_seconds is not None:
            self._spawn(container.id, lambda: self._live(container, behaviour))
        if behaviour.plan.lines and container.log_path:
            self._spawn(f"{container.id}.log", lambda: self._log(container, behaviour))

    async def _live(self, container: Container, behaviour: Profile) -> None:
        assert behaviour.plan.run_seconds is not None
        end = container.started_at / 1e9 + behaviour.plan.run_seconds
        await self._clock.sleep_until(end, f"{container.name} runs")
        current = self.store.containers.get(container.id)
        if current is not None and current.state is State.RUNNING:
            code = behaviour.plan.exit_code
            self._end(
                current, code, exit_reason(code, behaviour.oom_killed), at=max(int(end * 1e9), current.started_at)
            )

    async def _log(self, container: Container, behaviour: Profile) -> None:
        await write_lines(LogFile(Path(container.log_path)), container.started_at, behaviour, self._clock)

    def _end(self, container: Container, code: int, reason: str, message: str = "", *, at: int = 0) -> None:
        finished = at or self._now()
        self._cancel_life(container.id)
        if container.log_path and container.started_at:
            write_rest(LogFile(Path(container.log_path)), container.started_at, self._profiles[container.id], finished)
        self._put(
            replace(container, state=State.EXITED, finished_at=finished, exit_code=code, reason=reason, message=message)
        )

    def _spawn(self, name: str, live: Callable[[], Awaitable[None]]) -> None:
        assert self._group is not None
        task = self._group.create_task(_patiently(live))
        self._lives[name] = task
        task.add_done_callback(lambda done: self._lives.pop(name, None) if self._lives.get(name) is done else None)

    def _cancel_life(self, container_id: str) -> None:
        for name in (container_id, f"{container_id}.log"):
            task = self._lives.pop(name, None)
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    # --- bookkeeping

    def _put(self, container: Container) -> None:
        self._checkpoint.save_container(container, self._configs[container.id])
        self.store.put_container(container)

    def _put_sandbox(self, sandbox: Sandbox) -> None:
        self._checkpoint.save_sandbox(sandbox, self._sandbox_configs[sandbox.id])
        self.store.put_sandbox(sandbox)

    def _recover(self) -> None:
        self.images.load()
        for sandbox_id, fields, sandbox_config in self._checkpoint.sandboxes():
            sandbox = replace(sandbox_record(sandbox_id, sandbox_config, fields.pop("runtime_handler")), **fields)
            self._sandbox_configs[sandbox_id] = sandbox_config
            if sandbox.ready and sandbox.ip != self._node_ip:
                self._addresses.claim(sandbox.ip, sandbox_id)
            self.store.put_sandbox(sandbox)
        for container_id, sandbox_id, fields, config in self._checkpoint.containers():
            self._recover_container(container_id, sandbox_id, fields, config)

    def _recover_container(
        self, container_id: str, sandbox_id: str, fields: dict[str, Any], config: pb.ContainerConfig
    ) -> None:
        sandbox = self.store.sandboxes.get(sandbox_id)
        if sandbox is None:
            self._checkpoint.drop(container_id)
            return
        image_id = fields.pop("image_id")
        container = replace(container_record(container_id, sandbox, config, image_id, self._log_root), **fields)
        self._configs[container_id] = config
        self._profiles[container_id] = profile(sandbox.annotations, config)
        self.store.put_container(container)
        if container.state is State.RUNNING:
            self._begin(container)

    def _now(self) -> int:
        return int(self._clock.time() * 1e9)


def _id(*parts: str) -> str:
    """The same for the same pod and attempt, so that a run with the same seed is the same run."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


async def _patiently(live: Callable[[], Awaitable[None]]) -> None:
    """A full disk holds a simulated life up, and ends nothing; it goes on when there is room."""
    while True:
        try:
            return await live()
        except OSError as error:
            log.warning("a simulated container waits: %s: %s", error.strerror, error.filename)
        await asyncio.sleep(SIM_RETRY_SECONDS)
