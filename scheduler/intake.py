"""What watch events do to the cache and the queue. Handlers are synchronous and decide nothing."""

from __future__ import annotations

from api.apps import ReplicaSet, StatefulSet
from api.core import Namespace, ReplicationController
from api.node import Node
from api.pod import Pod, is_terminal
from api.service import Service
from client.informer import Event
from scheduler.cache import Cache
from scheduler.events import assigned_pod_event, node_event
from scheduler.framework import Action, ClusterEvent
from scheduler.queue import SchedulingQueue


class Intake:
    """A pod is *ours* while it has no node, names our scheduler, and is neither over nor being deleted."""

    def __init__(self, cache: Cache, queue: SchedulingQueue, scheduler_name: str) -> None:
        self._cache = cache
        self._queue = queue
        self._scheduler_name = scheduler_name

    def on_node(self, event: Event[Node]) -> None:
        if event.new is None:
            self._cache.remove_node(event.object.name)
        else:
            self._cache.set_node(event.new)
        self._move(node_event(event.old, event.new))

    def on_pod(self, event: Event[Pod]) -> None:
        old, new = event.old, event.new
        if new is not None and self._ours(new):
            if old is not None and _occupies(old):
                self._free(old)  # etcd was restored to a moment before it was bound
            # Bound, but this event is older than that: it must not be scheduled again.
            if new.uid in self._queue or not self._cache.is_assumed(new.uid):
                self._queue.update(new, event.traceparent)
            return
        if (old is None or self._ours(old)) and event.object.uid in self._queue:
            self._queue.delete(event.object.uid)
        was = old if old is not None and _occupies(old) else None
        now = new if new is not None and _occupies(new) else None
        if now is not None:
            self._cache.set_pod(now)
            self._move(assigned_pod_event(was, now))
        elif was is not None or self._cache.is_assumed(event.object.uid):
            self._free(event.object)

    def on_namespace(self, event: Event[Namespace]) -> None:
        """Its labels decide which pods affinity terms with a `namespaceSelector` are about."""
        old, new = event.old, event.new
        self._cache.nodes.pods.set_namespace(event.object.name, new.metadata.labels if new else None)
        if new is not None and (old is None or old.metadata.labels != new.metadata.labels):
            self._move(ClusterEvent("Namespace", Action.ADD if old is None else Action.UPDATE_LABEL))

    def on_service(self, event: Event[Service]) -> None:
        selector = event.new.spec.selector if event.new else None
        self._cache.nodes.selectors.set_service(event.object.namespace, event.object.name, selector)

    def on_controller(self, event: Event[ReplicaSet] | Event[StatefulSet] | Event[ReplicationController]) -> None:
        known = event.object
        self._cache.nodes.selectors.set_controller(known.KIND, known.namespace, known.name, event.new)

    def _free(self, pod: Pod) -> None:
        self._cache.remove_pod(pod.uid)
        self._move(assigned_pod_event(pod, None))

    def _ours(self, pod: Pod) -> bool:
        return (
            not pod.spec.node_name
            and (pod.spec.scheduler_name or "default-scheduler") == self._scheduler_name
            and not is_terminal(pod)
            and pod.metadata.deletion_timestamp is None
        )

    def _move(self, event: ClusterEvent | None) -> None:
        if event is not None:
            self._queue.move_on(event)


def _occupies(pod: Pod) -> bool:
    """Does it take room on a node? One that has ended does not."""
    return bool(pod.spec.node_name) and not is_terminal(pod)
