"""The STATUS word and the other cells of a pod."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.resources import GVK
from apimachinery.timestamps import format_time
from apiserver.registry.tables import columns, rows

NOW = 1_800_000_000.0
POD = GVK("", "v1", "Pod")


def ago(seconds: float) -> str:
    return format_time(NOW - seconds)


def pod(status: dict[str, Any], *, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "creationTimestamp": ago(100), **metadata},
        "spec": {"containers": [{"name": "a"}, {"name": "b"}], **(spec or {})},
        "status": status,
    }


def running(*, ready: bool = True, restarts: int = 0, **last: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": "a", "ready": ready, "restartCount": restarts, "state": {"running": {}}}
    return {**found, "lastState": {"terminated": last}} if last else found


def waiting(reason: str) -> dict[str, Any]:
    return {"name": "b", "ready": False, "restartCount": 0, "state": {"waiting": {"reason": reason}}}


def ended(**how: Any) -> dict[str, Any]:
    return {"name": "b", "ready": False, "restartCount": 0, "state": {"terminated": how}}


READY = [{"type": "Ready", "status": "True"}]
INIT = {"initContainers": [{"name": "i"}, {"name": "j"}]}
SIDECAR = {"initContainers": [{"name": "i", "restartPolicy": "Always"}]}


@pytest.mark.parametrize(
    ("given", "ready", "status"),
    [
        (pod({"phase": "Pending"}), "0/2", "Pending"),
        (pod({"phase": "Failed", "reason": "Evicted"}), "0/2", "Evicted"),
        (pod({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}), "0/2",
         "SchedulingGated"),
        (pod({"phase": "Running", "containerStatuses": [running(), running()]}), "2/2", "Running"),
        (pod({"phase": "Running", "containerStatuses": [running(), waiting("CrashLoopBackOff")]}), "1/2",
         "CrashLoopBackOff"),
        (pod({"phase": "Succeeded", "containerStatuses": [ended(reason="Completed", exitCode=0)] * 2}), "0/2",
         "Completed"),
        (pod({"phase": "Failed", "containerStatuses": [ended(exitCode=3)]}), "0/2", "ExitCode:3"),
        (pod({"phase": "Failed", "containerStatuses": [ended(exitCode=137, signal=9)]}), "0/2", "Signal:9"),
        (pod({"phase": "Running", "conditions": READY, "containerStatuses": [
            ended(reason="Completed", exitCode=0), running()]}), "1/2", "Running"),
        (pod({"phase": "Running", "containerStatuses": [ended(reason="Completed", exitCode=0), running()]}), "1/2",
         "NotReady"),
        (pod({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]}, spec=INIT),
         "0/2", "Init:0/2"),
        (pod({"phase": "Pending", "initContainerStatuses": [
            ended(exitCode=0), {"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}}]}, spec=INIT),
         "0/2", "Init:1/2"),
        (pod({"phase": "Pending", "initContainerStatuses": [waiting("CrashLoopBackOff")]}, spec=INIT), "0/2",
         "Init:CrashLoopBackOff"),
        (pod({"phase": "Pending", "initContainerStatuses": [ended(exitCode=1, reason="Error")]}, spec=INIT), "0/2",
         "Init:Error"),
        (pod({"phase": "Pending", "initContainerStatuses": [ended(exitCode=2)]}, spec=INIT), "0/2",
         "Init:ExitCode:2"),
        (pod({"phase": "Running", "containerStatuses": [running(), running()], "initContainerStatuses": [
            {"name": "i", "started": True, "ready": True, "restartCount": 0, "state": {"running": {}}}]}, spec=SIDECAR),
         "3/3", "Running"),
        (pod({"phase": "Running"}, deletionTimestamp=ago(1)), "0/2", "Terminating"),
        (pod({"phase": "Succeeded"}, deletionTimestamp=ago(1)), "0/2", "Succeeded"),
        (pod({"phase": "Running", "reason": "NodeLost"}, deletionTimestamp=ago(1)), "0/2", "Unknown"),
    ],
)  # fmt: skip
def test_ready_and_status(given: dict[str, Any], ready: str, status: str) -> None:
    assert rows(POD, given, NOW)[1:3] == [ready, status]


def test_restarts_say_when_the_last_one_was() -> None:
    statuses = [running(restarts=2, finishedAt=ago(300)), running(restarts=1, finishedAt=ago(3600))]
    assert rows(POD, pod({"phase": "Running", "containerStatuses": statuses}), NOW)[3] == "3 (5m ago)"
    assert rows(POD, pod({"phase": "Running", "containerStatuses": [running(restarts=1)]}), NOW)[3] == "1"


def test_a_whole_row_fits_its_columns() -> None:
    status = {"phase": "Running", "podIPs": [{"ip": "10.244.1.2"}], "conditions": [{"type": "x", "status": "True"}]}
    given = pod(status, spec={"nodeName": "n1", "readinessGates": [{"conditionType": "x"}, {"conditionType": "y"}]})
    cells = rows(POD, given, NOW)
    assert cells == ["web", "0/2", "Running", "0", "100s", "10.244.1.2", "n1", "<none>", "1/2"]
    assert len(columns(POD)) == len(cells)
    assert [column["name"] for column in columns(POD) if column["priority"]] == [
        "IP", "Node", "Nominated Node", "Readiness Gates",
    ]  # fmt: skip
