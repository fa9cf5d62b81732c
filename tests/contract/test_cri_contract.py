"""What every CRI runtime of ours must do, simulated or real: one suite, both backends, over the unix socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from cri.sim.backend import SimBackend
from proto import cri_pb2 as pb
from tests.contract.cri_docker import build_images, docker_runtime, needs_docker, remove_everything
from tests.contract.cri_harness import IMAGE, PATIENCE_SECONDS, Cri, serving
from wire.seams import make_seams


@pytest.fixture(scope="module")
def engine() -> Iterator[None]:
    build_images()
    yield
    remove_everything()


BACKENDS = ["sim", pytest.param("docker", marks=[pytest.mark.docker, needs_docker])]


@pytest_asyncio.fixture(params=BACKENDS)
async def cri(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cri]:
    if request.param == "docker":
        request.getfixturevalue("engine")
        async with docker_runtime(tmp_path) as runtime:
            yield runtime
        return
    seams = make_seams("runtime-test")
    backend = SimBackend(tmp_path / "state", tmp_path, seams)
    backend.set_pod_cidr("10.120.1.0/24")
    async with serving(backend, seams, tmp_path) as runtime:
        yield runtime


async def refused(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code()


# --- the runtime


async def test_version_names_the_runtime_and_api(cri: Cri) -> None:
    version = await cri.runtime.Version(pb.VersionRequest())
    assert version.runtime_api_version == "v1"
    assert version.runtime_name.startswith(("orrery-sim", "docker"))


async def test_is_ready_with_a_pod_cidr(cri: Cri) -> None:
    status = (await cri.runtime.Status(pb.StatusRequest(verbose=True))).status
    assert {one.type: one.status for one in status.conditions} == {"RuntimeReady": True, "NetworkReady": True}


async def test_unsupported_calls_say_so(cri: Cri) -> None:
    assert await refused(cri.runtime.CheckpointContainer(pb.CheckpointContainerRequest())) == (
        grpc.StatusCode.UNIMPLEMENTED
    )
    assert await refused(cri.runtime.ListMetricDescriptors(pb.ListMetricDescriptorsRequest())) == (
        grpc.StatusCode.UNIMPLEMENTED
    )


# --- sandboxes


async def test_sandbox_has_identity_address_and_state(cri: Cri) -> None:
    pod = cri.pod("web-0")
    sandbox = await cri.run_pod(pod)
    status = await cri.sandbox_status(sandbox)
    assert status.metadata == pod.metadata
    assert status.state == pb.PodSandboxState.SANDBOX_READY
    assert status.network.ip.startswith("10.120.1.")
    assert dict(status.labels) == dict(pod.labels)
    assert dict(status.annotations) == dict(pod.annotations)
    assert status.created_at > 0


async def test_sandboxes_of_two_pods_have_two_addresses(cri: Cri) -> None:
    one, other = [await cri.sandbox_status(await cri.run_pod(cri.pod())) for _ in range(2)]
    assert one.network.ip != other.network.ip


async def test_same_attempt_of_a_sandbox_is_refused(cri: Cri) -> None:
    pod = cri.pod()
    await cri.run_pod(pod)
    assert await refused(cri.run_pod(pod)) == grpc.StatusCode.ABORTED


async def test_stopped_sandbox_is_not_ready_and_its_containers_ended(cri: Cri) -> None:
    sandbox, container, _ = await cri.run()
    for _ in range(2):  # idempotent
        await cri.runtime.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id=sandbox))
    assert (await cri.sandbox_status(sandbox)).state == pb.PodSandboxState.SANDBOX_NOTREADY
    assert (await cri.status(container)).state == pb.ContainerState.CONTAINER_EXITED


async def test_removed_sandbox_takes_its_containers_along(cri: Cri) -> None:
    sandbox, container, _ = await cri.run()
    for _ in range(2):
        await cri.runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox))
    assert await refused(cri.sandbox_status(sandbox)) == grpc.StatusCode.NOT_FOUND
    assert await refused(cri.status(container)) == grpc.StatusCode.NOT_FOUND


async def test_sandboxes_are_listed_by_id_state_and_label(cri: Cri) -> None:
    one, other = await cri.run_pod(cri.pod("one")), await cri.run_pod(cri.pod("other"))
    await cri.runtime.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id=other))

    async def listed(**fields: Any) -> set[str]:
        request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(**fields))
        return {item.id for item in (await cri.runtime.ListPodSandbox(request)).items}

    assert await listed() >= {one, other}
    assert await listed(id=one) == {one}
    ready = pb.PodSandboxStateValue(state=pb.PodSandboxState.SANDBOX_READY)
    assert one in await listed(state=ready) and other not in await listed(state=ready)
    assert await listed(label_selector={"app": "other"}) == {other}


# --- containers


async def test_container_passes_through_its_states(cri: Cri) -> None:
    pod = cri.pod()
    sandbox = await cri.run_pod(pod)
    container = await cri.create(sandbox, pod, "sleep", "infinity")
    created = await cri.status(container)
    assert created.state == pb.ContainerState.CONTAINER_CREATED
    assert created.created_at > 0 and not created.started_at
    await cri.start(container)
    running = await cri.status(container)
    assert running.state == pb.ContainerState.CONTAINER_RUNNING
    assert running.started_at >= created.created_at
    await cri.runtime.StopContainer(pb.StopContainerRequest(container_id=container, timeout=0))
    exited = await cri.status(container)
    assert exited.state == pb.ContainerState.CONTAINER_EXITED
    assert exited.exit_code == 137
    assert exited.finished_at >= running.started_at
    assert exited.image.image == IMAGE
    assert exited.image_ref.startswith("sha256:")


@pytest.mark.parametrize(("script", "code", "reason"), [("exit 0", 0, "Completed"), ("exit 3", 3, "Error")])
async def test_exit_code_and_reason(cri: Cri, script: str, code: int, reason: str) -> None:
    _, container, _ = await cri.run("sh", "-c", script)
    status = await cri.ended(container)
    assert (status.exit_code, status.reason) == (code, reason)
    assert status.finished_at >= status.started_at > 0


async def test_sigterm_ends_within_the_grace(cri: Cri) -> None:
    _, container, _ = await cri.run("sh", "-c", "echo up; sleep infinity")
    await cri.runtime.StopContainer(pb.StopContainerRequest(container_id=container, timeout=1))
    assert (await cri.status(container)).exit_code in (137, 143)


async def test_starting_twice_is_refused(cri: Cri) -> None:
    _, container, _ = await cri.run()
    assert await refused(cri.start(container)) == grpc.StatusCode.INVALID_ARGUMENT


async def test_same_attempt_of_a_container_is_refused_and_the_next_one_is_not(cri: Cri) -> None:
    sandbox, _, pod = await cri.run()
    assert await refused(cri.create(sandbox, pod)) == grpc.StatusCode.ABORTED
    second = await cri.create(sandbox, pod, attempt=1)
    assert (await cri.status(second)).metadata.attempt == 1


async def test_unknown_ids(cri: Cri) -> None:
    assert await refused(cri.status("nosuch")) == grpc.StatusCode.NOT_FOUND
    assert await refused(cri.start("nosuch")) == grpc.StatusCode.NOT_FOUND
    assert await refused(cri.sandbox_status("nosuch")) == grpc.StatusCode.NOT_FOUND
    await cri.runtime.StopContainer(pb.StopContainerRequest(container_id="nosuch"))
    await cri.runtime.RemoveContainer(pb.RemoveContainerRequest(container_id="nosuch"))
    await cri.runtime.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id="nosuch"))
    await cri.runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id="nosuch"))


async def test_image_that_is_not_there_is_refused(cri: Cri) -> None:
    pod = cri.pod()
    sandbox = await cri.run_pod(pod)
    config = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="main"), image=pb.ImageSpec(image="no/such-image:never")
    )
    request = pb.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=pod)
    assert await refused(cri.runtime.CreateContainer(request)) == grpc.StatusCode.NOT_FOUND


async def test_running_container_can_be_removed(cri: Cri) -> None:
    _, container, _ = await cri.run()
    await cri.runtime.RemoveContainer(pb.RemoveContainerRequest(container_id=container))
    assert await refused(cri.status(container)) == grpc.StatusCode.NOT_FOUND


async def test_containers_are_listed_by_sandbox_state_and_label(cri: Cri) -> None:
    sandbox, one, pod = await cri.run(name="one")
    other = await cri.create(sandbox, pod, name="other")

    async def listed(**fields: Any) -> list[str]:
        request = pb.ListContainersRequest(filter=pb.ContainerFilter(**fields))
        return [item.id for item in (await cri.runtime.ListContainers(request)).containers]

    assert await listed(pod_sandbox_id=sandbox) == [one, other]
    running = pb.ContainerStateValue(state=pb.ContainerState.CONTAINER_RUNNING)
    assert await listed(pod_sandbox_id=sandbox, state=running) == [one]
    assert await listed(pod_sandbox_id=sandbox, label_selector={"io.kubernetes.container.name": "other"}) == [other]
    assert await listed(id=one[:12]) == [one]


async def test_resources_are_updated(cri: Cri) -> None:
    resources = pb.LinuxContainerResources(cpu_period=100_000, cpu_quota=50_000, memory_limit_in_bytes=64 << 20)
    _, container, _ = await cri.run(linux=pb.LinuxContainerConfig(resources=resources))
    wider = pb.LinuxContainerResources(cpu_period=100_000, cpu_quota=80_000, memory_limit_in_bytes=96 << 20)
    await cri.runtime.UpdateContainerResources(pb.UpdateContainerResourcesRequest(container_id=container, linux=wider))
    linux = (await cri.status(container)).resources.linux
    assert (linux.cpu_quota, linux.memory_limit_in_bytes) == (80_000, 96 << 20)


# --- logs


async def test_log_is_in_the_cri_format(cri: Cri) -> None:
    _, container, _ = await cri.run("sh", "-c", "echo one; echo two")
    status = await cri.ended(container)
    lines = Path(status.log_path).read_text().splitlines()
    assert [line.split(" ")[1:] for line in lines] == [["stdout", "F", "one"], ["stdout", "F", "two"]]
    stamps = [line.split(" ")[0] for line in lines]
    assert stamps == sorted(stamps) and stamps[0].endswith("Z")


# --- streams


async def test_exec_sync(cri: Cri) -> None:
    _, container, _ = await cri.run()

    async def run(*argv: str, timeout: int = 0) -> pb.ExecSyncResponse:
        request = pb.ExecSyncRequest(container_id=container, cmd=argv, timeout=timeout)
        return await cri.runtime.ExecSync(request)  # type: ignore[no-any-return]

    assert (await run("echo", "hello")).stdout == b"hello\n"
    failed = await run("sh", "-c", "echo no; exit 7")
    assert (failed.stdout, failed.exit_code) == (b"no\n", 7)
    assert await refused(run("sleep", "60", timeout=1)) == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_exec_streams_output_and_exit_code(cri: Cri) -> None:
    _, container, _ = await cri.run()
    request = pb.ExecRequest(container_id=container, cmd=["sh", "-c", "echo hi; exit 3"], stdout=True, stderr=True)
    received = await cri.stream((await cri.runtime.Exec(request)).url)
    assert received[1] == b"hi\n"
    assert json.loads(received[3])["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_exec_carries_stdin_to_its_end(cri: Cri) -> None:
    _, container, _ = await cri.run()
    request = pb.ExecRequest(container_id=container, cmd=["cat"], stdin=True, stdout=True)
    received = await cri.stream((await cri.runtime.Exec(request)).url, b"through and through")
    assert received[1] == b"through and through"
    assert json.loads(received[3])["status"] == "Success"


async def test_a_stream_url_works_once(cri: Cri) -> None:
    _, container, _ = await cri.run()
    request = pb.ExecRequest(container_id=container, cmd=["echo", "once"], stdout=True)
    url = (await cri.runtime.Exec(request)).url
    assert (await cri.stream(url))[1] == b"once\n"
    with pytest.raises(Exception, match="404"):
        await cri.stream(url)


async def test_attach_ends_with_the_container(cri: Cri) -> None:
    _, container, _ = await cri.run()
    url = (await cri.runtime.Attach(pb.AttachRequest(container_id=container, stdout=True))).url
    attached = asyncio.create_task(cri.stream(url))
    await cri.runtime.StopContainer(pb.StopContainerRequest(container_id=container, timeout=0))
    received = await attached
    assert status_of(received) == "Success"


def status_of(received: dict[int, bytes]) -> str:
    return str(json.loads(received[3])["status"])


async def test_port_forward_to_nobody_says_so(cri: Cri) -> None:
    sandbox, _, _ = await cri.run()
    request = pb.PortForwardRequest(pod_sandbox_id=sandbox, port=[4321])
    received = await cri.stream((await cri.runtime.PortForward(request)).url)
    assert b"4321" in received[1]


async def test_exec_in_what_does_not_run_is_refused(cri: Cri) -> None:
    _, container, _ = await cri.run("true")
    await cri.ended(container)
    assert await refused(cri.runtime.ExecSync(pb.ExecSyncRequest(container_id=container, cmd=["true"]))) == (
        grpc.StatusCode.INVALID_ARGUMENT
    )


# --- events


async def test_events_tell_a_pods_life_in_order(cri: Cri) -> None:
    stream = cri.runtime.GetContainerEvents(pb.GetEventsRequest())
    await stream.initial_metadata()
    sandbox, container, _ = await cri.run("true")
    await cri.ended(container)
    await cri.forget(sandbox)
    seen: dict[str, list[str]] = {sandbox: [], container: []}
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in stream:
            seen[event.container_id].append(pb.ContainerEventType.Name(event.container_event_type))
            if event.container_id == sandbox and seen[sandbox][-1] == "CONTAINER_DELETED_EVENT":
                break
    life = [f"CONTAINER_{step}_EVENT" for step in ("CREATED", "STARTED", "STOPPED", "DELETED")]
    assert seen == {sandbox: life, container: life}


async def test_stop_event_shows_the_exit_code(cri: Cri) -> None:
    stream = cri.runtime.GetContainerEvents(pb.GetEventsRequest())
    await stream.initial_metadata()
    _, container, _ = await cri.run("sh", "-c", "exit 5")
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in stream:
            stopped = event.container_event_type == pb.ContainerEventType.CONTAINER_STOPPED_EVENT
            if stopped and event.container_id == container:
                assert [one.exit_code for one in event.containers_statuses] == [5]
                assert event.pod_sandbox_status.state == pb.PodSandboxState.SANDBOX_READY
                break


# --- statistics


async def test_statistics_of_a_running_container(cri: Cri) -> None:
    sandbox, container, _ = await cri.run()
    stats = (await cri.runtime.ContainerStats(pb.ContainerStatsRequest(container_id=container))).stats
    assert stats.attributes.id == container
    assert stats.memory.working_set_bytes.value > 0
    listed = (await cri.runtime.ListContainerStats(pb.ListContainerStatsRequest())).stats
    assert container in [one.attributes.id for one in listed]
    pod = (await cri.runtime.PodSandboxStats(pb.PodSandboxStatsRequest(pod_sandbox_id=sandbox))).stats
    assert pod.linux.memory.working_set_bytes.value > 0


# --- images


async def test_image_status_and_list(cri: Cri) -> None:
    image = (await cri.images.ImageStatus(pb.ImageStatusRequest(image=pb.ImageSpec(image=IMAGE)))).image
    assert image.id.startswith("sha256:") and IMAGE in image.repo_tags
    again = await cri.images.ImageStatus(pb.ImageStatusRequest(image=pb.ImageSpec(image=image.id)))
    assert again.image.id == image.id
    listed = (await cri.images.ListImages(pb.ListImagesRequest())).images
    assert image.id in [one.id for one in listed]
    missing = pb.ImageStatusRequest(image=pb.ImageSpec(image="no/such-image:never"))
    assert not (await cri.images.ImageStatus(missing)).HasField("image")


async def test_image_filesystem(cri: Cri) -> None:
    info = await cri.images.ImageFsInfo(pb.ImageFsInfoRequest())
    assert info.image_filesystems[0].used_bytes.value > 0


async def test_pull_of_nonsense_is_refused(cri: Cri) -> None:
    spec = pb.ImageSpec(image="Not A Reference")
    assert await refused(cri.images.PullImage(pb.PullImageRequest(image=spec))) == grpc.StatusCode.INVALID_ARGUMENT
