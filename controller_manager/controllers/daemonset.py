"""DaemonSet: one pod of a template on every node that fits.

Watches: DaemonSets, Pods, Nodes, ControllerRevisions. Owns: Pods with a controller reference to a DaemonSet, its
revisions. Writes: those (create, delete, adopt, release), `daemonsets/status`, Events.
Invariant: a pod is bound to its node by affinity and placed by the scheduler; a node never keeps two pods of one
revision; a rolling update takes no more than maxUnavailable nodes without a pod, or maxSurge with two.
Source of the rules: pkg/controller/daemon of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from api.apps import DaemonSet, DaemonSetStatus, RollingUpdateDaemonSet
from api.meta import owner_reference
from api.node import Node
from api.placement import Toleration
from apimachinery.errors import ApiError
from client.informer import Event
from controller_manager.conditions import status_patch
from controller_manager.context import Context, Managed
from controller_manager.controllers.deployment_sets import resolve
from controller_manager.controllers.taint_eviction import tolerates
from controller_manager.decisions import UNSETTLED, count, decide, each
from controller_manager.history import HASH_LABEL, History, Revision
from controller_manager.limits import POD_WORKERS
from controller_manager.node_affinity import matches_node
from controller_manager.ownership import compile_selector
from controller_manager.pod_control import PodControl
from controller_manager.pods import (
    PodSpecView,
    PodView,
    is_active,
    is_available,
    is_ready,
    is_terminal,
    is_terminating,
    pod_from_template,
)
from controller_manager.settling import soonest

JSON = dict[str, Any]

TOLERATIONS: Final[tuple[JSON, ...]] = (
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
)
"""What every daemon pod tolerates; with the host's network also `network-unavailable`."""
_NETWORK: Final[JSON] = {
    "key": "node.kubernetes.io/network-unavailable",
    "operator": "Exists",
    "effect": "NoSchedule",
}


# --- decide ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Template:
    """The present template, decoded once."""

    tree: JSON
    spec: PodSpecView
    node_selector: Mapping[str, str]
    tolerations: tuple[Toleration, ...]


def read_template(daemon_set: DaemonSet) -> Template:
    tree: JSON = msgspec.json.decode(daemon_set.spec.template)
    spec = msgspec.convert(tree.get("spec") or {}, PodSpecView)
    added = [*TOLERATIONS, *([_NETWORK] if spec.host_network else [])]
    tolerations = (*spec.tolerations, *(msgspec.convert(one, Toleration) for one in added))
    return Template(tree, spec, (tree.get("spec") or {}).get("nodeSelector") or {}, tolerations)


def fits(template: Template, node: Node) -> tuple[bool, bool]:
    """(should a pod be started on the node, may one go on running there)."""
    named = template.spec.node_name in ("", node.name)
    if not named or not matches_node(template.node_selector, template.spec.affinity, node):
        return False, False
    untolerated = {
        taint.effect for taint in node.spec.taints if not any(tolerates(one, taint) for one in template.tolerations)
    }
    return not untolerated & {"NoSchedule", "NoExecute"}, "NoExecute" not in untolerated


def node_of(pod: PodView) -> str:
    """Its node, or the one that it is meant for."""
    if pod.spec.node_name or pod.spec.affinity is None or pod.spec.affinity.node_affinity is None:
        return pod.spec.node_name
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in required.node_selector_terms if required is not None else ():
        for one in term.match_fields:
            if one.key == "metadata.name" and one.operator == "In" and len(one.values) == 1:
                return one.values[0]
    return ""


@dataclass
class Plan:
    """Nodes that get a pod, and pods that go: these first."""

    create: list[str] = field(default_factory=list)
    delete: list[PodView] = field(default_factory=list)

    def __str__(self) -> str:
        return each("delete", (pod.name for pod in self.delete)) or each("create on", self.create)


