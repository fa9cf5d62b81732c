"""Node lifecycle: notices nodes that fall silent, and says so in conditions, taints and their pods' readiness.

Watches: Nodes, Leases in kube-node-lease, Pods. Owns: the taints `node.kubernetes.io/*`. Writes: `nodes/status` of
silent nodes, `spec.taints`, the condition Ready of pods on nodes that are not ready, Events.
Invariant: a node is judged by when *this* process last saw it renew its lease or its status, so no clocks are
compared and a paused cluster loses no node; a process that was frozen listens for a grace period before it judges;
and NoExecute taints come no faster than the zone's state allows.
Evicting pods is `taint_eviction`'s work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from api.coordination import Lease
from api.meta import Condition
from api.node import Node
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_time
from client.informer import Event
from controller_manager import node_health
from controller_manager.batches import for_all
from controller_manager.context import Context, Managed
from controller_manager.decisions import decide, each, wait
from controller_manager.limits import (
    NODE_LOOK_LATE_SECONDS,
    NODE_STARTUP_GRACE_SECONDS,
    NODE_STATUS_CHECK_SECONDS,
)
from controller_manager.pods import (
    NODE_INDEX,
    PodView,
    conditions_with,
    find_condition,
    is_ready,
    is_terminating,
)
from controller_manager.settling import soonest

JSON = dict[str, Any]

LEASES: Final = "kube-node-lease"


@dataclass
class _Seen:
    """What this process knows of a node's life."""

    heard_at: float
    was_ready: bool
    evicting: str = ""
    """The NoExecute taint it may have: granted once, kept until it is well."""


