"""Smaller pure parts: logs, probe counting, admission, images, security, node status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.container import Probe
from api.node import Node
from kubelet.admission import admit, requested
from kubelet.config import parse_labels, parse_taints
from kubelet.context import RuntimeFacts
from kubelet.images import credentials_for, default_policy, registry_of, with_default_tag
from kubelet.logs import LogOptions, parse_line, read_log
from kubelet.machine import Pressure
from kubelet.node import NodeSpec, node_status, same_but_for_heartbeat
from kubelet.probes.counter import count, initial
from kubelet.security import NonRootViolation, container_security
from proto import cri_pb2 as pb
from tests.unit.kubelet_harness import AMOUNTS, MACHINE, make_pod

LOG = b"""2026-11-20T10:00:00.100000000Z stdout F one
2026-11-20T10:00:01.100000000Z stderr P tw
2026-11-20T10:00:01.200000000Z stderr F o
2026-11-20T10:00:02.100000000Z stdout F three
not a log line
2026-11-20T10:00:03.100000000Z stdout F\x20
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(LOG)
    return path


async def text(path: Path, **options: Any) -> bytes:
    return b"".join([chunk async for chunk in read_log(path, LogOptions(**options))])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, b"one\ntwo\nthree\n\n"),
        ({"tail_lines": 0}, b""),
        ({"tail_lines": 3}, b"three\n\n"),
        ({"tail_lines": 100}, b"one\ntwo\nthree\n\n"),
        ({"limit_bytes": 5}, b"one\nt"),
        ({"since": 1795168801.15}, b"o\nthree\n\n"),
        (
            {"timestamps": True, "limit_bytes": 80},
            b"2026-11-20T10:00:00.100000000Z one\n2026-11-20T10:00:01.100000000Z two\n2026-11-20",
        ),
    ],
)
async def test_logs(log: Path, options: dict[str, Any], expected: bytes) -> None:
    assert await text(log, **options) == expected


async def test_a_followed_log_ends_with_its_container(log: Path) -> None:
    lives = iter([False, False, True])

    def is_over() -> bool:
        over = next(lives)
        if over:
            with log.open("ab") as file:
                file.write(b"2026-11-20T10:00:04.1Z stdout F last\n")
        return over

    found = [chunk async for chunk in read_log(log, LogOptions(follow=True, tail_lines=1), is_over)]
    assert b"".join(found) == b"\nlast\n"


async def test_a_rotated_log_is_followed_into_its_successor(log: Path) -> None:
    steps = iter([False, True])

    def is_over() -> bool:
        over = next(steps)
        if not over:
            log.rename(log.with_suffix(".old"))
            log.write_bytes(b"2026-11-20T10:00:05.1Z stdout F next\n")
        return over

    found = [chunk async for chunk in read_log(log, LogOptions(follow=True, tail_lines=1), is_over)]
    assert b"".join(found) == b"\nnext\n"


async def test_no_file_is_an_empty_log(tmp_path: Path) -> None:
    assert await text(tmp_path / "none.log") == b""


def test_a_line_of_another_format_is_none() -> None:
    assert parse_line(b"hello") is None
    assert parse_line(b"2026-11-20T10:00:00Z stdout F a b  c\n") == (b"2026-11-20T10:00:00Z", b"stdout", b"a b  c\n")


@pytest.mark.parametrize(
    ("kind", "outcomes", "results"),
    [
        ("liveness", "ffft", [True, True, False, True]),
        ("liveness", "fftff", [True, True, True, True, True]),
        ("readiness", "tffft", [True, True, True, False, True]),
        ("startup", "fft", [None, None, True]),
    ],
)
def test_probe_thresholds(kind: str, outcomes: str, results: list[bool | None]) -> None:
    tally, found = initial(kind), []
    for one in outcomes:
        tally = count(tally, one == "t", Probe())
        found.append(tally.result)
    assert found == results


NODE = msgspec.convert({"metadata": {"name": "n1", "labels": {"disk": "ssd", "cores": "8"}}}, Node)


def requests(cpu: str, **more: Any) -> dict[str, Any]:
    return {"name": "a", "resources": {"requests": {"cpu": cpu}}, **more}


def affinity(operator: str, *values: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": "cores", "operator": operator, "values": list(values)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"containers": [requests("1")]}, None),
        ({"containers": [requests("3")]}, "OutOfcpu"),
        ({"containers": [{"name": "a", "resources": {"requests": {"x.y/gpu": 1}}}]}, "OutOfx.y/gpu"),
        ({"containers": [], "nodeSelector": {"disk": "ssd"}}, None),
        ({"containers": [], "nodeSelector": {"disk": "hdd"}}, "NodeAffinity"),
        ({"containers": [], "affinity": affinity("Gt", "4")}, None),
        ({"containers": [], "affinity": affinity("Lt", "4")}, "NodeAffinity"),
        ({"containers": [{"name": "a", "ports": [{"containerPort": 1, "hostPort": 80}]}]}, "NodePorts"),
    ],
)
def test_admission(spec: dict[str, Any], reason: str | None) -> None:
    other = make_pod({"containers": [requests("2", ports=[{"containerPort": 1, "hostPort": 80}])]})
    found = admit(make_pod(spec), [other], NODE, AMOUNTS)
    assert (found[0] if found else None) == reason