def plan(
    daemon_set: DaemonSet, hash_: str, nodes: Sequence[Node], pods: Mapping[str, Sequence[PodView]], now: float
) -> Plan:
    """`pods`: by node. What is missing or surplus first; then, where nothing is, one step of an update."""
    template, steps = read_template(daemon_set), Plan()
    running: list[str] = []
    for node in nodes:
        start, stay = fits(template, node)
        present = list(pods.get(node.name, ()))
        if not stay:
            steps.delete += [pod for pod in present if not is_terminating(pod)]
            continue
        steps.delete += [pod for pod in present if is_terminal(pod) and not is_terminating(pod)]
        alive = [pod for pod in present if not is_terminal(pod)]
        if start:
            running.append(node.name)
            if not alive:
                steps.create.append(node.name)
        steps.delete += _surplus(alive, hash_)
    known = {node.name for node in nodes}
    steps.delete += [pod for name, there in pods.items() if name not in known for pod in there if is_active(pod)]
    if daemon_set.spec.update_strategy.type == "RollingUpdate":
        _roll(daemon_set, hash_, running, pods, now, steps)
    return steps


def _surplus(alive: Iterable[PodView], hash_: str) -> list[PodView]:
    """Of several pods of one revision the oldest stays."""
    doomed: list[PodView] = []
    for new in (True, False):
        same = [pod for pod in alive if (pod.metadata.labels.get(HASH_LABEL) == hash_) == new and is_active(pod)]
        same.sort(key=lambda pod: (pod.metadata.creation_timestamp or "", pod.name))
        doomed += same[1:]
    return doomed


def _roll(
    daemon_set: DaemonSet,
    hash_: str,
    nodes: Sequence[str],
    pods: Mapping[str, Sequence[PodView]],
    now: float,
    steps: Plan,
) -> None:
    rolling = daemon_set.spec.update_strategy.rolling_update or RollingUpdateDaemonSet()
    surge = resolve(rolling.max_surge, len(nodes), round_up=True)
    budget = surge or resolve(rolling.max_unavailable, len(nodes), round_up=True)
    waiting: list[tuple[str, PodView]] = []
    for name in nodes:
        active = [pod for pod in pods.get(name, ()) if is_active(pod)]
        new = next((pod for pod in active if pod.metadata.labels.get(HASH_LABEL) == hash_), None)
        old = next((pod for pod in active if pod.metadata.labels.get(HASH_LABEL) != hash_), None)
        minimum = daemon_set.spec.min_ready_seconds
        new_works = new is not None and is_available(new, minimum, now)
        old_works = old is not None and is_available(old, minimum, now)
        if old is not None and (new_works or (not old_works and not surge)):
            steps.delete.append(old)  # replaced, or of no use anyway
            budget -= not new_works
        elif old is not None and new is None:
            waiting.append((name, old))
        elif not new_works:
            budget -= 1
    for name, old in waiting[: max(budget, 0)]:
        if surge:
            steps.create.append(name)
        else:
            steps.delete.append(old)


def compute_status(
    daemon_set: DaemonSet, hash_: str, nodes: Sequence[Node], pods: Mapping[str, Sequence[PodView]], now: float
) -> DaemonSetStatus:
    template = read_template(daemon_set)
    wanted = {node.name for node in nodes if fits(template, node)[0]}
    current = {name for name in wanted if any(not is_terminal(pod) for pod in pods.get(name, ()))}
    misplaced = {name for name, there in pods.items() if name not in wanted and any(map(is_active, there))}
    minimum = daemon_set.spec.min_ready_seconds
    alive = {name: [pod for pod in pods.get(name, ()) if is_active(pod)] for name in wanted}
    available = sum(any(is_available(pod, minimum, now) for pod in there) for there in alive.values())
    return msgspec.structs.replace(
        daemon_set.status,
        current_number_scheduled=len(current),
        number_misscheduled=len(misplaced),
        desired_number_scheduled=len(wanted),
        number_ready=sum(any(map(is_ready, there)) for there in alive.values()),
        observed_generation=daemon_set.metadata.generation,
        updated_number_scheduled=sum(
            any(pod.metadata.labels.get(HASH_LABEL) == hash_ for pod in there) for there in alive.values()
        ),
        number_available=available,
        number_unavailable=len(wanted) - available,
    )


