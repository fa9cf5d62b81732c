"""A probe may fail in ways that nobody asked for; that is never the kubelet's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from api.container import Container
from api.pod import Pod
from apimachinery.clock import Clock, FakeClock, settle
from kubelet.http_get import HttpFailed, get
from kubelet.pod_state import Instance, PodState, Sandbox
from kubelet.pods import Kind
from kubelet.probes.prober import Prober
from kubelet.runtime import CriRuntime
from proto import cri_pb2 as pb
from tests.unit.kubelet_harness import container, make_pod

STATE = PodState(
    "u1", sandboxes=(Sandbox("s", ips=("127.0.0.1",)),), instances=(Instance("c", "main", sandbox_id="s"),)
)
PATIENCE = 10.0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where a server begins a header that it never ends."""

    served: list[asyncio.StreamWriter] = []

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000)
        served.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for one in served:
        one.close()
    server.close()


def probed(probe: dict[str, Any]) -> Pod:
    return make_pod({"containers": [container(readinessProbe=probe)]})


async def test_endless_headers_are_no_answer(port: int) -> None:
    with pytest.raises(HttpFailed, match="server response headers are too long"):
        async with asyncio.timeout(PATIENCE):
            await get(f"http://127.0.0.1:{port}/", [])


async def test_endless_headers_fail_a_probe(port: int) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()

    def tell(pod: Pod, container: Container, kind: Kind, reason: str, message: str) -> None:
        told.put_nowait(message)

    prober = Prober(cast(CriRuntime, None), Clock(), lambda uid: None, tell)
    pod = probed({"httpGet": {"path": "/", "port": port}, "timeoutSeconds": 5})
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        prober.sync(pod, STATE, group)
        message = await told.get()
        prober.stop(pod.uid)
    url = f"http://127.0.0.1:{port}/"
    assert message == f'Readiness probe failed: Get "{url}": server response headers are too long'


class Runtime:
    """Has a bug that shows once."""

    def __init__(self) -> None:
        self.calls = 0

    async def exec_sync(self, container_id: str, command: list[str], timeout: float) -> pb.ExecSyncResponse:
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError("a bug")
        return pb.ExecSyncResponse()


async def test_a_bug_costs_one_result_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    clock = FakeClock()
    runtime = cast(CriRuntime, Runtime())
    prober = Prober(runtime, clock, lambda uid: None, lambda pod, container, kind, reason, text: told.append(text))
    pod = probed({"exec": {"command": ["check"]}, "periodSeconds": 5})
    async with asyncio.TaskGroup() as group:
        prober.sync(pod, STATE, group)
        await settle()
        assert told == ["Readiness probe errored and resulted in unknown state: RuntimeError: a bug"]
        assert "Traceback" in caplog.text and "default/web: readiness probe of main" in caplog.text
        await clock.advance(5)
        assert prober.health(pod, STATE).ready == {"c"}
        prober.stop(pod.uid)
