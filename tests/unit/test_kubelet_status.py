"""A pod's status: what the runtime has in, what the API shows out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.pod import PodStatus
from kubelet.container_status import StatusView
from kubelet.pod_state import PodState
from kubelet.pods import qos_class
from kubelet.status import pod_status, status_patch, to_json
from kubelet.worker import Reason
from tests.unit.kubelet_harness import make_pod
from tests.unit.test_kubelet_worker import DEAD, INITS, JOB, NOW, ONE, READY, RETRY, run, state


def view(found: PodState, **more: Any) -> StatusView:
    running = frozenset(one.id for one in found.running)
    base = StatusView(found, NOW, "10.240.0.11", "docker", initialized=True, started=running, ready=running)
    return replace(base, **more)


CRASH = {"waiting": {"a": Reason("CrashLoopBackOff", "back-off")}}


@pytest.mark.parametrize(
    ("spec", "parts", "more", "phase"),
    [
        pytest.param(ONE, (), {}, "Pending", id="nothing yet"),
        pytest.param(ONE, (READY, run("a")), {}, "Running", id="running"),
        pytest.param(ONE, (READY, run("a", "exited", code=1)), {}, "Running", id="about to restart"),
        pytest.param(ONE, (READY, run("a", "exited", code=1)), CRASH, "Running", id="backing off"),
        pytest.param(JOB, (READY, run("a", "exited")), {}, "Succeeded", id="done"),
        pytest.param(JOB, (READY, run("a", "exited", code=3)), {}, "Failed", id="failed"),
        pytest.param(RETRY, (READY, run("a", "exited", code=3)), {}, "Running", id="to be retried"),
        pytest.param(INITS, (READY, run("i")), {}, "Pending", id="initializing"),
        pytest.param(
            {**INITS, "restartPolicy": "Never"}, (READY, run("i", "exited", code=1)), {}, "Failed", id="init failed"
        ),
        pytest.param(ONE, (DEAD, run("a", "exited")), {"over": True}, "Succeeded", id="deleted, ended well"),
        pytest.param(ONE, (DEAD, run("a", "exited", code=143)), {"over": True}, "Failed", id="deleted, ended badly"),
        pytest.param(ONE, (READY, run("a")), {"failed": Reason("Evicted", "why")}, "Running", id="not while it runs"),
        pytest.param(ONE, (DEAD,), {"failed": Reason("Evicted", "why"), "over": True}, "Failed", id="evicted"),
    ],
)
def test_phase(spec: dict[str, Any], parts: tuple[Any, ...], more: dict[str, Any], phase: str) -> None:
    old = {"phase": "Running"} if "failed" in more else {}
    assert pod_status(make_pod(spec, old), view(state(*parts), **more)).phase == phase


def only(status: PodStatus) -> dict[str, Any]:
    found: dict[str, Any] = to_json(status)["containerStatuses"][0]
    return found


def test_a_waiting_container_has_every_required_field() -> None:
    status = only(pod_status(make_pod({"containers": [{"name": "a", "image": "nginx"}]}), view(state())))
    assert status == {
        "name": "a",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "image": "nginx",
        "imageID": "",
        "state": {"waiting": {"reason": "ContainerCreating"}},
        "lastState": {},
    }


def test_a_backing_off_container_shows_how_it_ended_before() -> None:
    ended = run("a", "exited", 2, 1, message="boom")
    status = only(pod_status(make_pod(ONE), view(state(READY, ended), **CRASH)))
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    last = status["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], last["message"]) == (1, "Error", "boom")
    assert last["containerID"] == "docker://a-2" and status["restartCount"] == 2


def test_an_exit_code_of_zero_is_written() -> None:
    status = only(pod_status(make_pod(JOB), view(state(READY, run("a", "exited")))))
    assert status["state"]["terminated"]["exitCode"] == 0
    assert status["state"]["terminated"]["reason"] == "Completed"


def test_a_lost_container_is_said_to_be_lost() -> None:
    known = {"name": "a", "containerID": "docker://x", "restartCount": 4, "state": {"running": {}}}
    status = only(pod_status(make_pod(ONE, {"containerStatuses": [known]}), view(state(READY))))
    assert status["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert status["restartCount"] == 4


def conditions(status: PodStatus) -> dict[str, tuple[str, str, str]]:
    return {one.type: (one.status, one.reason, one.message) for one in status.conditions}


def test_conditions_while_initializing() -> None:
    found = conditions(pod_status(make_pod(INITS), view(state(READY, run("i")), initialized=False)))
    assert found == {
        "PodReadyToStartContainers": ("True", "", ""),
        "Initialized": ("False", "ContainersNotInitialized", "containers with incomplete status: [i s j]"),
        "Ready": ("False", "ContainersNotReady", "containers with unready status: [s a]"),
        "ContainersReady": ("False", "ContainersNotReady", "containers with unready status: [s a]"),
        "PodScheduled": ("True", "", ""),
    }


def test_conditions_of_what_ran_its_course() -> None:
    found = conditions(pod_status(make_pod(JOB), view(state(DEAD, run("a", "exited")), over=True)))
    assert found["Ready"] == ("False", "PodCompleted", "")
    assert found["Initialized"] == ("True", "PodCompleted", "")
    assert found["PodReadyToStartContainers"][0] == "False"


def test_a_readiness_gate_must_be_passed() -> None:
    spec = {**ONE, "readinessGates": [{"conditionType": "x/y"}]}
    up = view(state(READY, run("a")))
    missing = conditions(pod_status(make_pod(spec), up))["Ready"]
    assert missing[2] == 'corresponding condition of pod readiness gate "x/y" does not exist.'
    told = make_pod(spec, {"conditions": [{"type": "x/y", "status": "True"}]})
    status = pod_status(told, up)
    assert conditions(status)["Ready"][0] == "True"
    assert conditions(status)["x/y"] == ("True", "", "")


def test_transition_times_stay_while_nothing_changes() -> None:
    pod = make_pod(
        ONE, {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}
    )
    status = pod_status(pod, view(state(READY, run("a"))))
    kept = {one.type: one.last_transition_time for one in status.conditions}
    assert kept["Ready"] == "2020-01-01T00:00:00Z" and kept["Initialized"] == "2027-01-15T08:00:00Z"


def test_what_is_as_it_should_be_needs_no_patch() -> None:
    up = view(state(READY, run("a")))
    first = pod_status(make_pod(ONE), up)
    again = pod_status(make_pod(ONE, to_json(first)), replace(up, now=NOW + 60))
    assert status_patch(first, again) == {}


def test_a_patch_says_what_changed_and_what_is_gone() -> None:
    before = pod_status(make_pod(ONE), view(state(READY, run("a"))))
    after = replace_status(before, pod_ip="", pod_ips=(), phase="Failed")
    assert status_patch(before, after) == {"phase": "Failed", "podIP": None, "podIPs": None}


def replace_status(status: PodStatus, **more: Any) -> PodStatus:
    import msgspec

    return msgspec.structs.replace(status, **more)


def test_an_ended_pod_keeps_its_address() -> None:
    pod = make_pod(JOB, {"podIPs": [{"ip": "10.244.1.9"}]})
    assert pod_status(pod, view(state())).pod_ip == "10.244.1.9"
    host = make_pod({**ONE, "hostNetwork": True})
    assert pod_status(host, view(state(READY))).pod_ip == "10.240.0.11"


SMALL = {"cpu": "100m", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ([{}], "BestEffort"),
        ([{"requests": SMALL}], "Burstable"),
        ([{"limits": SMALL}], "Guaranteed"),
        ([{"limits": SMALL, "requests": SMALL}], "Guaranteed"),
        ([{"limits": SMALL, "requests": {"cpu": "0.1", "memory": "1024Mi"}}], "Guaranteed"),
        ([{"limits": SMALL}, {}], "Burstable"),
        ([{"limits": {"cpu": "1"}}], "Burstable"),
    ],
)
def test_quality_of_service(resources: list[dict[str, Any]], qos: str) -> None:
    containers = [{"name": f"c{number}", "resources": one} for number, one in enumerate(resources)]
    assert qos_class(make_pod({"containers": containers})) == qos
