"""Sandboxes as pause containers."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from apimachinery.errors import ApiError
from apimachinery.patience import patience
from cri.addresses import AddressPool
from cri.docker.engine import Engine
from cri.docker.frames import demultiplex
from cri.docker.identity import (
    KIND,
    KIND_SANDBOX,
    NEVER_STARTED,
    sandbox_labels,
    sandbox_name,
    sandbox_of_labels,
)
from cri.docker.sandbox_body import NODE_MODE, NodeSettings, Plug, sandbox_body
from cri.docker.times import EngineTime
from cri.limits import KILL_WAIT_SECONDS, PLUG_SECONDS
from cri.records import Sandbox
from cri.store import Store
from proto import cri_pb2 as pb

log = logging.getLogger(__name__)


class PlugFailed(ApiError):
    """The pause program could not make its network namespace."""

    def __init__(self, why: str) -> None:
        super().__init__("InternalError", f"sandbox network: {why}")


class Sandboxes:
    """Actions on sandboxes, and what the engine's events mean for them."""

    def __init__(
        self, engine: Engine, store: Store, settings: NodeSettings, time: EngineTime, state_dir: Path,
        starts: asyncio.Semaphore, plug: Callable[[], Plug | None],
    ) -> None:  # fmt: skip
        self._engine = engine
        self._store = store
        self._settings = settings
        self._time = time
        self._state_dir = state_dir
        self._starts = starts
        self._find_plug = plug
        self._plugs_fail = False
        self._making: set[str] = set()
        self.addresses = AddressPool()

    async def run(self, config: pb.PodSandboxConfig, handler: str) -> str:
        """Raises ApiError: Conflict while there is another of this name, or one is being made."""
        name = sandbox_name(config.metadata)
        if name in self._making:
            raise ApiError("Conflict", f'sandbox "{name}" is being made already')
        self._making.add(name)
        try:
            return await self._run(config, handler, name)
        finally:
            self._making.discard(name)

    async def _run(self, config: pb.PodSandboxConfig, handler: str, name: str) -> str:
        ip = "" if config.linux.security_context.namespace_options.network == NODE_MODE else self.addresses.take(name)
        labels = sandbox_labels(config, self._settings.owner, ip or self._settings.node_ip, handler, self._time.now())
        self._write_resolv_conf(config)
        try:
            async with self._starts:
                sandbox_id = await self._make(config, labels, name, ip)
        except BaseException:
            self.addresses.release(ip, name)
            raise
        self.started(sandbox_id, labels)
        return sandbox_id

    async def _make(self, config: pb.PodSandboxConfig, labels: Mapping[str, str], name: str, ip: str) -> str:
        plug = self._find_plug() if ip and not self._plugs_fail else None
        try:
            return await self._create(name, sandbox_body(config, self._settings, labels, ip, plug), plug is not None)
        except PlugFailed as error:
            log.warning("%s; from now on the engine makes the pods' network namespaces", error)
            self._plugs_fail = True
        return await self._create(name, sandbox_body(config, self._settings, labels, ip, None), False)

    async def _create(self, name: str, body: Mapping[str, object], plugs_itself: bool) -> str:
        """A sandbox that cannot start leaves nothing behind."""
        sandbox_id = await self._create_in_place_of_a_leftover(name, body)
        try:
            if plugs_itself:
                await self._start_plugged(sandbox_id, name)
            else:
                await self._engine.call("start", lambda api: api.start(sandbox_id), subject=name)
        except ApiError:
            await remove_container(self._engine, sandbox_id, name)
            raise
        return sandbox_id

    async def _create_in_place_of_a_leftover(self, name: str, body: Mapping[str, object]) -> str:
        """A call whose caller went away while the engine created leaves one that nobody starts, and its name taken."""
        try:
            return await self._create_container(name, body)
        except ApiError as error:
            if error.reason != "Conflict" or not await self._remove_leftover(name):
                raise
        return await self._create_container(name, body)

    async def _create_container(self, name: str, body: Mapping[str, object]) -> str:
        created = await self._engine.call(
            "create_container", lambda api: api.create_container_from_config(body, name), subject=name
        )
        return str(created["Id"])

    async def _remove_leftover(self, name: str) -> bool:
        """Whether the name is free now. Nobody else is making this sandbox: `run` sees to that."""
        try:
            found = await self._engine.call("inspect_container", lambda api: api.inspect_container(name), subject=name)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            return True
        if found["Id"] in self._store.sandboxes or not self._is_leftover(found):
            return False
        log.info("%s was created for a caller who went away: removing it", name)
        await remove_container(self._engine, found["Id"], name)
        return True

    def _is_leftover(self, found: Mapping[str, Any]) -> bool:
        """One that runs, or did, is told of by the engine's events."""
        ours = {**self._settings.owner, KIND: KIND_SANDBOX}
        labels = found["Config"]["Labels"] or {}
        return found["State"]["Status"] == NEVER_STARTED and ours.items() <= labels.items()

    async def _start_plugged(self, sandbox_id: str, name: str) -> None:
        """Done when the program says that it has left the engine's namespace: what joins before would land there."""
        query = {"stream": 1, "stdout": 1, "stderr": 1}
        path = f"/containers/{sandbox_id}/attach"
        async with self._engine.stream("POST", path, query, {}, upgrade=True) as stream:
            await self._engine.call("start", lambda api: api.start(sandbox_id), subject=name)
            said = b""
            try:
                async with patience(PLUG_SECONDS):
                    async for output in demultiplex(stream.chunks(), tty=False):
                        said += output.data
                        if said.startswith(b"ready"):
                            return
            except TimeoutError:
                said = said or b"the pause program says nothing"
        raise PlugFailed(said.decode(errors="replace").strip() or "the pause program ended at once")

    def started(self, sandbox_id: str, labels: Mapping[str, str]) -> None:
        """By our own doing or by the engine's word, whichever comes first."""
        known = self._store.sandboxes.get(sandbox_id)
        if known is None:
            record = sandbox_of_labels(sandbox_id, labels)
            self._store.put_sandbox(replace(record, ready=True))
            if record.namespaces.network != NODE_MODE:
                self.addresses.claim(record.ip, sandbox_id)

    def ended(self, sandbox_id: str, at: int) -> None:
        known = self._store.sandboxes.get(sandbox_id)
        if known is not None and known.ready:
            self.addresses.release(known.ip, sandbox_id)
            self._store.put_sandbox(replace(known, ready=False), at=at)

    def found(self, sandbox: Sandbox, *, started: bool) -> None:
        """What a look at the engine shows. The call that is making it, or has since the look, knows better."""
        known = self._store.sandboxes.get(sandbox.id)
        if not started and (known is not None or sandbox_name(sandbox) in self._making):
            return
        if sandbox.ready and sandbox.namespaces.network != NODE_MODE:
            self.addresses.claim(sandbox.ip, sandbox.id)
        if known is None:
            self._store.put_sandbox(sandbox)
        elif not sandbox.ready:
            self.ended(sandbox.id, 0)

    async def stop(self, sandbox: Sandbox) -> None:
        try:
            await self._engine.call("kill", lambda api: api.kill(sandbox.id, "SIGKILL"), subject=sandbox.name)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise
            self.ended(sandbox.id, 0)  # it does not run, whatever we thought
        async with patience(KILL_WAIT_SECONDS):
            await self._store.wait_exited(sandbox.id)

    async def remove(self, sandbox: Sandbox) -> None:
        await remove_container(self._engine, sandbox.id, sandbox.name)
        self.removed(sandbox.id)

    def removed(self, sandbox_id: str) -> None:
        known = self._store.sandboxes.get(sandbox_id)
        if known is not None:
            self.addresses.release(known.ip, sandbox_id)
            if sandbox_name(known) not in self._making:  # else it is its successor's already
                shutil.rmtree(self._directory(known.uid, known.attempt), ignore_errors=True)
            self._store.drop_sandbox(sandbox_id)

    def mounts(self, sandbox: Sandbox) -> dict[str, str]:
        """What every container of the sandbox gets: the engine's own resolver must not be asked."""
        path = self._directory(sandbox.uid, sandbox.attempt) / "resolv.conf"
        return {"/etc/resolv.conf": str(path)} if path.exists() else {}

    def _write_resolv_conf(self, config: pb.PodSandboxConfig) -> None:
        directory = self._directory(config.metadata.uid, config.metadata.attempt)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "resolv.conf").write_text(resolv_conf(config.dns_config) or host_resolv_conf())
        except OSError as error:
            raise ApiError("InternalError", f"{error.strerror}: {directory}/resolv.conf") from None

    def _directory(self, uid: str, attempt: int) -> Path:
        return self._state_dir / "sandboxes" / f"{uid}_{attempt}"


def resolv_conf(dns: pb.DNSConfig) -> str:
    """Empty if the kubelet leaves it to us."""
    lines = [f"search {' '.join(dns.searches)}"] if dns.searches else []
    lines += [f"nameserver {server}" for server in dns.servers]
    lines += [f"options {' '.join(dns.options)}"] if dns.options else []
    return "\n".join([*lines, ""]) if lines else ""


def host_resolv_conf() -> str:
    path = Path("/etc/resolv.conf")
    return path.read_text() if path.exists() else ""


async def remove_container(engine: Engine, container_id: str, subject: str) -> None:
    """What is gone or going already is as good as removed."""
    try:
        await engine.call(
            "remove_container", lambda api: api.remove_container(container_id, v=True, force=True), subject=subject
        )
    except ApiError as error:
        if error.reason not in ("NotFound", "Conflict"):
            raise