class NodeLifecycleController:
    name = "node-lifecycle"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._grace = context.config.node_monitor_grace_period
        self._pods = context.pods
        self._recorder = context.recorder("node-controller")
        self._seen: dict[str, _Seen] = {}
        self._next_eviction: dict[str, float] = {}
        self._listening_since = 0.0
        """When this process came back from a freeze or a leap of the clock: what was said before, it may not know."""
        self._judged_at = 0.0
        """When it last found a node silent."""
        self.queue = context.queue(self.name)
        self._nodes = context.informers.get(Node)
        self._leases = context.informers.get(Lease, namespace=LEASES)
        self._nodes.add_handler(self._on_node)
        self._leases.add_handler(self._on_lease)

    # --- observe -----------------------------------------------------------------------------------------------------

    def _on_node(self, event: Event[Node]) -> None:
        node = event.object
        if event.type == "DELETED":
            self._seen.pop(node.name, None)
            message = f"Node {node.name} event: Removing Node {node.name} from Controller"
            self._recorder.event(node, "Normal", "RemovingNode", message)
            return
        if event.type == "ADDED":
            self._seen[node.name] = _Seen(self._clock.time(), node_health.ready_status(node) == "True")
            message = f"Node {node.name} event: Registered Node {node.name} in Controller"
            self._recorder.event(node, "Normal", "RegisteredNode", message)
        elif event.old is not None and _heartbeat(event.old) != _heartbeat(node):
            self._hear(node.name)
        self.queue.add(node.name)

    def _on_lease(self, event: Event[Lease]) -> None:
        """Each renewal is life, whatever time it claims."""
        renewed = event.new is not None and (
            event.old is None or event.old.spec.renew_time != event.new.spec.renew_time
        )
        if renewed:
            self._hear(event.object.name)

    def _hear(self, name: str) -> None:
        seen = self._seen.get(name)
        if seen is not None:
            seen.heard_at = self._clock.time()

    # --- decide and act ----------------------------------------------------------------------------------------------

    async def reconcile(self, key: str) -> float | None:
        node, seen = self._nodes.get(key), self._seen.get(key)
        if node is None or seen is None:
            return None
        now = self._clock.time()
        quiet_until = self._quiet_until(node, seen, now)
        silent = now >= quiet_until and not _is_silenced(node)
        if silent:
            self._judged_at = now
            node = await self._silence(node)
        turn_in, tainted = await self._taint(node, seen)
        told = f"heard of it {now - seen.heard_at:.1f} s ago, Ready is {node_health.ready_status(node)}"
        turn = f"{wait(turn_in)} for its zone's turn" if turn_in else ""
        decide("call it silent" if silent else "", tainted, turn, why=told)
        await self._note_readiness(node, seen)
        if node_health.ready_status(node) == "True":
            return quiet_until - now
        soon = quiet_until - now if now < quiet_until else None
        return soonest(turn_in, soon, NODE_STATUS_CHECK_SECONDS)

    def _quiet_until(self, node: Node, seen: _Seen, now: float) -> float:
        """How long its silence means nothing. Who finds a node silent much too late, and not just because it was busy
        with others, was not there to hear it: it listens to all of them from now on, as if it had just begun."""
        grace = self._grace_of(node)
        quiet_until = max(seen.heard_at, self._listening_since) + grace
        late = now - quiet_until > NODE_LOOK_LATE_SECONDS * max(1.0, self._clock.state.rate)
        if late and self._judged_at < quiet_until and not _is_silenced(node):
            self._listening_since = now
            quiet_until = now + grace
        return quiet_until

    def _grace_of(self, node: Node) -> float:
        known = find_condition(node.status.conditions, "Ready") is not None
        return self._grace if known else max(self._grace, NODE_STARTUP_GRACE_SECONDS)

    async def _silence(self, node: Node) -> Node:
        conditions = node_health.silenced_conditions(node, self._clock.time())
        patch = {
            "metadata": {"uid": node.uid, "resourceVersion": node.metadata.resource_version},
            "status": {"conditions": conditions},
        }
        return await self._api.patch(Node, node.name, patch, subresource="status")

    async def _taint(self, node: Node, seen: _Seen) -> tuple[float | None, str]:
        """Bring the taints up to date; gives seconds to wait if NoExecute has to wait for its turn, and what it did."""
        wanted = node_health.no_execute_taint(node)
        pause: float | None = None
        if not wanted or self._all_gone():
            seen.evicting = ""
        elif not seen.evicting and not _has_no_execute(node):
            pause = self._turn(node)
        if wanted and pause is None and not self._all_gone():
            seen.evicting = wanted
        taints = node_health.wanted_taints(node, seen.evicting, self._clock.time())
        if taints is None:
            return pause, ""
        metadata = {"uid": node.uid, "resourceVersion": node.metadata.resource_version}
        await self._api.patch(Node, node.name, {"metadata": metadata, "spec": {"taints": taints or None}})
        names = [f"{one['key']}:{one['effect']}" for one in taints]
        return pause, each("leave it the taints", names) or "take its taints off"

    def _all_gone(self) -> bool:
        return all(node_health.ready_status(node) != "True" for node in self._nodes.list())

    def _turn(self, node: Node) -> float | None:
        """None if the zone lets this node be evicted now, and takes the turn; else seconds until it may."""
        zone = node_health.zone_of(node)
        members = [one for one in self._nodes.list() if node_health.zone_of(one) == zone]
        rate = node_health.eviction_rate(node_health.zone_state(members), len(members), all_gone=False)
        if rate == 0:
            return NODE_STATUS_CHECK_SECONDS
        now = self._clock.time()
        wait = self._next_eviction.get(zone, now) - now
        if wait > 0:
            return wait
        self._next_eviction[zone] = now + 1 / rate
        return None

    async def _note_readiness(self, node: Node, seen: _Seen) -> None:
        """Tell when a node stops being ready, and have the pods that nobody reports on any more not be ready either."""
        status = node_health.ready_status(node)
        stopped = seen.was_ready and status != "True"
        if stopped or (status == "Unknown" and find_condition(node.status.conditions, "Ready") is not None):
            pods = [pod for pod in self._pods.by_index(NODE_INDEX, node.name) if is_ready(pod)]
            failure = await for_all(pods, self._mark_not_ready)
            if failure is not None:
                raise failure
        if stopped:
            message = f"Node {node.name} status is now: NodeNotReady"
            self._recorder.event(node, "Normal", "NodeNotReady", message)
        seen.was_ready = status == "True"

    async def _mark_not_ready(self, pod: PodView) -> None:
        old = find_condition(pod.status.conditions, "Ready")
        assert old is not None
        new = Condition(type="Ready", status="False", last_transition_time=format_time(self._clock.time()))
        patch = {
            "metadata": {"uid": pod.uid, "resourceVersion": pod.metadata.resource_version},
            "status": {"conditions": conditions_with(pod.status.conditions, new)},
        }
        try:
            await self._api.patch(PodView, pod.name, patch, namespace=pod.namespace, subresource="status")
        except ApiError as error:
            if error.code == 404:
                return
            raise
        if not is_terminating(pod):
            self._recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready")


def _heartbeat(node: Node) -> tuple[str | None, ...]:
    return tuple(one.last_heartbeat_time for one in node.status.conditions)


def _is_silenced(node: Node) -> bool:
    return node_health.ready_status(node) == "Unknown" and find_condition(node.status.conditions, "Ready") is not None


def _has_no_execute(node: Node) -> bool:
    keys = (node_health.NOT_READY, node_health.UNREACHABLE)
    return any(one.effect == "NoExecute" and one.key in keys for one in node.spec.taints)


def build(context: Context) -> Managed:
    controller = NodeLifecycleController(context)
    return Managed(controller, controller.queue)