def test_a_pod_asks_for_its_peak() -> None:
    init = requests("3")
    sidecar = requests("1", restartPolicy="Always")
    pod = make_pod({"initContainers": [sidecar, init], "containers": [requests("1"), requests("1")]})
    assert requested(pod) == {"cpu": 4000}


def test_image_names() -> None:
    assert with_default_tag("nginx") == "nginx:latest"
    assert with_default_tag("reg:5000/nginx") == "reg:5000/nginx:latest"
    assert with_default_tag("nginx@sha256:1") == "nginx@sha256:1"
    assert (default_policy("nginx"), default_policy("nginx:1")) == ("Always", "IfNotPresent")
    assert [registry_of(one) for one in ("nginx", "a/b", "reg.io/b", "localhost/b")] == [
        "docker.io",
        "docker.io",
        "reg.io",
        "localhost",
    ]


def test_pull_secrets() -> None:
    config = b'{"auths": {"https://reg.io": {"auth": "dTpw"}, "https://index.docker.io/v1/": {"username": "d"}}}'
    data = {".dockerconfigjson": config}
    found = credentials_for("reg.io", data)
    assert found is not None and (found.username, found.password) == ("u", "p")
    hub = credentials_for("docker.io", data)
    assert hub is not None and hub.username == "d"
    assert credentials_for("other.io", data) is None


@pytest.mark.parametrize(
    ("context", "image", "message"),
    [
        ({"runAsNonRoot": True, "runAsUser": 0}, None, "container's runAsUser breaks non-root policy"),
        ({"runAsNonRoot": True}, pb.Image(uid=pb.Int64Value(value=0)), "image will run as root"),
        ({"runAsNonRoot": True}, pb.Image(username="www"), "cannot verify user is non-root"),
    ],
)
def test_non_root(context: dict[str, Any], image: pb.Image | None, message: str) -> None:
    pod = make_pod({"containers": [{"name": "a", "securityContext": context}]})
    with pytest.raises(NonRootViolation, match=message):
        container_security(pod, pod.spec.containers[0], image)


def test_security_context_of_pod_and_container() -> None:
    own = {"runAsUser": 7, "capabilities": {"add": ["NET_ADMIN"]}, "allowPrivilegeEscalation": False}
    spec = {"securityContext": {"runAsGroup": 9, "fsGroup": 11}, "containers": [{"name": "a", "securityContext": own}]}
    pod = make_pod(spec)
    found = container_security(pod, pod.spec.containers[0], None)
    assert (found.run_as_user.value, found.run_as_group.value, found.no_new_privs) == (7, 9, True)
    assert list(found.supplemental_groups) == [11] and list(found.capabilities.add_capabilities) == ["NET_ADMIN"]


def test_node_status() -> None:
    spec = NodeSpec("n1", "10.240.0.11", "127.0.0.1:10250", AMOUNTS, AMOUNTS, {})
    facts = RuntimeFacts("docker", "20.10.24", "")
    first = node_status(spec, MACHINE, facts, Pressure(disk=True), [], NODE, 1_800_000_000.0)
    told = {one["type"]: (one["status"], one["reason"]) for one in first["conditions"]}
    assert told == {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("True", "KubeletHasDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
        "Ready": ("True", "KubeletReady"),
    }
    assert first["nodeInfo"]["containerRuntimeVersion"] == "docker://20.10.24"
    assert first["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 10250}}
    again = node_status(spec, MACHINE, facts, Pressure(disk=True), [], _with(first), 1_800_000_010.0)
    assert same_but_for_heartbeat(first, again)
    broken = RuntimeFacts("docker", "20.10.24", "container runtime is down: gone")
    down = node_status(spec, MACHINE, broken, Pressure(), [], _with(first), 1_800_000_010.0)
    ready = next(one for one in down["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["message"]) == ("False", "container runtime is down: gone")


def _with(status: dict[str, Any]) -> Node:
    return msgspec.convert({"metadata": {"name": "n1"}, "status": status}, Node)


def test_flags() -> None:
    assert parse_labels("a=b,c/d=") == {"a": "b", "c/d": ""}
    assert parse_taints("k=v:NoSchedule,x:NoExecute") == (
        {"key": "k", "effect": "NoSchedule", "value": "v"},
        {"key": "x", "effect": "NoExecute"},
    )
    for bad in ("k=v", "k=v:Sometimes"):
        with pytest.raises(ValueError, match="--register-with-taints"):
            parse_taints(bad)
