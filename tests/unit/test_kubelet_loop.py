"""The whole kubelet over the simulated runtime and the in-memory API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.core import ConfigMap
from api.pod import Pod, is_ready
from apimachinery.errors import ApiError
from tests.unit.kubelet_harness import NODE, World, container, quiet
from wire import trace
from wire.rules import Action, Rule

NOT_READY = {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NodeNotReady"}]}}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    async with world.runtime():
        yield world


async def test_the_node_becomes_ready_once_it_has_addresses(world: World) -> None:
    async with world.running():
        node = await world.tree("nodes", NODE)
    ready = next(one for one in node["status"]["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "KubeletReady")
    assert node["metadata"]["annotations"]["orrery.dev/kubelet-address"] == "127.0.0.1:10250"


async def test_a_pod_runs(world: World) -> None:
    async with world.running():
        await world.create_pod("web", {"containers": [container()]})
        await quiet()
        pod, status = await world.pod("web"), await world.status("web")
        assert is_ready(pod) and pod.status.phase == "Running"
        assert status["podIP"].startswith("10.244.1.") and status["podIPs"] == [{"ip": status["podIP"]}]
        only = status["containerStatuses"][0]
        assert only["restartCount"] == 0 and only["started"] is True and only["containerID"].startswith("orrery-sim://")
        reasons = [reason for reason, _ in await world.events()]
        assert {"Pulling", "Pulled", "Created", "Started"} <= set(reasons)
        assert world.status_writes() == 2


async def test_a_deleted_pod_ends_and_leaves_the_api(world: World) -> None:
    async with world.running() as kubelet:
        pod = await world.create_pod("web", {"containers": [container()]})
        await quiet()
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 30})
        await quiet()
        with pytest.raises(ApiError):
            await world.pod("web")
        assert kubelet.cache.get(pod.uid).sandboxes == ()
        assert ("Killing", "Stopping container main") in await world.events()


async def test_a_deletion_that_a_status_write_tells_of_is_heeded(world: World) -> None:
    """The write is older than the deletion, so it is refused and the pod read again, before the watch says anything."""
    gates = world.seams.gates
    async with world.running():
        await world.create_pod("web", {"containers": [container()]})
        await quiet()
        write = gates.add(Rule("reconcile:pod-status", Action.HOLD))
        await world.api.patch(Pod, "web", NOT_READY, namespace="default", subresource="status")
        await quiet()
        watch = gates.add(Rule("watch:pods", Action.HOLD))
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 30})
        await quiet()
        assert {one.edge for one in gates.held()} == {"reconcile:pod-status", "watch:pods"}
        gates.delete(write.id, release=True)
        await quiet()
        gates.delete(watch.id, release=True)
        await quiet()
        with pytest.raises(ApiError):
            await world.pod("web")


@pytest.mark.parametrize("grace", [30, 0])
async def test_a_deletion_in_one_batch_with_another_change_is_heeded(world: World, grace: int) -> None:
    """As when a watch resumes: the first event makes the pod's task, the second finds it not yet begun."""
    async with world.running() as kubelet:
        pod = await world.create_pod("web", {"containers": [container()]})
        await quiet()
        world.api.server.break_watches()
        await world.api.patch(Pod, "web", NOT_READY, namespace="default", subresource="status")
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": grace})
        await world.clock.advance(2)
        await quiet()
        with pytest.raises(ApiError):
            await world.pod("web")
        assert kubelet.cache.get(pod.uid).running == ()


async def test_a_probe_that_changes_its_mind_within_a_write_is_told(world: World) -> None:
    """What is wanted then is what the API had before the write under way."""
    profiles = world.backend._profiles
    async with world.running():
        probe = {"exec": {"command": ["check"]}, "periodSeconds": 1, "failureThreshold": 1}
        await world.create_pod("web", {"containers": [container(readinessProbe=probe)]})
        await quiet()
        await world.clock.advance(2)
        await quiet()
        assert is_ready(await world.pod("web"))
        let_go = world.api.server.hold_writes("pods/status")
        (run,) = world.backend.store.containers
        for code in (1, 0):
            profiles[run] = replace(profiles[run], exec_exit_code=code)
            await world.clock.advance(1.5)
            await quiet()
        writes = world.status_writes()
        let_go()
        await quiet()
        assert world.status_writes() == writes + 1
        assert is_ready(await world.pod("web"))


