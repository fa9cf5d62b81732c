"""Pod garbage collector: removes pods that no kubelet will ever finish.

Watches: Pods, Nodes. Owns: nothing. Writes: deletes pods of nodes that are gone, terminating pods that never had a
node or whose node is declared out of service, and finished pods beyond a threshold.
Invariant: a node counts as gone only after a quarantine and a look at the apiserver.
Source of the rules: pkg/controller/podgc of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from api.node import Node
from apimachinery.errors import ApiError
from controller_manager.batches import for_all
from controller_manager.context import Context, Managed
from controller_manager.decisions import count, decide, each
from controller_manager.disruption import delete_pod, mark_disrupted
from controller_manager.limits import POD_GC_QUARANTINE_SECONDS, POD_GC_SECONDS, POD_GC_TERMINATED
from controller_manager.node_health import ready_status
from controller_manager.pods import PodView, is_terminal, is_terminating

OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"
_ALL: Final = "pods"
"""The one key: each round looks at everything."""


@dataclass(frozen=True)
class Collect:
    """A pod to delete at once; `why` is told on it first, unless it had ended anyway."""

    pod: PodView
    why: str = ""

    def __str__(self) -> str:
        return f"{self.pod.name} ({self.why})" if self.why else self.pod.name


def plan(pods: Iterable[PodView], nodes: Mapping[str, Node], gone: frozenset[str], threshold: int) -> list[Collect]:
    """`gone`: names of nodes that are known to be no more."""
    actions: list[Collect] = []
    finished: list[PodView] = []
    for pod in pods:
        node_name = pod.spec.node_name
        if node_name in gone:
            actions.append(Collect(pod, "PodGC: node no longer exists"))
        elif is_terminating(pod) and not node_name:
            actions.append(Collect(pod))
        elif is_terminating(pod) and _out_of_service(nodes.get(node_name)):
            actions.append(Collect(pod, "PodGC: node is out of service"))
        elif is_terminal(pod) and not is_terminating(pod):
            finished.append(pod)
    finished.sort(key=lambda pod: (pod.status.reason != "Evicted", pod.metadata.creation_timestamp or "", pod.name))
    surplus = len(finished) - threshold if threshold > 0 else 0
    return actions + [Collect(pod) for pod in finished[: max(surplus, 0)]]


def _out_of_service(node: Node | None) -> bool:
    if node is None or ready_status(node) == "True":
        return False
    return any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)


class PodGcController:
    name = "pod-garbage-collector"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._pods = context.pods
        self._nodes = context.informers.get(Node)
        self._missing_since: dict[str, float] = {}
        self.queue = context.queue(self.name)
        self.queue.add(_ALL)

    async def reconcile(self, key: str) -> float | None:
        pods, nodes = self._pods.list(), {node.name: node for node in self._nodes.list()}
        gone = await self._gone({pod.spec.node_name for pod in pods if pod.spec.node_name} - nodes.keys())
        actions = plan(pods, nodes, gone, POD_GC_TERMINATED)
        decide(each("delete", map(str, actions)), why=f"{count(len(pods), 'pod')}, nodes gone: {len(gone)}")
        failure = await for_all(actions, self._collect)
        if failure is not None:
            raise failure
        return POD_GC_SECONDS

    async def _gone(self, missing: set[str]) -> frozenset[str]:
        """Those of the nodes missing from the cache that have been so for long, and are not there either."""
        now = self._clock.time()
        self._missing_since = {name: self._missing_since.get(name, now) for name in missing}
        long = [name for name, since in self._missing_since.items() if now - since >= POD_GC_QUARANTINE_SECONDS]
        return frozenset([name for name in long if not await self._exists(name)])

    async def _exists(self, name: str) -> bool:
        try:
            await self._api.get_object(Node.RESOURCE, name)
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    async def _collect(self, action: Collect) -> None:
        pod = action.pod
        if action.why and not is_terminal(pod):
            await mark_disrupted(self._api, pod, "DeletionByPodGC", action.why, self._clock.time(), fail=True)
        await delete_pod(self._api, pod, at_once=True)


def build(context: Context) -> Managed:
    controller = PodGcController(context)
    return Managed(controller, controller.queue, workers=1)
