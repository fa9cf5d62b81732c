"""Taint eviction: pods that do not tolerate a NoExecute taint of their node leave it, some after a grace of their own.

Watches: Nodes, Pods. Owns: nothing. Writes: the condition DisruptionTarget of pods it evicts, their deletion, Events.
Invariant: a pod goes no sooner than its tolerations say, counted from when the taint was added, and stays if the taint
is gone by then.
k8s differs: upstream counts from when its process first saw the taint, so a restart prolongs every grace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from api.node import Node, Taint
from api.placement import Toleration
from apimachinery.timestamps import parse_time
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.decisions import decide, wait
from controller_manager.disruption import delete_pod, mark_disrupted
from controller_manager.limits import POD_WORKERS
from controller_manager.pods import NODE_INDEX, PodView, is_terminating

FOREVER = float("inf")


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.operator in ("", "Equal") and toleration.value == taint.value


def evict_at(taints: Iterable[Taint], tolerations: Sequence[Toleration], now: float) -> float:
    """When a pod has to go, in Unix seconds: at once if it does not tolerate one of the taints, else when the first
    of its tolerations runs out; FOREVER if none does."""
    times = [FOREVER]
    for taint in taints:
        matching = next((one for one in tolerations if tolerates(one, taint)), None)
        if matching is None:
            return now
        if matching.toleration_seconds is not None:
            since = parse_time(taint.time_added) if taint.time_added else now
            times.append(since + max(matching.toleration_seconds, 0))
    return min(times)


def no_execute(node: Node) -> tuple[Taint, ...]:
    return tuple(taint for taint in node.spec.taints if taint.effect == "NoExecute")


class TaintEvictionController:
    name = "taint-eviction"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._pods = context.pods
        self._recorder = context.recorder("taint-eviction-controller")
        self._condemned: set[str] = set()
        self.queue = context.queue(self.name)
        self._nodes = context.informers.get(Node)
        self._nodes.add_handler(self._on_node)
        self._pods.add_handler(self._on_pod)

    def _on_node(self, event: Event[Node]) -> None:
        old, new = event.old, event.new
        if new is None or no_execute(new) == (no_execute(old) if old is not None else ()):
            return
        for pod in self._pods.by_index(NODE_INDEX, new.name):
            self.queue.add(pod.key)

    def _on_pod(self, event: Event[PodView]) -> None:
        pod = event.object
        if event.type == "DELETED":
            self._condemned.discard(pod.key)
        elif event.old is None or _assignment(event.old) != _assignment(pod):
            node = self._nodes.get(pod.spec.node_name)
            if node is not None and no_execute(node):
                self.queue.add(pod.key)

    async def reconcile(self, key: str) -> float | None:
        pod = self._pods.get(key)
        node = self._nodes.get(pod.spec.node_name) if pod is not None else None
        if pod is None or node is None or is_terminating(pod):
            self._condemned.discard(key)
            return None
        now = self._clock.time()
        at = evict_at(no_execute(node), pod.spec.tolerations, now)
        if at == FOREVER:
            decide(why="it may stay on its node")
            self._spare(pod)
            return None
        if at > now:
            self._condemned.add(key)
            decide(wait(at - now), why="so long it tolerates its node's taint")
            return at - now
        decide("evict", why="it does not tolerate its node's taint" + (" any longer" if at < now else ""))
        await self._evict(pod)
        return None

    def _spare(self, pod: PodView) -> None:
        if pod.key in self._condemned:
            self._condemned.discard(pod.key)
            self._recorder.event(pod, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {pod.key}")

    async def _evict(self, pod: PodView) -> None:
        self._recorder.event(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {pod.key}")
        message = "Taint manager: deleting due to NoExecute taint"
        await mark_disrupted(self._api, pod, "DeletionByTaintManager", message, self._clock.time())
        await delete_pod(self._api, pod)


def _assignment(pod: PodView) -> tuple[Any, ...]:
    return pod.spec.node_name, pod.spec.tolerations


def build(context: Context) -> Managed:
    controller = TaintEvictionController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
