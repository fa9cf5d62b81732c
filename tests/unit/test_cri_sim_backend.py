"""The simulated runtime on a clock that moves only when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apimachinery.clock import FakeClock, settle
from apimachinery.errors import ApiError
from cri.records import Container, State
from cri.sim.backend import SimBackend
from proto import cri_pb2 as pb
from wire.seams import make_seams

IMAGE = "orrery/busybox:1"


@asynccontextmanager
async def running(directory: Path, clock: FakeClock) -> AsyncIterator[SimBackend]:
    backend = SimBackend(directory / "state", directory / "logs", make_seams("runtime", clock))
    backend.set_pod_cidr("10.244.1.0/24")
    task = asyncio.create_task(backend.run())
    await settle()
    try:
        yield backend
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def pod(**annotations: str) -> pb.PodSandboxConfig:
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="web", uid="u1", namespace="default"),
        log_directory="u1",
        annotations={f"sim.orrery.dev/{key.replace('_', '-')}": value for key, value in annotations.items()},
    )


def container(*command: str, attempt: int = 0, name: str = "main", image: str = IMAGE) -> pb.ContainerConfig:
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=name, attempt=attempt),
        image=pb.ImageSpec(image=image),
        command=command or ("server",),
        log_path=f"{name}/{attempt}.log",
    )


async def start(backend: SimBackend, config: pb.ContainerConfig, **annotations: str) -> str:
    """In the one sandbox that there is, or a new one."""
    sandbox = next(iter(backend.store.sandboxes.values()), None)
    if sandbox is None:
        sandbox = backend.store.sandboxes[await backend.run_sandbox(pod(**annotations), "")]
    container_id = await backend.create_container(sandbox, config)
    await backend.start_container(backend.store.containers[container_id])
    return container_id


def log_lines(found: Container) -> list[str]:
    return [line.split(" ", 3)[3] for line in Path(found.log_path).read_text().splitlines()]


async def test_runs_for_as_long_as_told_in_cluster_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        one = await start(backend, container(), run_seconds="3600", exit_code="7")
        await clock.advance(3599)
        assert backend.store.containers[one].state is State.RUNNING
        await clock.advance(2)
        ended = backend.store.containers[one]
        assert (ended.state, ended.exit_code, ended.reason) == (State.EXITED, 7, "Error")
        assert ended.finished_at - ended.started_at == 3600 * 10**9


async def test_exit_codes_by_attempt(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        codes = []
        for attempt in range(4):
            one = await start(backend, container(attempt=attempt), exit_code="1,2,0")
            await clock.advance(1)
            codes.append(backend.store.containers[one].exit_code)
        assert codes == [1, 2, 0, 0]


async def test_out_of_memory(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        one = await start(backend, container(), oom_killed="true", run_seconds="5")
        await clock.advance(6)
        assert (backend.store.containers[one].exit_code, backend.store.containers[one].reason) == (137, "OOMKilled")


async def test_one_container_may_differ(tmp_path: Path) -> None:
    clock = FakeClock()
    config = pod(exit_code="1")
    config.annotations["sim.orrery.dev/side.run-seconds"] = "forever"
    async with running(tmp_path, clock) as backend:
        sandbox = backend.store.sandboxes[await backend.run_sandbox(config, "")]
        for name in ("main", "side"):
            made = await backend.create_container(sandbox, container(name=name))
            await backend.start_container(backend.store.containers[made])
        await clock.advance(1)
        states = {one.name: one.state for one in backend.store.containers.values()}
        assert states == {"main": State.EXITED, "side": State.RUNNING}


async def test_start_delay_and_start_error(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        sandbox = backend.store.sandboxes[
            await backend.run_sandbox(pod(start_delay="10", start_error="no such file"), "")
        ]
        made = await backend.create_container(sandbox, container())
        starting = asyncio.create_task(backend.start_container(backend.store.containers[made]))
        await clock.advance(9)
        assert backend.store.containers[made].state is State.CREATED
        await clock.advance(2)
        with pytest.raises(ApiError, match="no such file"):
            await starting
        failed = backend.store.containers[made]
        assert (failed.state, failed.exit_code, failed.reason) == (State.EXITED, 128, "StartError")


@pytest.mark.parametrize(
    ("stop_delay", "grace", "code"), [("0", 30, 143), ("5", 30, 143), ("60", 30, 137), ("0", 0, 137)]
)
async def test_stopping_takes_the_grace_it_is_given(tmp_path: Path, stop_delay: str, grace: int, code: int) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        one = await start(backend, container(), stop_delay=stop_delay)
        stopping = asyncio.create_task(backend.stop_container(backend.store.containers[one], grace))
        await clock.advance(min(float(stop_delay), grace) + 0.1)
        await stopping
        assert backend.store.containers[one].exit_code == code


async def test_log_lines_over_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        one = await start(backend, container(), log_lines="tick\ntock", log_interval="10")
        await clock.advance(35)
        assert log_lines(backend.store.containers[one]) == ["tick", "tock", "tick", "tock"]


async def test_command_writes_before_it_ends(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        one = await start(backend, container("sh", "-c", "echo a; sleep 5; echo b; exit 2"))
        await clock.advance(6)
        assert log_lines(backend.store.containers[one]) == ["a", "b"]
        assert backend.store.containers[one].exit_code == 2


async def test_restarted_runtime_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        one = await start(backend, container("sh", "-c", "echo a; sleep 100; echo b; sleep 100; echo c"))
        other = await start(backend, container(name="other"))
        before = backend.store.containers[one]
        await clock.advance(50)
    await clock.advance(100)
    async with running(tmp_path, clock) as backend:
        assert backend.store.containers[one] == before
        assert next(iter(backend.store.sandboxes.values())).ip == "10.244.1.2"
        await clock.advance(100)
        ended = backend.store.containers[one]
        assert ended.finished_at - ended.started_at == 200 * 10**9
        assert log_lines(ended) == ["a", "b", "c"]
        assert backend.store.containers[other].state is State.RUNNING
        config = pod()
        config.metadata.uid = "u2"
        assert backend.store.sandboxes[await backend.run_sandbox(config, "")].ip == "10.244.1.3"


async def test_same_pods_have_same_ids(tmp_path: Path) -> None:
    ids = []
    for turn in ("one", "two"):
        async with running(tmp_path / turn, FakeClock()) as backend:
            ids.append((await start(backend, container()), *backend.store.sandboxes))
    assert ids[0] == ids[1]


async def test_usage_follows_annotations(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        one = await start(backend, container(), cpu="250m", memory="64Mi")
        await clock.advance(100)
        (usage,) = await backend.usage([backend.store.containers[one]])
        assert usage.cpu_nano_seconds == 25 * 10**9
        assert usage.memory_working_set_bytes == 64 << 20


async def test_senseless_annotation_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, FakeClock()) as backend:
        with pytest.raises(ApiError, match=r'sim.orrery.dev/run-seconds: "soon" makes no sense'):
            await start(backend, container(), run_seconds="soon")


async def test_pulls(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as backend:
        assert await backend.images.get("nginx:1.27") is None
        pulling = asyncio.create_task(backend.images.pull("docker.io/library/nginx:1.27", None, pod(pull_delay="5")))
        await clock.advance(4)
        assert not pulling.done()
        await clock.advance(2)
        assert await pulling == (await backend.images.get("nginx:1.27")).id  # type: ignore[union-attr]
        with pytest.raises(ApiError, match="manifest unknown"):
            await backend.images.pull("nginx:1.1", None, pod(pull_error="manifest unknown"))
    async with running(tmp_path, clock) as backend:
        assert await backend.images.get("nginx:1.27") is not None
