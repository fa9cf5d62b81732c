"""The Python `kubernetes` client against the front door: exec, port-forward, logs, watch, bodies without a kind."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import kubeconfig
from tests.support.http_front import Front, front_door, make_certificates


def module(name: str) -> Any:
    """The client has no types to speak of."""
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory)


@pytest.fixture
async def front(certificates: Path) -> AsyncIterator[Front]:
    async with front_door(certificates, certificates) as front:
        front.pod()
        yield front


@pytest.fixture
def core(front: Front, tmp_path: Path) -> Any:
    config, client = module("kubernetes.config"), module("kubernetes.client")
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig.entry("t", f"https://127.0.0.1:{front.port}", front.certificates)))
    return client.CoreV1Api(config.new_client_from_config(str(path)))


async def test_objects(core: Any) -> None:
    def work() -> tuple[list[str], str]:
        body = {"metadata": {"name": "made"}, "data": {"a": "b"}}
        core.create_namespaced_config_map("default", body)
        names = [pod.metadata.name for pod in core.list_namespaced_pod("default").items]
        return names, core.read_namespaced_config_map("made", "default").data["a"]

    assert await asyncio.to_thread(work) == (["web"], "b")


async def test_logs_and_watch(front: Front, core: Any) -> None:
    def work() -> tuple[str, list[str]]:
        seen = []
        watcher = module("kubernetes.watch").Watch()
        for event in watcher.stream(core.list_namespaced_pod, "default", _request_timeout=10):
            seen.append(event["object"].metadata.name)
            watcher.stop()
        return core.read_namespaced_pod_log("web", "default"), seen

    log, seen = await asyncio.to_thread(work)
    assert log == "line 0\nline 1\nline 2\n"
    assert seen == ["web"]


async def test_exec(core: Any) -> None:
    def work() -> tuple[str, str, int]:
        stream = module("kubernetes.stream").stream
        call = core.connect_get_namespaced_pod_exec
        options: dict[str, Any] = {"stdout": True, "stderr": True, "stdin": False, "tty": False}
        response = stream(call, "web", "default", command=["exit", "3"], _preload_content=False, **options)
        response.run_forever(timeout=10)
        return response.read_stdout(), response.read_stderr(), response.returncode

    assert await asyncio.to_thread(work) == ("out\n", "err\n", 3)


async def test_exec_with_text_on_stdin(core: Any) -> None:
    def work() -> str:
        stream = module("kubernetes.stream").stream
        call = core.connect_get_namespaced_pod_exec
        options: dict[str, Any] = {"stdout": True, "stderr": False, "stdin": True, "tty": False}
        response = stream(call, "web", "default", command=["cat"], _preload_content=False, **options)
        response.write_stdin("hello\n")
        line = response.readline_stdout(timeout=10)
        response.close()
        return str(line)

    assert await asyncio.to_thread(work) == "hello"


async def test_port_forward(core: Any) -> None:
    def work() -> bytes:
        portforward = module("kubernetes.stream").portforward
        forward = portforward(core.connect_get_namespaced_pod_portforward, "web", "default", ports="80")
        socket = forward.socket(80)
        socket.sendall(b"hello")
        socket.settimeout(10)
        answer: bytes = socket.recv(100)
        socket.close()
        assert forward.error(80) is None
        return answer

    assert await asyncio.to_thread(work) == b"HELLO"