async def test_a_deadline_counts_from_a_start_that_is_told_late(world: World) -> None:
    gates = world.seams.gates
    async with world.running():
        rule = gates.add(Rule("reconcile:pod-status", Action.HOLD))
        await world.create_pod("web", {"activeDeadlineSeconds": 20, "containers": [container()]})
        await quiet()
        gates.delete(rule.id, release=True)
        await quiet()
        await world.clock.advance(25)
        await quiet()
        assert (await world.status("web"))["reason"] == "DeadlineExceeded"


async def test_a_pod_of_a_restored_past_is_reported_and_ended(world: World) -> None:
    async with world.running():
        await world.create_pod("web", {"containers": [container()]}, annotations={"sim.orrery.dev/run-seconds": "10"})
        await quiet()
        past = world.api.server.store.snapshot()
        await world.clock.advance(12)
        await quiet()
        assert (await world.status("web"))["containerStatuses"][0]["restartCount"] == 1
        world.api.server.store.restore(*past)
        world.api.server.break_watches()
        await world.clock.advance(3)
        await quiet()
        assert (await world.status("web"))["containerStatuses"][0]["restartCount"] == 1
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 30})
        await quiet()
        with pytest.raises(ApiError):
            await world.pod("web")


async def test_a_crashing_container_backs_off(world: World) -> None:
    async with world.running():
        await world.create_pod("web", {"containers": [container()]}, annotations={"sim.orrery.dev/exit-code": "1"})
        await quiet()
        first = (await world.status("web"))["containerStatuses"][0]
        assert first["restartCount"] == 1
        waiting = first["state"]["waiting"]
        pod = await world.pod("web")
        assert waiting["reason"] == "CrashLoopBackOff"
        text = f"back-off 10s restarting failed container=main pod=web_default({pod.uid})"
        assert waiting["message"] == text
        assert first["lastState"]["terminated"]["exitCode"] == 1
        await world.clock.advance(10)
        await quiet()
        second = (await world.status("web"))["containerStatuses"][0]
        assert second["restartCount"] == 2
        assert "back-off 20s" in second["state"]["waiting"]["message"]


async def test_a_job_pod_succeeds(world: World) -> None:
    async with world.running() as kubelet:
        spec = {"restartPolicy": "Never", "containers": [container(command=["sh", "-c", "sleep 5; echo done"])]}
        pod = await world.create_pod("job", spec)
        await quiet()
        await world.clock.advance(6)
        await quiet()
        status = await world.status("job")
        assert status["phase"] == "Succeeded"
        assert status["containerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
        assert not kubelet.cache.get(pod.uid).is_alive
        assert {one["type"]: one.get("reason") for one in status["conditions"]}["Ready"] == "PodCompleted"


async def test_init_containers_and_sidecars_go_in_order(world: World) -> None:
    async with world.running():
        spec = {
            "restartPolicy": "Never",
            "initContainers": [
                container("one", command=["sleep", "2"]),
                container("side", restartPolicy="Always"),
                container("two", command=["sleep", "3"]),
            ],
            "containers": [container("main", command=["sleep", "4"])],
        }
        await world.create_pod("p", spec)
        await quiet()
        status = await world.status("p")
        assert status["phase"] == "Pending"
        assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
        await world.clock.advance(2)
        await quiet()
        names = [one["name"] for one in (await world.status("p"))["initContainerStatuses"] if one.get("containerID")]
        assert names == ["one", "side", "two"]
        await world.clock.advance(3)
        await quiet()
        assert (await world.status("p"))["phase"] == "Running"
        await world.clock.advance(4)
        await quiet()
        status = await world.status("p")
        assert status["phase"] == "Succeeded"
        assert "terminated" in status["initContainerStatuses"][1]["state"]


async def test_a_failing_pull_is_told_and_retried(world: World) -> None:
    async with world.running():
        await world.create_pod(
            "web", {"containers": [container()]}, annotations={"sim.orrery.dev/pull-error": "no such image"}
        )
        await quiet()
        state = (await world.status("web"))["containerStatuses"][0]["state"]["waiting"]
        assert state["reason"] == "ErrImagePull" and "no such image" in state["message"]
        await world.clock.advance(3)
        await quiet()
        state = (await world.status("web"))["containerStatuses"][0]["state"]["waiting"]
        assert state["reason"] == "ImagePullBackOff"


async def test_a_missing_config_map_is_told_and_waited_for(world: World) -> None:
    async with world.running():
        await world.create_pod(
            "web",
            {
                "containers": [
                    container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}])
                ]
            },
        )
        await quiet()
        waiting = (await world.status("web"))["containerStatuses"][0]["state"]["waiting"]
        assert waiting == {"reason": "CreateContainerConfigError", "message": 'configmap "c" not found'}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": "default"},
            "data": {"k": "v"},
        }
        await world.api.create(ConfigMap, body)
        await world.clock.advance(25)
        await quiet()
        assert (await world.status("web"))["phase"] == "Running"


