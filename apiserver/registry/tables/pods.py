"""The Pod's table: the one word of STATUS that sums up phase, conditions and every container's state."""

from __future__ import annotations

from typing import NamedTuple

from apimachinery.timestamps import parse_time
from apiserver.registry.tables.cells import (
    AGE,
    JSON,
    NAME,
    NONE,
    Cells,
    Column,
    Table,
    age,
    condition,
    containers,
    human_duration,
    labels,
    metadata,
    name,
    spec,
    status,
    wide,
)

TERMINAL = ("Succeeded", "Failed")


class Summary(NamedTuple):
    ready: int
    total: int
    reason: str
    restarts: int
    last_restart: float
    """When the newest finished run of a container ended, Unix seconds; 0 if there was none."""


class _Tally:
    """What is counted while the containers' states are read."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.ready = 0
        self.restarts = 0
        self.last_restart = 0.0
        self.sidecar_restarts = 0
        self.sidecar_last_restart = 0.0

    def restarted(self, container: JSON, *, sidecar: bool) -> None:
        count, ended = int(container.get("restartCount") or 0), _last_end(container)
        self.restarts += count
        self.last_restart = max(self.last_restart, ended)
        if sidecar:
            self.sidecar_restarts += count
            self.sidecar_last_restart = max(self.sidecar_last_restart, ended)


def _last_end(container: JSON) -> float:
    ended = ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
    return parse_time(ended) if ended else 0.0


def summarize(pod: JSON) -> Summary:
    """The Ready, Status and Restarts cells before they are written out."""
    found = status(pod)
    tally = _Tally(found.get("reason") or found.get("phase") or "")
    if any(one.get("reason") == "SchedulingGated" for one in found.get("conditions") or ()):
        tally.reason = "SchedulingGated"
    sidecars = {one["name"] for one in spec(pod).get("initContainers") or () if one.get("restartPolicy") == "Always"}
    initializing = _initialization(pod, tally, sidecars)
    if not initializing or condition(pod, "Initialized") == "True":
        _running(pod, tally)
    if metadata(pod).get("deletionTimestamp"):
        if found.get("reason") == "NodeLost":
            tally.reason = "Unknown"
        elif found.get("phase") not in TERMINAL:
            tally.reason = "Terminating"
    total = len(spec(pod).get("containers") or ()) + len(sidecars)
    return Summary(tally.ready, total, tally.reason, tally.restarts, tally.last_restart)


def _initialization(pod: JSON, tally: _Tally, sidecars: set[str]) -> bool:
    """Read the init containers up to the first that is not through. True if there is one."""
    of = len(spec(pod).get("initContainers") or ())
    for index, container in enumerate(status(pod).get("initContainerStatuses") or ()):
        sidecar = container.get("name") in sidecars
        tally.restarted(container, sidecar=sidecar)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), (state.get("waiting") or {}).get("reason") or ""
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            tally.ready += 1 if container.get("ready") else 0
            continue
        if terminated is not None:
            tally.reason = "Init:" + _ended(terminated)
        elif waiting and waiting != "PodInitializing":
            tally.reason = f"Init:{waiting}"
        else:
            tally.reason = f"Init:{index}/{of}"
        return True
    return False


def _ended(terminated: JSON) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode') or 0}"


def _running(pod: JSON, tally: _Tally) -> None:
    """Read the ordinary containers, last to first: the first one that has something to say has the last word."""
    tally.restarts, tally.last_restart = tally.sidecar_restarts, tally.sidecar_last_restart
    running = False
    for container in reversed(status(pod).get("containerStatuses") or ()):
        tally.restarted(container, sidecar=False)
        state = container.get("state") or {}
        waiting, terminated = (state.get("waiting") or {}).get("reason"), state.get("terminated")
        if waiting:
            tally.reason = waiting
        elif terminated is not None:
            tally.reason = _ended(terminated)
        elif container.get("ready") and state.get("running") is not None:
            running = True
            tally.ready += 1
    if tally.reason == "Completed" and running:
        tally.reason = "Running" if condition(pod, "Ready") == "True" else "NotReady"


def _row(pod: JSON, now: float) -> Cells:
    summary = summarize(pod)
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts += f" ({human_duration(now - summary.last_restart)} ago)"
    found = status(pod)
    addresses = found.get("podIPs") or ()
    gates = spec(pod).get("readinessGates") or ()
    passed = sum(condition(pod, gate.get("conditionType", "")) == "True" for gate in gates)
    return [
        name(pod),
        f"{summary.ready}/{summary.total}",
        summary.reason,
        restarts,
        age(pod, now),
        (addresses[0].get("ip") if addresses else found.get("podIP")) or NONE,
        spec(pod).get("nodeName") or NONE,
        found.get("nominatedNodeName") or NONE,
        f"{passed}/{len(gates)}" if gates else NONE,
    ]


def _template_row(obj: JSON, now: float) -> Cells:
    template = obj.get("template") or {}
    return [name(obj), *containers(template.get("spec") or {}), labels((template.get("metadata") or {}).get("labels"))]


TABLES = {
    ("", "Pod"): Table(
        (
            NAME,
            Column("Ready", "Containers that are ready, of how many."),
            Column("Status", "The pod's state in one word."),
            Column("Restarts", "How often its containers were started again, and when last."),
            AGE,
            wide("IP", "Address of the pod."),
            wide("Node", "Node that the pod is bound to."),
            wide("Nominated Node", "Node where others are being evicted to make room for this pod."),
            wide("Readiness Gates", "Extra conditions of readiness that hold, of how many."),
        ),
        _row,
    ),
    ("", "PodTemplate"): Table(
        (
            NAME,
            Column("Containers", "Names of the template's containers."),
            Column("Images", "Images of the template's containers."),
            Column("Pod Labels", "Labels of the template."),
        ),
        _template_row,
    ),
}
