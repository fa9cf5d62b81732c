"""`--ready`: we play the scheduler and the kubelets of a comparison of controllers, on both sides alike.

Whenever a side has come to rest, each pod that is there gets a node and runs at once, or ends well if it is of a Job;
one that is to go, goes. Without that, a rollout stops at its first pods: nothing makes them ready.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apimachinery.timestamps import format_time
from cli.compare.feeding import Feeder
from cli.compare.model import JSON, Key

PODS: Final = GVR("", "v1", "pods")
NODES: Final = GVR("", "v1", "nodes")
STAND_IN: Final = "stand-in"
READY: Final = {"type": "Ready", "status": "True", "reason": "Playing", "message": "its kubelet is played"}


class Deed(Enum):
    """What is to be done with a pod."""

    BIND = "bind"
    RUN = "run"
    FINISH = "finish"
    REMOVE = "remove"
    NOTHING = ""


def deed(pod: JSON) -> Deed:
    """Pure."""
    spec, status = pod["spec"], pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return Deed.REMOVE
    if status.get("phase") in ("Running", "Succeeded", "Failed") or spec.get("schedulingGates"):
        return Deed.NOTHING
    if not spec.get("nodeName"):
        return Deed.BIND
    return Deed.RUN if spec.get("restartPolicy", "Always") == "Always" else Deed.FINISH


def node_for(pod: JSON, nodes: list[str]) -> str:
    """The one that its affinity names, as DaemonSets do; else the first."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or []
    named = [value for term in terms for field in term.get("matchFields") or [] for value in field.get("values") or []]
    return next((one for one in named if one in nodes), nodes[0])


def status_of(pod: JSON, number: int, now: str) -> JSON:
    """As a kubelet would report it; `number` makes its address."""
    running = deed(pod) is Deed.RUN
    state = {"running": {"startedAt": now}} if running else {"terminated": {"exitCode": 0, "reason": "Completed"}}
    containers = [
        {"name": one["name"], "image": one.get("image", ""), "imageID": "", "ready": running, "restartCount": 0}
        | {"started": running, "state": state}
        for one in pod["spec"]["containers"]
    ]
    kinds = ("Initialized", "ContainersReady", "Ready") if running else ("Initialized",)
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds]
    address = f"10.244.{number // 250}.{number % 250 + 1}"
    phase = "Running" if running else "Succeeded"
    return {"phase": phase, "podIP": address, "podIPs": [{"ip": address}], "startTime": now,
            "conditions": conditions, "containerStatuses": containers}  # fmt: skip


class Player:
    """Of one side."""

    def __init__(self, feeder: Feeder) -> None:
        self._feeder = feeder
        self._api = feeder.arena.api
        self._numbers: dict[str, int] = {}

    async def round(self, now: float) -> bool:
        """Whether there was anything to do. `now` is Unix time."""
        there = self._feeder.journal.now
        pods = [(key, pod) for key, pod in there.items() if key.resource == "pods" and deed(pod) is not Deed.NOTHING]
        if pods and not self._nodes():
            await self._make_node(format_time(now))
        for key, pod in pods:
            try:
                await self._act(key, pod, format_time(now))
            except ApiError as error:
                if error.reason not in ("NotFound", "Conflict"):  # it has changed meanwhile: the next round sees it
                    raise
        return bool(pods)

    async def _act(self, key: Key, pod: JSON, now: str) -> None:
        match deed(pod):
            case Deed.BIND:
                target = {"apiVersion": "v1", "kind": "Node", "name": node_for(pod, self._nodes() or [STAND_IN])}
                binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.name}, "target": target}
                await self._api.create_raw(PODS, binding, namespace=key.namespace, name=key.name, subresource="binding")
            case Deed.RUN | Deed.FINISH:
                number = self._numbers.setdefault(pod["metadata"]["uid"], len(self._numbers))
                status = {"status": status_of(pod, number, now)}
                await self._api.patch_raw(PODS, key.name, status, namespace=key.namespace, subresource="status")
            case Deed.REMOVE:
                await self._feeder.remove(PODS, key)

    def _nodes(self) -> list[str]:
        return sorted(key.name for key in self._feeder.journal.now if key.resource == "nodes")

    async def _make_node(self, now: str) -> None:
        conditions = [{**READY, "lastTransitionTime": now, "lastHeartbeatTime": now}]
        status = {"capacity": {"cpu": "64", "memory": "256Gi", "pods": "2000"}, "conditions": conditions}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": STAND_IN}, "status": status}
        await self._api.create_raw(NODES, node)
        await self._api.patch_raw(NODES, STAND_IN, {"spec": {"taints": None}})
