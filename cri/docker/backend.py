"""The Docker runtime: its parts put together, as CRI's services want them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from apimachinery.errors import ApiError
from apimachinery.patience import patience
from cri.backend import Command, Session
from cri.config import Config
from cri.docker.containers import Containers
from cri.docker.engine import Engine
from cri.docker.host_ports import HostPorts, has_ports
from cri.docker.identity import CLUSTER, NODE
from cri.docker.images import DockerImages
from cri.docker.loopback import can_enter, connect_inside
from cri.docker.node import NodeKeeper
from cri.docker.sandbox_body import NODE_MODE, NodeSettings
from cri.docker.sandboxes import Sandboxes
from cri.docker.session import open_attach, open_exec
from cri.docker.times import EngineTime
from cri.docker.usage import Statistics
from cri.docker.watch import Watch
from cri.limits import DOCKER_STARTS
from cri.records import Condition, Container, NetworkUsage, Sandbox, State, Usage
from cri.store import Store
from proto import cri_pb2 as pb
from wire.rules import Subject
from wire.seams import Seams

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 5.0


class DockerBackend:
    """Implements `cri.backend.RuntimeBackend`."""

    name = "docker"

    def __init__(self, config: Config, seams: Seams) -> None:
        settings = NodeSettings(
            network=config.network_name,
            node_container=config.node_container_name,
            node_ip=config.node_ip,
            service_cidr=config.service_cidr,
            pause_image=config.pause_image,
            owner={CLUSTER: config.cluster, NODE: config.node_name},
        )
        # The engine asks for these files by its host's paths.
        state_dir, log_root = config.state_dir.absolute(), config.log_root.absolute()
        self._time = EngineTime(seams.clock)
        self._engine = Engine(config.engine_address, seams)
        self._host_ports = HostPorts()
        self._statistics = Statistics(self._engine, seams)
        self.store = Store(self._time.now)
        self._engine.teller.owner = self._owner
        self.images = DockerImages(self._engine)
        starts = asyncio.Semaphore(DOCKER_STARTS)
        self._containers = Containers(
            self._engine, self.store, self.images, settings, seams, self._time, log_root, starts
        )
        self._node = NodeKeeper(
            self._engine,
            settings,
            state_dir,
            node=config.node_name,
            image=config.node_image,
            subnet=config.cluster_subnet,
            owned=not config.node_container,
        )
        self._sandboxes = Sandboxes(
            self._engine,
            self.store,
            settings,
            self._time,
            state_dir,
            starts,
            lambda: self._node.plug if config.pod_network == "plug" else None,
        )
        self._watch = Watch(
            self._engine,
            self.store,
            self._sandboxes,
            self._containers,
            self._time,
            owner=settings.owner,
            ensure_node=self._ensure_node,
            looked=self._apply_host_ports_if_any,
            log_root=log_root,
        )

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._containers.group = group
                group.create_task(self._watch.run())
                group.create_task(self.images.follow())
        finally:
            self._containers.group = None
            self._engine.close()

    async def version(self) -> str:
        return str((await self._engine.version())["Version"])

    def conditions(self) -> tuple[Condition, Condition]:
        runtime = self._watch.condition
        if not runtime.ok:
            return runtime, Condition(False, runtime.reason, f"network is not ready: {runtime.message}")
        if self._sandboxes.addresses.cidr:
            return runtime, Condition(True)
        return runtime, Condition(False, "NoPodCIDR", "network is not ready: the node has no pod CIDR yet")

    def require_ready(self) -> None:
        if not self._watch.condition.ok:
            raise ApiError("ServiceUnavailable", self._watch.condition.message)

    def set_pod_cidr(self, cidr: str) -> None:
        self._sandboxes.addresses.set_cidr(cidr)

    # --- sandboxes and containers

    async def run_sandbox(self, config: pb.PodSandboxConfig, handler: str) -> str:
        sandbox_id = await self._sandboxes.run(config, handler)
        sandbox = self.store.sandboxes.get(sandbox_id)
        if sandbox is not None and has_ports(sandbox):
            try:
                await self._apply_host_ports()
            except ApiError:
                await self._sandboxes.stop(sandbox)
                await self._sandboxes.remove(sandbox)
                raise
        return sandbox_id

    async def stop_sandbox(self, sandbox: Sandbox) -> None:
        await self._sandboxes.stop(sandbox)
        if has_ports(sandbox):
            await self._apply_host_ports()

    async def _apply_host_ports(self) -> None:
        """A pod on the node's own network has its ports there already."""
        sandboxes = [one for one in self.store.sandboxes.values() if one.namespaces.network != NODE_MODE]
        await self._host_ports.apply(sandboxes, self._node.netns)

    async def _ensure_node(self) -> None:
        await self._node.ensure()
        await self._apply_host_ports_if_any()

    async def _apply_host_ports_if_any(self) -> None:
        if any(map(has_ports, self.store.sandboxes.values())):
            await self._apply_host_ports()

    def _owner(self, container_id: str) -> Subject | None:
        """The pod that a container belongs to, for those who listen to the traffic."""
        container = self.store.containers.get(container_id)
        sandbox = self.store.sandboxes.get(container.sandbox_id if container is not None else container_id)
        return Subject("Pod", sandbox.namespace, sandbox.name) if sandbox is not None else None

    async def remove_sandbox(self, sandbox: Sandbox) -> None:
        await self._sandboxes.remove(sandbox)

    async def create_container(self, sandbox: Sandbox, config: pb.ContainerConfig) -> str:
        return await self._containers.create(sandbox, config, self._sandboxes.mounts(sandbox))

    async def start_container(self, container: Container) -> None:
        await self._containers.start(container)

    async def stop_container(self, container: Container, grace_seconds: float) -> None:
        await self._containers.stop(container, grace_seconds)

    async def remove_container(self, container: Container) -> None:
        await self._containers.remove(container)

    async def update_resources(self, container: Container, resources: pb.LinuxContainerResources) -> None:
        await self._containers.update(container, resources)

    async def reopen_log(self, container: Container) -> None:
        await self._containers.reopen_log(container)

    # --- streams

    def exec(self, container: Container, command: Command) -> AbstractAsyncContextManager[Session]:
        return open_exec(self._engine, container, command)

    def attach(self, container: Container, *, stdin: bool) -> AbstractAsyncContextManager[Session]:
        return open_attach(self._engine, container, stdin=stdin)

    async def connect(self, sandbox: Sandbox, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        found = await self._engine.call("inspect_container", lambda api: api.inspect_container(sandbox.id))
        pid = int(found["State"]["Pid"])
        try:
            async with patience(_CONNECT_SECONDS):
                if pid and can_enter(pid):
                    return await asyncio.open_connection(sock=await connect_inside(pid, port))
                return await asyncio.open_connection(sandbox.ip, port)
        except (OSError, TimeoutError) as error:
            what = f"failed to connect to localhost:{port} inside sandbox {sandbox.id[:12]}"
            raise ApiError("ServiceUnavailable", f"{what}: {error or 'timed out'}") from None

    # --- statistics

    async def usage(self, containers: Sequence[Container]) -> list[Usage]:
        running = [one for one in containers if one.state is State.RUNNING]
        now = self._time.now()
        read = await asyncio.gather(*(self._statistics.usage(one.id, now) for one in running))
        return [one for one in read if one is not None]

    async def network_usage(self, sandbox: Sandbox) -> NetworkUsage:
        return await self._statistics.network(sandbox.id) if sandbox.ready else NetworkUsage()