# --- observe and act -------------------------------------------------------------------------------------------------


class DaemonSetController:
    name = "daemonset"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._nodes = context.informers.get(Node)
        self._sets = context.informers.get(DaemonSet)
        self._history: History[DaemonSet] = History(context)
        self.queue = context.queue(self.name)
        self._control = PodControl(
            context,
            DaemonSet.KIND,
            self._sets,
            self.queue,
            context.recorder("daemonset-controller"),
            selector_of=lambda one: one.spec.selector,
            size_of=lambda one: one.status.desired_number_scheduled or 0,
        )
        self._nodes.add_handler(self._on_node)

    def _on_node(self, event: Event[Node]) -> None:
        old, new = event.old, event.new
        if old is not None and new is not None and _face(old) == _face(new):
            return
        for one in self._sets.list():
            self.queue.add(one.key)

    async def reconcile(self, key: str) -> float | None:
        daemon_set = self._sets.get(key)
        if daemon_set is None or daemon_set.metadata.deletion_timestamp is not None:
            return None
        selector = compile_selector(daemon_set.spec.selector)
        revision, others = await self._history.sync(daemon_set, daemon_set.spec.template, selector)
        owned = await self._control.owned(daemon_set)
        pods: dict[str, list[PodView]] = {}
        for pod in owned:
            pods.setdefault(node_of(pod), []).append(pod)
        nodes, now = self._nodes.list(), self._clock.time()
        failure: ApiError | None = None
        if self._control.unsettled_for(daemon_set) is not None:
            decide(why=UNSETTLED)
        else:
            steps = plan(daemon_set, revision.hash, nodes, pods, now)
            decide(steps, why=f"{count(len(owned), 'pod')}, {count(len(nodes), 'node')}")
            failure = await self._perform(daemon_set, revision, steps)
        await self._write_status(daemon_set, compute_status(daemon_set, revision.hash, nodes, pods, now))
        if failure is not None:
            raise failure
        used = {pod.metadata.labels.get(HASH_LABEL, "") for pod in owned}
        await self._history.truncate(daemon_set, others, used, daemon_set.spec.revision_history_limit)
        return soonest(self._control.unsettled_for(daemon_set), float(daemon_set.spec.min_ready_seconds) or None)

    async def _perform(self, daemon_set: DaemonSet, revision: Revision, steps: Plan) -> ApiError | None:
        doomed = {pod.uid: pod for pod in steps.delete}
        if doomed:
            return await self._control.delete(daemon_set, doomed.values())
        if steps.create:
            return await self._control.create(daemon_set, [_body(daemon_set, revision, name) for name in steps.create])
        return None

    async def _write_status(self, daemon_set: DaemonSet, status: DaemonSetStatus) -> None:
        patch = status_patch(daemon_set.status, status)
        if patch:
            await self._api.patch(
                DaemonSet, daemon_set.name, patch, namespace=daemon_set.namespace, subresource="status"
            )


def _body(daemon_set: DaemonSet, revision: Revision, node: str) -> JSON:
    body = pod_from_template(daemon_set.spec.template, owner_reference(daemon_set), generate_name=f"{daemon_set.name}-")
    labels = body["metadata"].get("labels", {})
    body["metadata"]["labels"] = {**labels, HASH_LABEL: revision.hash, "pod-template-generation": str(revision.number)}
    spec = body["spec"]
    added = [*TOLERATIONS, *([_NETWORK] if spec.get("hostNetwork") else [])]
    present = spec.get("tolerations", [])
    spec["tolerations"] = [*present, *(one for one in added if one not in present)]
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    affinity = dict(spec.get("affinity") or {})
    node_affinity = dict(affinity.get("nodeAffinity") or {})
    node_affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [term]}
    spec["affinity"] = {**affinity, "nodeAffinity": node_affinity}
    return body


def _face(node: Node) -> tuple[Any, ...]:
    """All of a node that a DaemonSet's choice depends on."""
    return node.metadata.labels, node.spec.taints


def build(context: Context) -> Managed:
    controller = DaemonSetController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
