"""One kubelet, put together: an object that runs until it is cancelled. A process may hold thousands of them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

from api.container import Container
from api.node import Node
from api.pod import Pod
from api.service import Service
from client.api import ApiClient
from client.informer import Informer
from client.recorder import EventRecorder
from kubelet.admission import admit
from kubelet.claims import BoundVolumes
from kubelet.configs import NodePlaces
from kubelet.context import Context, RuntimeFacts
from kubelet.dns_config import Resolver
from kubelet.downward import NodeFacts
from kubelet.housekeeping import Housekeeping
from kubelet.images import Images
from kubelet.limits import CONTAINER_STARTS
from kubelet.machine import Machine
from kubelet.node import NodeSpec
from kubelet.node_agent import NodeAgent
from kubelet.objects import ApiObjects
from kubelet.pod_sync import PodSync
from kubelet.pods import Kind
from kubelet.probes.prober import Prober
from kubelet.runtime import CriRuntime
from kubelet.runtime_cache import RuntimeCache
from kubelet.runtime_watch import RuntimeWatch
from kubelet.service import KubeletService
from kubelet.service_env import service_variables
from kubelet.status_writer import StatusWriter
from kubelet.sync import SyncLoop
from kubelet.tokens import TokenSource
from kubelet.volumes.host import HostFiles
from kubelet.volumes.manager import VolumeManager
from wire.seams import Seams

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KubeletOptions:
    """What makes one kubelet this one and not another."""

    spec: NodeSpec
    machine: Machine
    state_dir: Path
    log_root: Path
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    node_resolver: Resolver = field(default_factory=Resolver)
    node_hosts: str = ""
    host_files: HostFiles = field(default_factory=HostFiles)


class Kubelet:
    """`services` may be shared by all kubelets of a process; it is run by whoever made it."""

    def __init__(
        self, options: KubeletOptions, api: ApiClient, runtime: CriRuntime, seams: Seams, services: Informer[Service]
    ) -> None:
        spec = options.spec
        self._services = services
        self.facts = RuntimeFacts()
        self.recorder = EventRecorder(api, seams, "kubelet", spec.name)
        self.cache = RuntimeCache(runtime, seams.clock, self._pod_changed)
        self.watch = RuntimeWatch(runtime, self.cache, self.facts, seams.clock, self._runtime_changed)
        self.agent = NodeAgent(
            api, seams, spec, options.machine, options.state_dir, runtime, self.facts, self.watch.set_pod_cidr
        )
        tokens = TokenSource(api, seams.clock)
        objects = ApiObjects(api, seams.clock)
        node = NodeFacts(
            spec.name,
            spec.ip,
            spec.allocatable["cpu"],
            spec.allocatable["memory"],
            spec.allocatable["ephemeral-storage"],
        )
        self.context = Context(
            node=node,
            places=NodePlaces(spec.name, options.log_root, options.cluster_domain, options.machine.memory_bytes),
            seams=seams,
            runtime=runtime,
            facts=self.facts,
            cache=self.cache,
            images=Images(runtime, objects, seams.clock),
            volumes=VolumeManager(
                options.state_dir, objects, tokens.get, BoundVolumes(api).find, lambda: node, options.host_files
            ),
            objects=objects,
            recorder=self.recorder,
            services=self._service_variables,
            cluster_dns=options.cluster_dns,
            node_resolver=options.node_resolver,
            node_hosts=options.node_hosts,
            starts=asyncio.Semaphore(CONTAINER_STARTS),
        )
        self.prober = Prober(runtime, seams.clock, self._pod_changed, self._unhealthy, lambda: self.facts.is_simulated)
        self.writer = StatusWriter(api, seams, self._status_written)
        self.passes = PodSync(self.context, self.writer, self.prober)
        self.loop = SyncLoop(self.context, self.passes, self.prober, self.writer, self._admit)
        seams.explainers.append(self.loop.explain)
        self.housekeeping = Housekeeping(self.context, self.loop, self.passes, tokens)
        self.pods: Informer[Pod] = Informer(api, Pod, seams, field_selector=f"spec.nodeName={spec.name}")
        self.pods.add_handler(self.loop.pod_event)
        self.service = KubeletService(self.context, self.loop)
        self._allocatable = spec.allocatable

    async def run(self) -> None:
        """Never returns; survives the apiserver and the runtime."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.agent.run())  # the node: registration, status, lease
            group.create_task(self.watch.run())  # the runtime: its health, its containers
            group.create_task(self.pods.run())  # the pods bound to this node
            group.create_task(self.recorder.run())  # events
            group.create_task(self.writer.run())  # pod statuses
            group.create_task(self.loop.run())  # the pods' workers
            # Nothing is started or ended before both sides are known: what runs already must be found first.
            await self.pods.wait_synced()
            await self._services.wait_synced()
            await self.watch.listed.wait()
            await self._know_node()
            self.loop.begin()
            group.create_task(self.housekeeping.run())  # orphans, volumes that follow the API

    async def _know_node(self) -> None:
        """Admission compares with the node's labels; they come with its registration."""
        await self.agent.informer.wait_synced()
        while not self.agent.node.name:
            await self.context.clock.sleep(0.05, "wait for the node's registration")

    # --- who tells whom

    def _pod_changed(self, uid: str) -> None:
        self.loop.wake(uid)

    def _runtime_changed(self) -> None:
        self.agent.nudge()
        if not self.facts.problem:
            self.loop.retry_now()

    def _status_written(self, pod: Pod) -> None:
        self.loop.status_written(pod)

    def _unhealthy(self, pod: Pod, container: Container, kind: Kind, reason: str, message: str) -> None:
        self.context.about(pod, kind, container, "Warning", reason, message)

    def _service_variables(self, namespace: str, *, links: bool) -> dict[str, str]:
        return service_variables(self._services.list(), namespace, links=links)

    def _admit(self, pod: Pod, others: list[Pod]) -> tuple[str, str] | None:
        node: Node = self.agent.node
        return admit(pod, others, node, self._allocatable)