async def test_a_restarted_kubelet_restarts_and_writes_nothing(world: World) -> None:
    probe = {"httpGet": {"path": "/", "port": 80}}
    async with world.running():
        await world.create_pod("web", {"containers": [container(readinessProbe=probe)]})
        await quiet()
        await world.clock.advance(11)
        before = await world.tree("pods", "web", "default")
        assert is_ready(await world.pod("web"))
    writes = world.status_writes()
    world.stub.calls.clear()
    world.new_kubelet()
    async with world.running():
        await world.clock.advance(30)
        await quiet()
        assert await world.tree("pods", "web", "default") == before
    assert world.status_writes() == writes
    assert not {"CreateContainer", "StopContainer", "RunPodSandbox", "StopPodSandbox"} & set(world.stub.calls)


async def test_a_restarted_kubelet_reports_when_it_has_asked_its_runtime(world: World) -> None:
    async with world.running():
        before = await node_ready(world)
        assert before["status"] == "True"
    world.new_kubelet()
    world.stub.answers.clear()
    async with world.running():
        assert await node_ready(world) == before, "the runtime has not said anything yet"
        world.stub.answers.set()
        await quiet()
        assert await node_ready(world) == before
    world.new_kubelet()
    world.stub.answers.clear()
    async with world.running():
        await world.clock.advance(6)
        await quiet()
        assert (await node_ready(world))["status"] == "False", "it has had its time"
        world.stub.answers.set()


async def node_ready(world: World) -> dict[str, str]:
    conditions = (await world.tree("nodes", NODE))["status"]["conditions"]
    return {key: one[key] for one in conditions if one["type"] == "Ready" for key in ("status", "lastTransitionTime")}


async def test_a_dead_runtime_makes_the_node_not_ready_and_comes_back(world: World) -> None:
    async with world.running():
        world.stub.down = True
        await world.clock.advance(10)
        await quiet()
        ready = {one["type"]: one for one in (await world.tree("nodes", NODE))["status"]["conditions"]}["Ready"]
        assert ready["status"] == "False" and ready["message"].startswith("container runtime is down")
        world.stub.down = False
        await world.clock.advance(10)
        await quiet()
        ready = {one["type"]: one for one in (await world.tree("nodes", NODE))["status"]["conditions"]}["Ready"]
        assert ready["status"] == "True"


async def test_a_failing_liveness_probe_restarts(world: World) -> None:
    async with world.running():
        probe = {"exec": {"command": ["check"]}, "periodSeconds": 5, "failureThreshold": 2}
        await world.create_pod(
            "web",
            {"containers": [container(livenessProbe=probe)]},
            annotations={"sim.orrery.dev/exec-exit-code": "1", "sim.orrery.dev/exec-stdout": "bad"},
        )
        await quiet()
        await world.clock.advance(6)
        await quiet()
        only = (await world.status("web"))["containerStatuses"][0]
        assert only["restartCount"] == 1
        events = await world.events()
        assert ("Unhealthy", "Liveness probe failed: bad\n") in events
        assert ("Killing", "Container main failed liveness probe, will be restarted") in events


async def test_a_deadline_ends_a_pod(world: World) -> None:
    async with world.running():
        await world.create_pod("web", {"activeDeadlineSeconds": 20, "containers": [container()]})
        await quiet()
        await world.clock.advance(21)
        await quiet()
        status = await world.status("web")
        assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


async def test_a_pod_that_does_not_fit_is_refused(world: World) -> None:
    async with world.running():
        big = {"requests": {"cpu": "5"}}
        await world.create_pod("web", {"containers": [container(resources=big)]})
        await quiet()
        status = await world.status("web")
        assert (status["phase"], status["reason"]) == ("Failed", "OutOfcpu")


async def test_an_orphan_is_ended(world: World) -> None:
    async with world.running():
        await world.create_pod("web", {"containers": [container()]})
        await quiet()
    await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 0})
    world.new_kubelet()
    async with world.running() as kubelet:
        await world.clock.advance(11)
        await quiet()
        assert kubelet.cache.uids() == []


