"""A pod's conditions, from the statuses of its containers. Pure. Rules: API documentation, "Pod conditions"."""

from __future__ import annotations

from collections.abc import Sequence

from api.container import Container
from api.meta import Condition
from api.pod import ContainerStatus, Pod, condition
from apimachinery.timestamps import format_time
from kubelet.container_status import StatusView
from kubelet.pods import is_sidecar

Verdict = tuple[bool, str, str]
"""Holds or not, reason, message."""


def conditions(
    pod: Pod, phase: str, inits: Sequence[ContainerStatus], regulars: Sequence[ContainerStatus], view: StatusView
) -> tuple[Condition, ...]:
    """The kubelet's own conditions and, unchanged, everybody else's."""
    ready_containers = _containers_ready(pod, phase, inits, regulars)
    verdicts: dict[str, Verdict] = {
        "PodReadyToStartContainers": (_sandbox_ready(pod, view), "", ""),
        "Initialized": _initialized(pod, phase, inits, regulars),
        "Ready": _ready(pod, ready_containers),
        "ContainersReady": ready_containers,
        "PodScheduled": (True, "", ""),
    }
    own = {kind: _condition(pod, kind, verdict, view.now) for kind, verdict in verdicts.items()}
    # In the order the API has them, so that a list of the same conditions is the same list.
    kept = [own.pop(one.type, one) for one in pod.status.conditions]
    return (*own.values(), *kept)


def _condition(pod: Pod, kind: str, verdict: Verdict, now: float) -> Condition:
    holds, reason, message = verdict
    status = "True" if holds else "False"
    old = condition(pod.status.conditions, kind)
    since = old.last_transition_time if old and old.status == status else format_time(now)
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=since,
        observed_generation=pod.metadata.generation or None,
    )


def _sandbox_ready(pod: Pod, view: StatusView) -> bool:
    sandbox = view.state.sandbox
    return sandbox is not None and sandbox.ready and (pod.spec.host_network or bool(sandbox.ips))


def _initialized(
    pod: Pod, phase: str, inits: Sequence[ContainerStatus], regulars: Sequence[ContainerStatus]
) -> Verdict:
    if phase == "Succeeded":
        return True, "PodCompleted", ""
    if any(one.container_id for one in regulars):
        return True, "", ""
    statuses = {one.name: one for one in inits}
    undone = [one.name for one in pod.spec.init_containers if not _init_done(one, statuses[one.name])]
    if undone:
        return False, "ContainersNotInitialized", f"containers with incomplete status: {_listed(undone)}"
    return True, "", ""


def _init_done(container: Container, status: ContainerStatus) -> bool:
    return bool(status.started) if is_sidecar(container) else status.ready


def _containers_ready(
    pod: Pod, phase: str, inits: Sequence[ContainerStatus], regulars: Sequence[ContainerStatus]
) -> Verdict:
    if phase == "Succeeded":
        return False, "PodCompleted", ""
    if phase == "Failed":
        return False, "PodFailed", ""
    sidecars = {one.name for one in pod.spec.init_containers if is_sidecar(one)}
    unready = [one.name for one in (*inits, *regulars) if not one.ready and (one in regulars or one.name in sidecars)]
    if unready:
        return False, "ContainersNotReady", f"containers with unready status: {_listed(unready)}"
    return True, "", ""


def _ready(pod: Pod, ready_containers: Verdict) -> Verdict:
    if not ready_containers[0]:
        return ready_containers
    closed = [text for gate in pod.spec.readiness_gates if (text := _closed(pod, gate.condition_type))]
    return (False, "ReadinessGatesNotReady", ", ".join(closed)) if closed else (True, "", "")


def _closed(pod: Pod, kind: str) -> str:
    """Why a readiness gate is not passed; "" if it is."""
    found = condition(pod.status.conditions, kind)
    if found is None:
        return f'corresponding condition of pod readiness gate "{kind}" does not exist.'
    if found.status != "True":
        return f'the status of pod readiness gate "{kind}" is not "True", but {found.status}'
    return ""


def _listed(names: Sequence[str]) -> str:
    """As Go prints a slice."""
    return "[" + " ".join(names) + "]"
