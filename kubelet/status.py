"""A pod's status, from the spec and what the runtime has. Pure. Rules: API documentation, "Pod Lifecycle"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from api.container import Container
from api.meta import Condition
from api.pod import ContainerStatus, Pod, PodIP, PodStatus
from apimachinery.timestamps import format_time
from kubelet.conditions import conditions
from kubelet.container_status import StatusView, container_status
from kubelet.pods import Kind, is_sidecar, qos_class, restarts

JSON = dict[str, Any]


def pod_status(pod: Pod, view: StatusView) -> PodStatus:
    """The whole status as it should be now; what other writers own is kept as it is."""
    old = pod.status
    inits = _statuses(pod, pod.spec.init_containers, old.init_container_statuses, view)
    regulars = _statuses(pod, pod.spec.containers, old.container_statuses, view)
    phase = _settled_phase(pod, inits, regulars, view)
    ips = _pod_ips(pod, view)
    return PodStatus(
        phase=phase,
        conditions=conditions(pod, phase, inits, regulars, view),
        message=view.failed.message if view.failed else old.message,
        reason=view.failed.reason if view.failed else old.reason,
        nominated_node_name=old.nominated_node_name,
        host_ip=view.host_ip,
        host_ips=(PodIP(ip=view.host_ip),) if view.host_ip else (),
        observed_generation=pod.metadata.generation or None,
        pod_ip=ips[0] if ips else "",
        pod_ips=tuple(PodIP(ip=ip) for ip in ips),
        start_time=old.start_time or format_time(view.now),
        init_container_statuses=inits,
        container_statuses=regulars,
        ephemeral_container_statuses=_statuses(
            pod, pod.spec.ephemeral_containers, old.ephemeral_container_statuses, view
        ),
        qos_class=old.qos_class or qos_class(pod),
    )


def rejected_status(pod: Pod, reason: str, message: str, now: float, host_ip: str) -> PodStatus:
    """The status of a pod that the node will not run: Failed, for good."""
    return PodStatus(
        phase="Failed",
        reason=reason,
        message=message,
        conditions=pod.status.conditions,
        host_ip=host_ip,
        host_ips=(PodIP(ip=host_ip),) if host_ip else (),
        observed_generation=pod.metadata.generation or None,
        start_time=pod.status.start_time or format_time(now),
        qos_class=pod.status.qos_class or qos_class(pod),
        nominated_node_name=pod.status.nominated_node_name,
    )


def _statuses(
    pod: Pod, specs: Sequence[Container], olds: Sequence[ContainerStatus], view: StatusView
) -> tuple[ContainerStatus, ...]:
    by_name = {one.name: one for one in olds}
    return tuple(container_status(pod, _kind(pod, spec), spec, by_name.get(spec.name), view) for spec in specs)


def _kind(pod: Pod, spec: Container) -> Kind:
    if spec in pod.spec.init_containers:
        return Kind.SIDECAR if is_sidecar(spec) else Kind.INIT
    return Kind.REGULAR if spec in pod.spec.containers else Kind.EPHEMERAL


def _pod_ips(pod: Pod, view: StatusView) -> tuple[str, ...]:
    """The newest sandbox's, or those last known: an ended pod keeps its address in the API."""
    if pod.spec.host_network:
        return (view.host_ip,) if view.host_ip else ()
    sandbox = view.state.sandbox
    if sandbox is not None and sandbox.ips:
        return sandbox.ips
    return tuple(one.ip for one in pod.status.pod_ips) if sandbox is None or not sandbox.ready else ()


def _settled_phase(
    pod: Pod, inits: Sequence[ContainerStatus], regulars: Sequence[ContainerStatus], view: StatusView
) -> str:
    """The phase; a terminal one is never left, and never entered while a container runs."""
    if pod.status.phase in ("Succeeded", "Failed"):
        return pod.status.phase
    found = "Failed" if view.failed else phase(pod, inits, regulars, over=view.over)
    if found in ("Succeeded", "Failed") and view.state.running:
        return pod.status.phase or "Pending"
    return found


def phase(pod: Pod, inits: Sequence[ContainerStatus], regulars: Sequence[ContainerStatus], *, over: bool) -> str:
    """`over`: nothing will be started again, whatever the restart policy says."""
    pending, failed = _initialization(pod, inits)
    if failed:
        return "Failed"
    if pending and not over and not any(one.container_id for one in regulars):
        return "Pending"
    waiting = [one for one in regulars if one.state.waiting and not one.last_state.terminated]
    if waiting:
        return "Pending"
    if any(one.state.running for one in regulars):
        return "Running"
    specs = {one.name: one for one in pod.spec.containers}
    codes = [(specs[one.name], (one.state.terminated or one.last_state.terminated)) for one in regulars]
    coming_back = any(ended and restarts(pod, Kind.REGULAR, spec, ended.exit_code) for spec, ended in codes)
    if coming_back and not over:
        return "Running"
    return "Succeeded" if all(ended and ended.exit_code == 0 for _, ended in codes) else "Failed"


def _initialization(pod: Pod, inits: Sequence[ContainerStatus]) -> tuple[bool, bool]:
    """Is some init container not done, and has one failed for good?"""
    pending = failed = False
    for spec, status in zip(pod.spec.init_containers, inits, strict=True):
        if is_sidecar(spec):
            pending = pending or not status.started
            continue
        ended = status.state.terminated
        if ended is None:
            pending = True
        elif ended.exit_code != 0:
            pending = True
            failed = failed or not restarts(pod, Kind.INIT, spec, ended.exit_code)
    return pending, failed


# --- as JSON


def status_patch(old: PodStatus, new: PodStatus) -> JSON:
    """A merge patch's `status`, from one to the other; empty if nothing changed.

    Lists go whole: the writer must see to it that `old` is still what the API has.
    """
    before, after = to_json(old), to_json(new)
    patch: JSON = {key: value for key, value in after.items() if before.get(key) != value}
    return patch | {key: None for key in before if key not in after}


def to_json(status: PodStatus) -> JSON:
    """With the fields that the API requires even where they are zero, and without what is empty."""
    tree: JSON = msgspec.to_builtins(status)
    for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        if tree.get(key):
            tree[key] = [_container_json(one) for one in tree[key]]
    if "conditions" in tree:
        tree["conditions"] = [_condition_json(one) for one in status.conditions]
    return tree


def _container_json(tree: JSON) -> JSON:
    for side in ("state", "lastState"):
        for name, value in tree.get(side, {}).items():
            if name == "terminated":
                value.setdefault("exitCode", 0)
    required: JSON = {"name": "", "ready": False, "restartCount": 0, "image": "", "imageID": "", "lastState": {}}
    return required | tree


def _condition_json(one: Condition) -> JSON:
    tree: JSON = msgspec.to_builtins(one)
    return {"lastProbeTime": None, "lastTransitionTime": None} | tree
