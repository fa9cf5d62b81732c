"""The kubelet over real containers: `python -m kubelet` and `python -m cri --runtime docker`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.pod import ContainerStatus, Pod
from apimachinery.resources import GVR
from cli.pki import control_plane_subjects, ensure, node_subjects
from client.fake import FakeApi
from proto import kubelet_pb2 as pb
from proto.kubelet_pb2_grpc import KubeletStub
from tests.support.kubelet_machine import NODE, Machine, free_port
from tests.support.need import ROOT, docker_answers, need
from tests.support.processes import eventually, serve_api

pytestmark = pytest.mark.docker

CLUSTER = "kubelet-test"
IMAGE = "orrery/busybox:1"
BUILD = ROOT / "deploy" / "images" / "build.sh"
NETWORK = ("--cluster", CLUSTER, "--cluster-subnet", "10.160.0.0/12", "--node-ip", "10.160.0.11")


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    need(docker_answers(), "no Docker engine answers")
    build_images()
    ensure(tmp_path, [*control_plane_subjects(()), *node_subjects(NODE, "10.160.0.11")])
    fake = FakeApi()
    flags = ("--runtime", "docker", *NETWORK)
    try:
        async with serve_api(fake, tmp_path) as port:
            yield Machine(fake, tmp_path, port, free_port(), flags, "10.164.1.0/24", "10.160.0.11")
    finally:
        remove_everything()


def build_images() -> None:
    images = (IMAGE, "orrery/pause:latest", "orrery/node:latest")
    known = subprocess.run(["docker", "image", "inspect", *images], capture_output=True, check=False)
    if known.returncode != 0:
        subprocess.run([str(BUILD), "pause", "busybox", "node"], check=True, timeout=300)


def remove_everything() -> None:
    subprocess.run([sys.executable, "-m", "cri.docker.cleanup", "--cluster", CLUSTER], cwd=ROOT, check=True)


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script], **more}


async def status(machine: Machine, name: str) -> ContainerStatus | None:
    return next(iter((await machine.pod(name)).status.container_statuses), None)


async def test_a_pod_serves_is_probed_and_ends(machine: Machine) -> None:
    async with machine.runtime(), machine.kubelet():
        await machine.give_addresses()
        await eventually(machine.is_ready)
        serve = "mkdir /www; echo hi >/www/index.html; exec httpd -f -p 8080 -h /www"
        probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
        began = time.monotonic()
        await machine.create("web", shell(serve, readinessProbe=probe))
        await eventually(lambda: machine.runs("web"))
        print(f"pod with an HTTP probe ready after {time.monotonic() - began:.2f} s")
        began = time.monotonic()
        await machine.fake.delete(Pod, "web", namespace="default", options={"gracePeriodSeconds": 1})
        await eventually(lambda: machine.is_gone("web"))
        print(f"gone after {time.monotonic() - began:.2f} s")


async def test_a_container_sees_its_files_environment_and_name(machine: Machine) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
    await machine.fake.create_raw(GVR("", "v1", "configmaps"), {**config, "data": {"key": "value"}})
    script = (
        "cat /etc/v/key; echo; echo $WHO; hostname; cat /etc/hosts /etc/resolv.conf; echo bye >/dev/termination-log"
    )
    env = [{"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    main = {"name": "main", **shell(script, env=env, volumeMounts=[{"name": "v", "mountPath": "/etc/v"}])}
    spec = {"nodeName": NODE, "restartPolicy": "Never", "containers": [main]}
    spec |= {"volumes": [{"name": "v", "configMap": {"name": "c"}}]}
    meta = {"name": "job", "namespace": "default"}
    async with machine.runtime(), machine.kubelet():
        await machine.give_addresses()
        pod = await machine.fake.create(Pod, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})

        async def over() -> bool:
            return (await machine.pod("job")).status.phase == "Succeeded"

        await eventually(over)
        async with machine.call("apiserver") as channel:
            ref = pb.PodRef(namespace="default", name="job", uid=pod.uid)
            text = b"".join([one.data async for one in KubeletStub(channel).Logs(pb.LogsRequest(pod=ref))]).decode()
        ended = await machine.pod("job")
        assert text.startswith("value\njob\njob\n# Kubernetes-managed hosts file.")
        assert f"{ended.status.pod_ip}\tjob" in text
        assert "nameserver 10.96.0.10" in text and "ndots:5" in text
        state = ended.status.container_statuses[0].state.terminated
        assert state is not None and state.message == "bye\n"


async def test_a_container_that_takes_too_much_is_killed_for_it(machine: Machine) -> None:
    async with machine.runtime(), machine.kubelet():
        await machine.give_addresses()
        limits = {"limits": {"memory": "16Mi"}}
        await machine.create("hog", shell("x=x; while :; do x=$x$x; done", resources=limits))

        async def killed() -> bool:
            found = await status(machine, "hog")
            ended = found.last_state.terminated if found else None
            return ended is not None and ended.reason == "OOMKilled" and ended.exit_code == 137

        await eventually(killed)


async def test_a_killed_kubelet_leaves_containers_alone(machine: Machine) -> None:
    async with machine.runtime():
        async with machine.kubelet():
            await machine.give_addresses()
            await machine.create("web", shell("sleep 600"))
            await eventually(lambda: machine.runs("web"))
            before = await machine.pod("web")
        async with machine.kubelet():
            await machine.create("next", shell("sleep 600"))
            await eventually(lambda: machine.runs("next"))
            assert await machine.pod("web") == before


async def test_twenty_pods(machine: Machine) -> None:
    async with machine.runtime(), machine.kubelet():
        await machine.give_addresses()
        await eventually(machine.is_ready)
        began = time.monotonic()
        for number in range(20):
            await machine.create(f"p{number}", shell("sleep 600"))
        for number in range(20):
            await eventually(lambda name=f"p{number}": machine.runs(name), 60)  # type: ignore[misc]
        print(f"20 pods ready in {time.monotonic() - began:.2f} s")