async def test_a_trace_goes_on_into_the_sync(world: World) -> None:
    async with world.running():
        token = trace.attach(f"00-{'ab' * 16}-{'cd' * 8}-01")
        await world.create_pod("web", {"containers": [container()]})
        trace.detach(token)
        await quiet()
    names = {span.name for span in world.seams.tracer.spans("ab" * 16)}
    assert {"sync pod", "reconcile:pod-status"} <= names


async def test_pods_live_on_without_the_apiserver(world: World) -> None:
    async with world.running():
        await world.create_pod("web", {"containers": [container(command=["sh", "-c", "sleep 20; exit 1"])]})
        await quiet()
        world.api.server.go_down()
        await world.clock.advance(21)
        await quiet()
        world.api.server.come_up()
        await world.clock.advance(10)
        await quiet()
        assert (await world.status("web"))["containerStatuses"][0]["restartCount"] == 1


async def test_a_shorter_grace_cuts_a_long_ending_short(world: World) -> None:
    async with world.running():
        slow = {"sim.orrery.dev/stop-delay": "1000"}
        await world.create_pod("web", {"containers": [container()]}, annotations=slow)
        await quiet()
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 600})
        await quiet()
        assert (await world.status("web"))["phase"] == "Running"
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 1})
        await quiet()
        await world.clock.advance(2)
        await quiet()
        with pytest.raises(ApiError):
            await world.pod("web")


async def test_a_pre_stop_hook_takes_its_time_out_of_the_grace(world: World) -> None:
    async with world.running():
        hook = {"preStop": {"sleep": {"seconds": 5}}}
        await world.create_pod("web", {"containers": [container(lifecycle=hook)]})
        await quiet()
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 30})
        await quiet()
        await world.clock.advance(4)
        await quiet()
        assert (await world.status("web"))["phase"] == "Running"
        await world.clock.advance(2)
        await quiet()
        with pytest.raises(ApiError):
            await world.pod("web")


async def test_a_pod_deleted_while_its_image_is_pulled_goes_at_once(world: World) -> None:
    async with world.running():
        slow = {"sim.orrery.dev/pull-delay": "1000"}
        await world.create_pod("web", {"containers": [container()]}, annotations=slow)
        await quiet()
        await world.api.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 30})
        await quiet()
        with pytest.raises(ApiError):
            await world.pod("web")


async def test_a_startup_probe_holds_the_others_back(world: World) -> None:
    async with world.running():
        probe = {"exec": {"command": ["check"]}, "periodSeconds": 2}
        spec = container(startupProbe={**probe, "initialDelaySeconds": 4}, readinessProbe=probe)
        await world.create_pod("web", {"containers": [spec]})
        await quiet()
        await world.clock.advance(3)
        await quiet()
        only = (await world.status("web"))["containerStatuses"][0]
        assert (only["started"], only["ready"]) == (False, False)
        await world.clock.advance(1)
        await quiet()
        only = (await world.status("web"))["containerStatuses"][0]
        assert (only["started"], only["ready"]) == (True, True)


async def test_a_lost_sandbox_is_made_again(world: World) -> None:
    async with world.running() as kubelet:
        pod = await world.create_pod("web", {"containers": [container()]})
        await quiet()
        first = kubelet.cache.get(pod.uid).sandbox
        assert first is not None
        for one in world.backend.store.containers_of(first.id):
            await world.backend.stop_container(one, 0)
        await world.backend.stop_sandbox(world.backend.store.sandboxes[first.id])
        await quiet()
        await world.clock.advance(11)
        await quiet()
        second = kubelet.cache.get(pod.uid).sandbox
        assert second is not None and second.attempt == 1
        assert is_ready(await world.pod("web"))
        assert (await world.status("web"))["containerStatuses"][0]["restartCount"] == 1


async def test_config_map_volumes_follow_their_object(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
    await world.api.create(ConfigMap, {**body, "data": {"k": "1"}})
    async with world.running() as kubelet:
        mounts = [{"name": "v", "mountPath": "/v"}]
        spec = {"containers": [container(volumeMounts=mounts)], "volumes": [{"name": "v", "configMap": {"name": "c"}}]}
        pod = await world.create_pod("web", spec)
        await quiet()
        place = kubelet.context.volumes.mounted(pod.uid)["v"]
        assert (place / "k").read_text() == "1"
        await world.api.patch(ConfigMap, "c", {"data": {"k": "2"}}, namespace="default")
        await world.clock.advance(61)
        await quiet()
        assert (place / "k").read_text() == "2"
