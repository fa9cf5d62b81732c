"""Which pods are on which nodes, as far as the scheduler knows, those it has only just decided included.

A pod is *assumed* from the decision until the watch confirms it: the next cycle must already see the room it takes.
An assumed pod whose bind failed is forgotten; one that the watch never confirms expires.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.node import Node
from api.pod import Pod
from apimachinery.clock import Clock
from scheduler.limits import ASSUMED_SECONDS
from scheduler.node_table import NodeTable
from scheduler.pod_info import PodInfo, pod_info


@dataclass(slots=True)
class _Placed:
    pod: PodInfo
    node: str
    assumed: bool
    deadline: float | None = None
    """When an assumed pod expires; None until its bind has been answered."""


class Cache:
    """The table of nodes and the pods counted in it."""

    def __init__(self, clock: Clock) -> None:
        self.nodes = NodeTable()
        self._clock = clock
        self._pods: dict[str, _Placed] = {}

    def set_node(self, node: Node) -> None:
        self.nodes.set_node(node)

    def remove_node(self, name: str) -> None:
        self.nodes.remove_node(name)

    def assume(self, pod: PodInfo, node: str) -> None:
        """Count `pod` on `node` from now on. Raises ValueError if it is placed already."""
        if pod.uid in self._pods:
            raise ValueError(f"pod {pod.key} is on {self._pods[pod.uid].node} already")
        self._place(pod, node, assumed=True)

    def finish_binding(self, uid: str) -> None:
        """The bind was accepted: the watch should confirm it before long."""
        placed = self._pods.get(uid)
        if placed and placed.assumed:
            placed.deadline = self._clock.time() + ASSUMED_SECONDS

    def forget(self, uid: str) -> None:
        """The bind failed: free what was assumed. A confirmed pod stays."""
        placed = self._pods.get(uid)
        if placed and placed.assumed:
            self._remove(uid)

    def is_assumed(self, uid: str) -> bool:
        placed = self._pods.get(uid)
        return placed is not None and placed.assumed

    def set_pod(self, pod: Pod) -> None:
        """What the watch says about an assigned pod: confirms an assumption, or corrects it."""
        if pod.uid in self._pods:
            self._remove(pod.uid)
        self._place(pod_info(pod), pod.spec.node_name, assumed=False)

    def remove_pod(self, uid: str) -> bool:
        """True if it was known."""
        if uid not in self._pods:
            return False
        self._remove(uid)
        return True

    def expire(self) -> list[PodInfo]:
        """Forget assumed pods whose time is over."""
        now = self._clock.time()
        expired = [one.pod for one in self._pods.values() if one.deadline is not None and one.deadline <= now]
        for pod in expired:
            self._remove(pod.uid)
        return expired

    def knows(self, key: str) -> bool:
        """Is a pod of that namespace and name counted on a node?"""
        return any(one.pod.key == key for one in self._pods.values())

    def __len__(self) -> int:
        return len(self._pods)

    def _place(self, pod: PodInfo, node: str, *, assumed: bool) -> None:
        self.nodes.add_pod(node, pod)
        self._pods[pod.uid] = _Placed(pod, node, assumed)

    def _remove(self, uid: str) -> None:
        placed = self._pods.pop(uid)
        self.nodes.remove_pod(placed.node, placed.pod)
