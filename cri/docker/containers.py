"""Containers of pods, and the copying of their logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from apimachinery.errors import ApiError
from apimachinery.patience import patience
from cri.docker.container_body import container_body, resources
from cri.docker.engine import Engine
from cri.docker.identity import container_labels, container_of_labels, start_failure
from cri.docker.images import DockerImages
from cri.docker.log_follower import LogFollower
from cri.docker.sandbox_body import NodeSettings
from cri.docker.sandboxes import remove_container
from cri.docker.times import EngineTime
from cri.from_config import container_name, container_record
from cri.limits import KILL_WAIT_SECONDS, LOG_DRAIN_SECONDS
from cri.records import Container, Sandbox, State, exit_reason
from cri.store import Store
from proto import cri_pb2 as pb
from wire.seams import Seams

log = logging.getLogger(__name__)

_DEFAULT_STOP_SIGNAL = "SIGTERM"

_UPDATABLE = {
    "CpuShares": "cpu_shares",
    "CpuQuota": "cpu_quota",
    "CpuPeriod": "cpu_period",
    "Memory": "mem_limit",
    "MemorySwap": "memswap_limit",
    "CpusetCpus": "cpuset_cpus",
    "CpusetMems": "cpuset_mems",
}
"""What of a container's resources may change while it lives, as the SDK calls it."""


