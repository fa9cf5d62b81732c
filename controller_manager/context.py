"""What a controller is built from, and what building one gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from apimachinery.clock import Clock
from client.api import ApiClient
from client.controller import Controller
from client.informer import Informer, InformerFactory
from client.recorder import EventRecorder
from client.workqueue import WorkQueue
from controller_manager.config import Config
from controller_manager.limits import WORKERS
from controller_manager.pods import PodView, pod_informer
from wire.seams import Seams


@dataclass(frozen=True)
class Context:
    """One per term of leadership."""

    api: ApiClient
    seams: Seams
    config: Config
    informers: InformerFactory
    recorders: dict[str, EventRecorder] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        return self.seams.clock

    @property
    def pods(self) -> Informer[PodView]:
        return pod_informer(self.informers)

    def recorder(self, component: str) -> EventRecorder:
        """Events carry the name of the controller, not of the process."""
        if component not in self.recorders:
            self.recorders[component] = EventRecorder(self.api, self.seams, component)
        return self.recorders[component]

    def queue(self, name: str) -> WorkQueue:
        return WorkQueue(self.clock, name)


@dataclass(frozen=True)
class Managed:
    """A controller ready to run. `background` are loops it needs beside its work loop; they never return."""

    controller: Controller
    queue: WorkQueue
    workers: int = WORKERS
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    ready: Callable[[], Awaitable[None]] | None = None
    """Awaited, after the shared informers have synced, before the first reconcile."""
