"""What the parts of one kubelet share: who they are, the runtime, the caches, the recorder. One object per kubelet."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from api.container import Container
from api.meta import KubeObject
from api.pod import Pod
from apimachinery.clock import Clock
from kubelet.configs import NodePlaces
from kubelet.dns_config import Resolver
from kubelet.downward import NodeFacts
from kubelet.images import Images
from kubelet.objects import ObjectSource
from kubelet.pods import Kind, field_path
from kubelet.runtime import CriRuntime
from kubelet.runtime_cache import RuntimeCache
from kubelet.volumes.manager import VolumeManager
from wire.seams import Seams


class Recorder(Protocol):
    """What of `client.recorder.EventRecorder` is used."""

    def event(
        self,
        obj: KubeObject,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        *,
        action: str = "",
        field_path: str = "",
    ) -> None: ...


class Services(Protocol):
    """Environment variables about Services, for a pod's namespace."""

    def __call__(self, namespace: str, *, links: bool) -> dict[str, str]: ...


SIMULATED_RUNTIME = "orrery-sim"


NOT_ASKED_YET = "container runtime status check may not have completed yet"


@dataclass
class RuntimeFacts:
    """What the runtime says of itself, as last heard. `problem` is why it cannot be used, "" if it can."""

    name: str = ""
    version: str = ""
    problem: str = NOT_ASKED_YET
    network_problem: str = ""

    @property
    def is_simulated(self) -> bool:
        """Do its pods' addresses lead nowhere? Probes over the network are then put to the runtime itself."""
        return self.name == SIMULATED_RUNTIME


@dataclass(frozen=True)
class Context:
    node: NodeFacts
    places: NodePlaces
    seams: Seams
    runtime: CriRuntime
    facts: RuntimeFacts
    cache: RuntimeCache
    images: Images
    volumes: VolumeManager
    objects: ObjectSource
    recorder: Recorder
    services: Services
    cluster_dns: tuple[str, ...]
    node_resolver: Resolver
    node_hosts: str
    starts: asyncio.Semaphore
    """Taken while the runtime makes something, so that it is not asked for everything at once."""

    @property
    def clock(self) -> Clock:
        return self.seams.clock

    def pod_directory(self, uid: str) -> Path:
        return self.volumes.pod_directory(uid)

    def normal(self, pod: Pod, reason: str, message: str) -> None:
        self.recorder.event(pod, "Normal", reason, message)

    def warning(self, pod: Pod, reason: str, message: str) -> None:
        self.recorder.event(pod, "Warning", reason, message)

    def about(
        self, pod: Pod, kind: Kind, container: Container, type: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """An event about one container of the pod."""
        self.recorder.event(pod, type, reason, message, field_path=field_path(kind, container.name))