class Containers:
    """Actions on containers, and what the engine's events mean for them."""

    def __init__(
        self, engine: Engine, store: Store, images: DockerImages, settings: NodeSettings, seams: Seams,
        time: EngineTime, log_root: Path, starts: asyncio.Semaphore,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._store = store
        self._images = images
        self._settings = settings
        self._clock = seams.clock
        self._time = time
        self._log_root = log_root
        self._starts = starts
        self._followers: dict[str, LogFollower] = {}
        self._out_of_memory: set[str] = set()
        self._starting: set[str] = set()
        self.group: asyncio.TaskGroup | None = None
        """Where log followers run, while the backend does."""

    # --- actions

    async def create(self, sandbox: Sandbox, config: pb.ContainerConfig, mounts: Mapping[str, str]) -> str:
        image = await self._images.get(config.image.image)
        if image is None:
            raise ApiError("NotFound", f'failed to get image "{config.image.image}": not found')
        record = container_record("", sandbox, config, image.id, self._log_root)
        record = replace(record, stop_signal=record.stop_signal or image.stop_signal, created_at=self._time.now())
        body = container_body(config, record, sandbox, self._settings.node_container, mounts)
        body["Labels"] = container_labels(config, record, sandbox, self._settings.owner)
        name = container_name(sandbox, config.metadata.name, config.metadata.attempt)
        async with self._starts:
            created = await self._engine.call(
                "create_container", lambda api: api.create_container_from_config(body, name), subject=name
            )
        container_id = str(created["Id"])
        self._add(replace(record, id=container_id))
        return container_id

    async def start(self, container: Container) -> None:
        self._starting.add(container.id)
        try:
            async with self._starts:
                await self._engine.call("start", lambda api: api.start(container.id), subject=container.name)
        except ApiError as error:
            if error.reason not in ("ServiceUnavailable", "NotFound"):
                self._never_started(container.id, error.message)
            raise
        finally:
            self._starting.discard(container.id)
        self.started(container.id, self._time.now())

    async def stop(self, container: Container, grace_seconds: float) -> None:
        """The grace is the cluster's time, so the engine's own stop, which counts real seconds, is not used."""
        if grace_seconds > 0:
            await self._kill(container, container.stop_signal or _DEFAULT_STOP_SIGNAL)
            try:
                async with self._clock.timeout(grace_seconds, f"grace of {container.name}"):
                    await self._store.wait_exited(container.id)
                    return
            except TimeoutError:
                log.info("%s did not end within %g s: killing it", container.name, grace_seconds)
        await self._kill(container, "SIGKILL")
        try:
            async with patience(KILL_WAIT_SECONDS):
                await self._store.wait_exited(container.id)
        except TimeoutError:
            raise ApiError("Timeout", f'container "{container.id}" does not end though it was killed') from None

    async def _kill(self, container: Container, signal: str) -> None:
        try:
            await self._engine.call("kill", lambda api: api.kill(container.id, signal), subject=container.name)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise

    async def remove(self, container: Container) -> None:
        follower = self._followers.get(container.id)
        if follower is not None and container.state is State.EXITED:
            await _drained(follower)
        await remove_container(self._engine, container.id, container.name)
        self.removed(container.id)

    async def update(self, container: Container, wanted: pb.LinuxContainerResources) -> None:
        fields = {_UPDATABLE[name]: value for name, value in resources(wanted).items() if name in _UPDATABLE}
        if fields:
            await self._engine.call("update_container", lambda api: api.update_container(container.id, **fields))
        merged = pb.LinuxContainerResources()
        if container.resources is not None:
            merged.CopyFrom(container.resources)
        merged.MergeFrom(wanted)
        current = self._store.containers.get(container.id)
        if current is not None:
            self._store.put_container(replace(current, resources=merged))

    async def reopen_log(self, container: Container) -> None:
        follower = self._followers.get(container.id)
        if follower is not None:
            follower.reopen()

    # --- what the engine says

    def created(self, container_id: str, labels: Mapping[str, str], sandbox: Sandbox | None) -> None:
        """Someone's call that we know nothing of: most likely ours, whose caller did not wait for the answer."""
        if sandbox is not None and container_id not in self._store.containers:
            self._add(container_of_labels(container_id, labels, sandbox, self._log_root))

    def started(self, container_id: str, at: int) -> None:
        known = self._store.containers.get(container_id)
        if known is not None and known.state is State.CREATED:
            running = replace(known, state=State.RUNNING, started_at=max(at, known.created_at))
            self._store.put_container(running)
            self._follow(running)

    def ran_out_of_memory(self, container_id: str) -> None:
        known = self._store.containers.get(container_id)
        if known is None:
            return
        if known.state is State.EXITED:  # the engine's two messages race
            if known.exit_code:
                self._store.put_container(replace(known, reason=exit_reason(known.exit_code, True)))
            return
        self._out_of_memory.add(container_id)

    def ended(self, container_id: str, exit_code: int, at: int) -> None:
        """Told once the log is complete, so that who reads it on hearing of the end finds everything."""
        follower = self._followers.get(container_id)
        known = self._store.containers.get(container_id)
        if known is None or known.state is State.EXITED:
            return
        if known.state is State.CREATED:  # it never ran; the answer to our call, if one is under way, says why
            if container_id not in self._starting:
                self._never_started(container_id, f"the engine could not start it: exit code {exit_code}")
            return
        out_of_memory = container_id in self._out_of_memory
        self._out_of_memory.discard(container_id)
        after = replace(
            known,
            state=State.EXITED,
            started_at=known.started_at or at,
            finished_at=max(at, known.started_at),
            exit_code=exit_code,
            reason=exit_reason(exit_code, out_of_memory and exit_code != 0),
        )
        if follower is None or self.group is None:
            self._store.put_container(after)
            return
        follower.container_ended()
        self.group.create_task(self._tell_end(after, follower))

    async def _tell_end(self, after: Container, follower: LogFollower) -> None:
        await _drained(follower)
        if after.id in self._store.containers:
            late = after.id in self._out_of_memory and after.exit_code != 0
            self._out_of_memory.discard(after.id)
            self._store.put_container(replace(after, reason=exit_reason(after.exit_code, True)) if late else after)

    def removed(self, container_id: str) -> None:
        follower = self._followers.get(container_id)
        if follower is not None:
            follower.container_ended()
        self._out_of_memory.discard(container_id)
        self._store.drop_container(container_id)

    def found(self, container: Container) -> None:
        """What a look at the engine shows, after it was out of sight."""
        known = self._store.containers.get(container.id)
        if known is None:
            self._add(container)
            self._follow(container)
        elif container.state > known.state:  # never back: our own call may have started it since the look
            self._store.put_container(replace(container, resources=known.resources))
            if container.state is State.EXITED and container.id in self._followers:
                self._followers[container.id].container_ended()
            self._follow(container)

    def _add(self, container: Container) -> None:
        """Unless an event was quicker than the answer to our call."""
        if container.id not in self._store.containers:
            self._store.put_container(container)

    def _never_started(self, container_id: str, message: str) -> None:
        known = self._store.containers.get(container_id)
        if known is not None and known.state is State.CREATED:
            now = self._time.now()
            failed = replace(known, state=State.EXITED, finished_at=now, **start_failure(message))
            self._store.put_container(failed)

    # --- logs

    def _follow(self, container: Container) -> None:
        """Also of what has ended: its last words may not be copied yet."""
        if not container.log_path or not container.started_at or container.id in self._followers or not self.group:
            return
        follower = LogFollower(self._engine, container.id, Path(container.log_path), tty=container.tty)
        if container.state is State.EXITED:
            follower.container_ended()
        self._followers[container.id] = follower
        self.group.create_task(self._copy(container, follower))

    async def _copy(self, container: Container, follower: LogFollower) -> None:
        try:
            await follower.run()
        finally:
            self._followers.pop(container.id, None)


async def _drained(follower: LogFollower) -> None:
    """Real time: it is a bound on the engine's slowness."""
    try:
        async with patience(LOG_DRAIN_SECONDS):
            await follower.done.wait()
    except TimeoutError:
        log.warning("a log is not complete after %g s; the container's end is told all the same", LOG_DRAIN_SECONDS)
