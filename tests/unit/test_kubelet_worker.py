"""What the pod worker decides: spec and runtime state in, actions out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubelet.backoff import Backoff
from kubelet.durations import format_duration
from kubelet.pod_state import Instance, PodState, Sandbox, pod_state
from kubelet.pods import Kind
from kubelet.worker import (
    CreateSandbox,
    KillPod,
    Observed,
    RemoveContainer,
    RemoveSandbox,
    StartContainer,
    StopContainer,
    decide,
)
from tests.unit.kubelet_harness import make_pod

NOW = 1_800_000_000.0
READY = Sandbox("s1", 0, True, ("10.244.1.2",), NOW)
DEAD = replace(READY, ready=False)


def run(
    name: str, state: str = "running", attempt: int = 0, code: int = 0, sandbox: str = "s1", **more: Any
) -> Instance:
    base = Instance(f"{name}-{attempt}", name, attempt, sandbox, state, NOW, NOW, 0.0, code)  # type: ignore[arg-type]
    return replace(base, finished_at=NOW if state == "exited" else 0.0, **more)


def state(*parts: Sandbox | Instance) -> PodState:
    sandboxes = [one for one in parts if isinstance(one, Sandbox)]
    return pod_state("u1", sandboxes=sandboxes, instances=[one for one in parts if isinstance(one, Instance)])


def seen(*parts: Sandbox | Instance, **more: Any) -> Observed:
    return Observed(state(*parts), NOW, **{"backoff": Backoff(), **more})


ONE = {"containers": [{"name": "a"}], "restartPolicy": "Always"}
JOB = {**ONE, "restartPolicy": "Never"}
RETRY = {**ONE, "restartPolicy": "OnFailure"}
INITS = {**ONE, "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}, {"name": "j"}]}

START_A = StartContainer("a", Kind.REGULAR, 0)
CHANGED = "Pod sandbox changed, it will be killed and re-created."


@pytest.mark.parametrize(
    ("spec", "parts", "actions"),
    [
        pytest.param(ONE, (), (CreateSandbox(0),), id="nothing there: a sandbox first"),
        pytest.param(ONE, (READY,), (START_A,), id="then the container"),
        pytest.param(ONE, (READY, run("a")), (), id="and then nothing"),
        pytest.param(
            ONE, (DEAD, run("a")), (StopContainer("a-0", "a", CHANGED),), id="sandbox lost: stop what is left"
        ),
        pytest.param(ONE, (DEAD, run("a", "exited", code=137)), (CreateSandbox(1),), id="then a new sandbox"),
        pytest.param(ONE, (replace(READY, ips=()),), (CreateSandbox(1),), id="a sandbox without address is no good"),
        pytest.param({**ONE, "hostNetwork": True}, (replace(READY, ips=()),), (START_A,), id="unless it needs none"),
        pytest.param(
            ONE, (READY, run("a", "exited")), (StartContainer("a", Kind.REGULAR, 1, NOW),), id="Always restarts success"
        ),
        pytest.param(JOB, (READY, run("a", "exited", code=1)), (KillPod(30),), id="Never ends"),
        pytest.param(RETRY, (READY, run("a", "exited")), (KillPod(30),), id="OnFailure ends with success"),
        pytest.param(
            RETRY,
            (READY, run("a", "exited", code=1)),
            (StartContainer("a", Kind.REGULAR, 1, NOW),),
            id="OnFailure restarts failure",
        ),
        pytest.param(
            ONE, (READY, run("a", "created")), (RemoveContainer("a-0"), START_A), id="created, never started: made anew"
        ),
        pytest.param(INITS, (READY,), (StartContainer("i", Kind.INIT, 0),), id="init containers first"),
        pytest.param(INITS, (READY, run("i")), (), id="one at a time"),
        pytest.param(
            INITS, (READY, run("i", "exited")), (StartContainer("s", Kind.SIDECAR, 0),), id="a sidecar in its turn"
        ),
        pytest.param(INITS, (READY, run("i", "exited"), run("s")), (), id="waits for the sidecar to have started"),
        pytest.param(
            INITS,
            (READY, run("i", "exited", code=1)),
            (StartContainer("i", Kind.INIT, 1, NOW),),
            id="a failed init container is tried again",
        ),
        pytest.param(
            {**INITS, "restartPolicy": "Never"},
            (READY, run("i", "exited", code=1)),
            (KillPod(30),),
            id="or ends the pod",
        ),
        pytest.param(
            INITS,
            (replace(READY, id="s2", attempt=1), run("i", "exited"), DEAD),
            (StartContainer("i", Kind.INIT, 1, NOW),),
            id="a new sandbox runs them again",
        ),
        pytest.param(
            {**ONE, "initContainers": [{"name": "s", "restartPolicy": "Always"}]},
            (READY, run("a"), run("s", "exited", code=1)),
            (StartContainer("s", Kind.SIDECAR, 1, NOW),),
            id="a sidecar is restarted while the pod runs",
        ),
        pytest.param(
            {**JOB, "initContainers": [{"name": "s", "restartPolicy": "Always"}]},
            (READY, run("a", "exited"), run("s")),
            (KillPod(30),),
            id="a running sidecar does not keep a job",
        ),
        pytest.param(
            {**JOB, "containers": [{"name": "a", "restartPolicy": "Always"}]},
            (READY, run("a", "exited")),
            (StartContainer("a", Kind.REGULAR, 1, NOW),),
            id="a container's own policy wins",
        ),
        pytest.param(
            {
                **JOB,
                "containers": [
                    {
                        "name": "a",
                        "restartPolicy": "Never",
                        "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}],
                    }
                ],
            },
            (READY, run("a", "exited", code=42)),
            (StartContainer("a", Kind.REGULAR, 1, NOW),),
            id="and its rules before that",
        ),
        pytest.param(
            {**ONE, "ephemeralContainers": [{"name": "d"}]},
            (READY, run("a"), run("d", "exited")),
            (),
            id="a debugging container runs once",
        ),
        pytest.param(
            ONE,
            (READY, run("a", attempt=3), run("a", "exited", 2), run("a", "exited", 1)),
            (RemoveContainer("a-1"),),
            id="one dead run is kept",
        ),
    ],
)
def test_actions(spec: dict[str, Any], parts: tuple[Any, ...], actions: tuple[Any, ...]) -> None:
    assert decide(make_pod(spec), seen(*parts)).actions == actions


def test_an_old_sandbox_without_containers_is_removed() -> None:
    newer = replace(READY, id="s2", attempt=1)
    assert decide(make_pod(ONE), seen(newer, DEAD, run("a", sandbox="s2"))).actions == (RemoveSandbox("s1"),)


def test_sidecar_started_lets_the_next_init_container_run() -> None:
    parts = (READY, run("i", "exited"), run("s"))
    assert decide(make_pod(INITS), seen(*parts, started=frozenset({"s-0"}))).actions == (
        StartContainer("j", Kind.INIT, 0),
    )


def test_a_crash_waits_and_says_until_when() -> None:
    backoff = Backoff()
    pod = make_pod({**ONE, "containers": [{"name": "a", "image": "x"}]})
    backoff.advance(("u1", "a", "x"), NOW, NOW)
    found = decide(pod, seen(READY, run("a", "exited", 1, 1), backoff=backoff))
    assert found.actions == () and found.recheck_at == NOW + 10
    assert found.waiting["a"].reason == "CrashLoopBackOff"
    assert found.waiting["a"].message == "back-off 10s restarting failed container=a pod=web_default(u1)"


def test_an_exit_counts_from_when_the_cluster_clock_saw_it() -> None:
    backoff = Backoff()
    pod = make_pod({**ONE, "containers": [{"name": "a", "image": "x"}]})
    backoff.advance(("u1", "a", "x"), NOW - 5, NOW - 5)
    found = decide(pod, seen(READY, run("a", "exited", 1, 1), backoff=backoff, exits={"a-1": NOW - 4}))
    assert found.recheck_at == NOW + 6


def test_an_unhealthy_container_is_stopped_with_its_probes_grace() -> None:
    probe = {"livenessProbe": {"terminationGracePeriodSeconds": 3}}
    pod = make_pod({**ONE, "containers": [{"name": "a", **probe}]})
    found = decide(pod, seen(READY, run("a"), unhealthy={"a-0": "liveness"}))
    message = "Container a failed liveness probe, will be restarted"
    assert found.actions == (StopContainer("a-0", "a", message, 3),)


def test_a_new_image_restarts_the_container() -> None:
    found = decide(make_pod(ONE), seen(READY, run("a", spec_hash="old"), spec_hashes={"a": "new"}))
    assert found.actions == (StopContainer("a-0", "a", "Container a definition changed, will be restarted"),)


def test_deletion_kills_and_then_is_finished() -> None:
    deleted = make_pod(ONE, deletionTimestamp="2026-11-20T10:00:00Z", deletionGracePeriodSeconds=7)
    assert decide(deleted, seen(READY, run("a"))).actions == (KillPod(7),)
    assert decide(deleted, seen(DEAD, run("a", "exited"))).finished
    assert decide(deleted, seen()).finished


def test_the_deadline_fails_the_pod() -> None:
    pod = make_pod({**ONE, "activeDeadlineSeconds": 60}, {"startTime": "2027-01-15T07:59:00Z"})
    found = decide(pod, seen(READY, run("a")))
    assert found.actions == (KillPod(30),) and found.failed is not None and found.failed.reason == "DeadlineExceeded"
    early = make_pod({**ONE, "activeDeadlineSeconds": 61}, {"startTime": "2027-01-15T07:59:00Z"})
    assert decide(early, seen(READY, run("a"))).recheck_at == NOW + 1


def test_a_run_that_only_the_api_remembers_counts() -> None:
    known = [{"name": "a", "containerID": "docker://x", "restartCount": 4}]
    pod = make_pod(ONE, {"containerStatuses": known})
    assert decide(pod, seen(READY)).actions == (StartContainer("a", Kind.REGULAR, 5),)


def test_a_terminal_pod_is_never_started() -> None:
    assert decide(make_pod(ONE, {"phase": "Failed"}), seen()).actions == ()
    assert decide(make_pod(ONE, {"phase": "Failed"}), seen()).finished


def test_backoff_doubles_to_its_maximum_and_forgets() -> None:
    backoff, key, now = Backoff(), ("u", "a"), NOW
    waits = []
    for _ in range(8):
        waits.append(backoff.until(key, now) - now)
        backoff.advance(key, now, now)
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.until(key, now + 601) == now + 601
    backoff.forget("u")
    assert backoff.delay(key) == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.35, "350ms"), (1.5, "1.5s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3725, "1h2m5s")],
)
def test_durations_as_go_prints_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
