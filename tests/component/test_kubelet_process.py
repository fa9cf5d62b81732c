"""`python -m kubelet` and `python -m cri` as real processes, on the in-memory apiserver, over a real unix socket."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from api.pod import Pod
from apimachinery.resources import GVR
from cli.pki import control_plane_subjects, ensure, node_subjects
from client.fake import FakeApi
from proto import kubelet_pb2 as pb
from proto.kubelet_pb2_grpc import KubeletStub
from tests.support.kubelet_machine import NODE, Machine, free_port
from tests.support.processes import eventually, resident_mib, serve_api

RESIDENT_MIB = 60


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    ensure(tmp_path, [*control_plane_subjects(()), *node_subjects(NODE, "10.240.0.11")])
    fake = FakeApi()
    async with serve_api(fake, tmp_path) as port:
        yield Machine(fake, tmp_path, port, free_port())


async def test_pods_run_on_a_small_process(machine: Machine) -> None:
    started = time.monotonic()
    async with machine.runtime(), machine.kubelet() as kubelet:
        await machine.give_addresses()
        await eventually(machine.is_ready)
        print(f"node ready {time.monotonic() - started:.2f} s after both processes began")
        await machine.create("web", {"image": "nginx:1.27"})
        print(f"pod ready after {await eventually(lambda: machine.runs('web')):.3f} s")
        began = time.monotonic()
        for number in range(50):
            await machine.create(f"p{number}", {"image": "nginx:1.27"})
        for number in range(50):
            await eventually(lambda name=f"p{number}": machine.runs(name))  # type: ignore[misc]
        print(f"50 pods ready in {time.monotonic() - began:.2f} s, {resident_mib(kubelet):.0f} MiB")
        assert resident_mib(kubelet) < RESIDENT_MIB
        await machine.fake.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 5})
        await eventually(lambda: machine.is_gone("web"))


async def test_a_killed_kubelet_finds_its_pods_again(machine: Machine) -> None:
    async with machine.runtime():
        async with machine.kubelet():
            await machine.give_addresses()
            await machine.create("web", {"image": "nginx:1.27"})
            await eventually(lambda: machine.runs("web"))
            before = await machine.pod("web")
        async with machine.kubelet():
            await machine.create("next", {"image": "nginx:1.27"})
            await eventually(lambda: machine.runs("next"))
            assert await machine.pod("web") == before


async def test_a_killed_runtime_makes_the_node_not_ready_until_it_is_back(machine: Machine) -> None:
    async with machine.kubelet():
        async with machine.runtime():
            await machine.give_addresses()
            await machine.create("web", {"image": "nginx:1.27"})
            await eventually(lambda: machine.runs("web"))
            await eventually(machine.is_ready)
            before = await machine.pod("web")

        async def told_down() -> bool:
            found = await machine.condition("Ready")
            return found is not None and found.status == "False" and "container runtime is down" in found.message

        await eventually(told_down)
        async with machine.runtime():
            await eventually(machine.is_ready)
            assert (await machine.pod("web")).status.container_statuses == before.status.container_statuses


async def test_logs_and_exec(machine: Machine) -> None:
    async with machine.runtime(), machine.kubelet():
        await machine.give_addresses()
        script = "echo one; echo two; sleep 600"
        pod = await machine.create("web", {"image": "busybox:1.36", "command": ["sh", "-c", script]})
        await eventually(lambda: machine.runs("web"))
        async with machine.call("apiserver") as channel:
            stub = KubeletStub(channel)
            ref = pb.PodRef(namespace="default", name="web", uid=pod.uid)
            text = b"".join([one.data async for one in stub.Logs(pb.LogsRequest(pod=ref, container="main"))])
            assert text == b"one\ntwo\n"
            tail = pb.LogsRequest(pod=ref, container="main", tail_lines=1)
            assert b"".join([one.data async for one in stub.Logs(tail)]) == b"two\n"
            with pytest.raises(
                grpc.aio.AioRpcError, match='previous terminated container "main" in pod "web" not found'
            ):
                [one async for one in stub.Logs(pb.LogsRequest(pod=ref, container="main", previous=True))]
            frames = await _exec(stub, ref, ["echo", "hello"])
            assert (1, b"hello\n") in frames
            assert b'"Success"' in b"".join(data for channel_number, data in frames if channel_number == 3)


async def test_only_the_apiserver_may_call(machine: Machine) -> None:
    async with machine.runtime(), machine.kubelet():
        await machine.give_addresses()
        async with machine.call("scheduler") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await KubeletStub(channel).Stats(pb.StatsRequest())
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def _exec(stub: Any, ref: pb.PodRef, command: list[str]) -> list[tuple[int, bytes]]:
    call = stub.Exec()
    start = pb.StreamStart(pod=ref, container="main", command=command, stdout=True, stderr=True)
    await call.write(pb.StreamFrame(start=start))
    return [(frame.channel, frame.data) async for frame in call]


async def test_config_maps_become_files(machine: Machine) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
    await machine.fake.create_raw(GVR("", "v1", "configmaps"), {**config, "data": {"key": "value"}})
    async with machine.runtime(), machine.kubelet():
        await machine.give_addresses()
        meta = {"name": "web", "namespace": "default"}
        mounts = [{"name": "v", "mountPath": "/etc/v"}]
        main = {"name": "main", "image": "nginx:1.27", "volumeMounts": mounts}
        spec = {"nodeName": NODE, "containers": [main], "volumes": [{"name": "v", "configMap": {"name": "c"}}]}
        pod = await machine.fake.create(Pod, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        await eventually(lambda: machine.runs("web"))
        place = machine.root / "state" / "pods" / pod.uid / "volumes" / "kubernetes.io~configmap" / "v"
        assert (place / "key").read_text() == "value"
        assert (place / "..data").is_symlink()
