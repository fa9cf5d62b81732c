"""Pods through CRI against `docker run`: the same image, the same number, in the same run.

`python -m bench.cri_start [pods] [rounds]` prints seconds of both and their ratio. Needs a Docker engine; removes all
that it makes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from statistics import median
from typing import Any

from cri.config import Config
from cri.docker.backend import DockerBackend
from cri.server import serve_cri
from proto import cri_pb2 as pb
from proto import cri_pb2_grpc
from wire.channel import connect
from wire.seams import make_seams

CLUSTER = "bench-cri"
IMAGE = "orrery/busybox:1"
PODS = 20
ROUNDS = 3


async def main(pods: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        try:
            async with asyncio.TaskGroup() as group:
                backend = _backend(Path(directory))
                task = group.create_task(backend.run())
                socket = f"{directory}/cri.sock"
                async with serve_cri(socket, "127.0.0.1:0", backend, make_seams("runtime")):
                    await _compare(f"unix:{socket}", pods, rounds)
                task.cancel()
        finally:
            _remove_everything()


def _backend(directory: Path) -> DockerBackend:
    config = Config(
        socket="", node_name="bench", cluster=CLUSTER, cluster_subnet="10.201.0.0/16", node_ip="10.201.0.11",
        state_dir=directory / "state", log_root=directory / "logs",
    )  # fmt: skip
    config.state_dir.mkdir()
    backend = DockerBackend(config, make_seams("runtime"))
    backend.set_pod_cidr("10.201.1.0/24")
    return backend


async def _compare(address: str, pods: int, rounds: int) -> None:
    channel = connect(address, make_seams("kubelet"), None)
    runtime: Any = cri_pb2_grpc.RuntimeServiceStub(channel)
    while not (await runtime.Status(pb.StatusRequest())).status.conditions[0].status:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    ours, plain = [], []
    for turn in range(rounds):
        plain.append(await _timed(_docker_run(pods, turn)))
        _remove_plain()
        ours.append(await _timed(_run_pods(runtime, pods, turn)))
        await _remove_pods(runtime)
    await channel.close()
    print(f"docker run  {pods} containers: {_shown(plain)}")
    print(f"CRI         {pods} pods:       {_shown(ours)}")
    print(f"ratio of the medians: {median(ours) / median(plain):.2f}")


async def _timed(action: Awaitable[None]) -> float:
    began = time.perf_counter()
    await action
    return time.perf_counter() - began


async def _docker_run(count: int, turn: int) -> None:
    async def one(number: int) -> None:
        name = f"{CLUSTER}-plain-{turn}-{number}"
        argv = ["docker", "run", "-d", "--name", name, "--label", f"orrery.cluster={CLUSTER}", IMAGE, "sleep", "3600"]
        process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.DEVNULL)
        if await process.wait() != 0:
            raise RuntimeError(f"docker run failed: {name}")

    await asyncio.gather(*(one(number) for number in range(count)))


async def _run_pods(runtime: Any, count: int, turn: int) -> None:
    async def one(number: int) -> None:
        name = f"web-{number}"
        pod = pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(name=name, uid=f"{turn}-{number}", namespace="default"),
            hostname=name,
            log_directory=f"{turn}-{number}",
            dns_config=pb.DNSConfig(servers=["10.96.0.10"]),
        )
        sandbox = (await runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=pod))).pod_sandbox_id
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name="main"),
            image=pb.ImageSpec(image=IMAGE),
            command=["sleep", "3600"],
            log_path="main/0.log",
        )
        create = pb.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=pod)
        container = (await runtime.CreateContainer(create)).container_id
        await runtime.StartContainer(pb.StartContainerRequest(container_id=container))

    await asyncio.gather(*(one(number) for number in range(count)))


async def _remove_pods(runtime: Any) -> None:
    listed = (await runtime.ListPodSandbox(pb.ListPodSandboxRequest())).items
    removals = (runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=one.id)) for one in listed)
    await asyncio.gather(*removals)


def _remove_plain() -> None:
    _docker_each(["docker", "ps", "-aq", "--filter", f"name={CLUSTER}-plain-"], ["docker", "rm", "-f"])


def _remove_everything() -> None:
    label = f"label=orrery.cluster={CLUSTER}"
    _docker_each(["docker", "ps", "-aq", "--filter", label], ["docker", "rm", "-f"])
    _docker_each(["docker", "network", "ls", "-q", "--filter", label], ["docker", "network", "rm"])


def _docker_each(listing: list[str], action: list[str]) -> None:
    found = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    if found:
        subprocess.run([*action, *found], capture_output=True, check=True)


def _shown(seconds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds) + f" s, median {median(seconds):.2f} s"


if __name__ == "__main__":
    arguments = [int(one) for one in sys.argv[1:]]
    asyncio.run(main(*(arguments + [PODS, ROUNDS][len(arguments) :])))
