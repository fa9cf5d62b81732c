"""One container's status, from its runs in the runtime. Pure. Rules: API documentation, "Container states"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.container import Container
from api.pod import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
)
from apimachinery.timestamps import format_time
from kubelet.pod_state import Instance, PodState
from kubelet.pods import Kind, restarts
from kubelet.worker import Reason

LOST = "The container could not be located when the pod was {}"


@dataclass(frozen=True, slots=True)
class StatusView:
    """What a pod's status is made of. `ready` and `started` hold container ids, `waiting` is by container name.

    `over` says that nothing of the pod runs and nothing will again. `failed` is why the kubelet ended it, if it did.
    """

    state: PodState
    now: float
    host_ip: str
    runtime_name: str
    initialized: bool = False
    over: bool = False
    failed: Reason | None = None
    started: frozenset[str] = frozenset()
    ready: frozenset[str] = frozenset()
    waiting: Mapping[str, Reason] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)


def container_status(
    pod: Pod, kind: Kind, container: Container, old: ContainerStatus | None, view: StatusView
) -> ContainerStatus:
    """The status of `container`; `old` is what the API has of it."""
    runs = view.state.of(container.name)
    if not runs:
        return _never_seen(pod, container, old, view)
    run = runs[0]
    state, last = _states(pod, kind, container, runs, view)
    if last.terminated is None and old is not None:
        last = old.last_state
    return ContainerStatus(
        name=container.name,
        state=state,
        last_state=last,
        ready=_is_ready(kind, run, view),
        restart_count=run.attempt,
        image=run.image or container.image,
        image_id=run.image_ref,
        container_id=full_id(view.runtime_name, run.id),
        started=run.state == "running" and run.id in view.started,
    )


def full_id(runtime_name: str, container_id: str) -> str:
    """`docker://0123...`."""
    return f"{runtime_name}://{container_id}"


def _is_ready(kind: Kind, run: Instance, view: StatusView) -> bool:
    if kind is Kind.INIT:
        return run.state == "exited" and run.exit_code == 0
    return run.state == "running" and run.id in view.started and run.id in view.ready


def _states(
    pod: Pod, kind: Kind, container: Container, runs: list[Instance], view: StatusView
) -> tuple[ContainerState, ContainerState]:
    """State and last state."""
    run = runs[0]
    before = next((_terminated(one, view) for one in runs[1:] if one.state == "exited"), ContainerState())
    if run.state in ("running", "unknown"):
        started = format_time(run.started_at) if run.started_at else None
        return ContainerState(running=ContainerStateRunning(started_at=started)), before
    if run.state == "created":
        return _waiting(container, view), before
    ended = _terminated(run, view)
    reason = view.waiting.get(container.name)
    if reason is not None and not view.over and restarts(pod, kind, container, run.exit_code):
        return _waiting(container, view), ended
    return ended, before


def _waiting(container: Container, view: StatusView) -> ContainerState:
    default = Reason("ContainerCreating" if view.initialized else "PodInitializing")
    reason = view.waiting.get(container.name, default)
    return ContainerState(waiting=ContainerStateWaiting(reason=reason.reason, message=reason.message))


def _terminated(run: Instance, view: StatusView) -> ContainerState:
    ended = ContainerStateTerminated(
        exit_code=run.exit_code,
        reason=run.reason or ("Completed" if run.exit_code == 0 else "Error"),
        message=view.messages.get(run.id, run.message),
        started_at=format_time(run.started_at) if run.started_at else None,
        finished_at=format_time(run.finished_at) if run.finished_at else None,
        container_id=full_id(view.runtime_name, run.id),
    )
    return ContainerState(terminated=ended)


def _never_seen(pod: Pod, container: Container, old: ContainerStatus | None, view: StatusView) -> ContainerStatus:
    """The runtime has no run of it: it has yet to start, or was lost after it had run."""
    if old is not None and old.state.terminated is not None and (view.over or pod.metadata.deletion_timestamp):
        return old
    state = _waiting(container, view)
    if view.over:
        state = ContainerState(terminated=_lost("terminated"))
    last = old.last_state if old else ContainerState()
    if old is not None and old.container_id and old.state.waiting is None:
        last = ContainerState(terminated=old.state.terminated or _lost("deleted", old))
    return ContainerStatus(
        name=container.name,
        state=state,
        last_state=last,
        restart_count=old.restart_count if old else 0,
        image=container.image,
        started=False,
    )


def _lost(when: str, old: ContainerStatus | None = None) -> ContainerStateTerminated:
    used = ".  The container used to be Running" if old else ""
    return ContainerStateTerminated(
        exit_code=137,
        reason="ContainerStatusUnknown",
        message=LOST.format(when) + used,
        container_id=old.container_id if old else "",
    )
