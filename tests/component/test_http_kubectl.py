"""Streams with the real kubectl, over TLS and uvloop, to a fake kubelet: exec, attach, logs, port-forward."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop
import yaml

from cli import kubeconfig
from tests.support.http_front import Front, front_door, make_certificates
from tests.support.kubectl import OLDER, SUPPORTED, find_kubectls
from tests.support.need import need

pytestmark = pytest.mark.kubectl

VERSIONS = (*SUPPORTED, *OLDER)
KUBECTLS = find_kubectls(VERSIONS)


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory)


class Running:
    """One kubectl against one front door, run without blocking the loop that serves it."""

    def __init__(self, binary: str, front: Front, home: Path) -> None:
        self.front = front
        self._binary = binary
        self._home = home
        self.environment: dict[str, str] = {}
        self._config = home / "kubeconfig"
        entry = kubeconfig.entry("t", f"https://127.0.0.1:{front.port}", front.certificates)
        self._config.write_text(yaml.safe_dump(entry))

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        where = ("--kubeconfig", str(self._config), "--cache-dir", str(self._home / "cache"))
        return await asyncio.create_subprocess_exec(
            self._binary,
            *where,
            *args,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={"HOME": str(self._home), **self.environment},
        )

    async def run(self, *args: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        process = await self.start(*args)
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return process.returncode, out, err


@pytest.fixture(params=VERSIONS)
async def kubectl(request: pytest.FixtureRequest, certificates: Path, tmp_path: Path) -> AsyncIterator[Running]:
    need(request.param in KUBECTLS, f"no kubectl {request.param}")
    async with front_door(certificates, certificates) as front:
        front.pod()
        yield Running(KUBECTLS[request.param], front, tmp_path)


async def test_get_shows_the_servers_table(kubectl: Running) -> None:
    code, out, err = await kubectl.run("get", "pods", "-o", "wide")
    assert code == 0, err
    assert out.split()[:2] == [b"NAME", b"READY"] and b"web" in out


async def test_exec_exit_code_and_streams(kubectl: Running) -> None:
    code, out, err = await kubectl.run("exec", "web", "--", "exit", "3")
    assert (code, out) == (3, b"out\n")
    assert err.startswith(b"err\n") and b"command terminated with exit code 3" in err


async def test_exec_with_stdin(kubectl: Running) -> None:
    text = b"a line\n" * 50_000
    code, out, err = await kubectl.run("exec", "-i", "web", "--", "cat", stdin=text)
    assert (code, out == text) == (0, True), err


async def test_attach(kubectl: Running) -> None:
    code, out, err = await kubectl.run("attach", "web")
    assert (code, out) == (0, b"attached\n"), err


async def test_logs(kubectl: Running) -> None:
    assert (await kubectl.run("logs", "web"))[:2] == (0, b"line 0\nline 1\nline 2\n")
    code, _, err = await kubectl.run("logs", "web", "--previous")
    assert code == 1 and b'previous terminated container "main" in pod "web" not found' in err


async def test_port_forward(kubectl: Running) -> None:
    process = await kubectl.start("port-forward", "pod/web", ":80")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
            found = re.search(rb"127\.0\.0\.1:(\d+)", line)
            assert found, line
            answers = await asyncio.gather(*(_shout(int(found[1]), n) for n in range(10)))
        assert answers == [b"HELLO %d" % n for n in range(10)]
    finally:
        process.kill()
        await process.wait()


async def _shout(port: int, number: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello %d" % number)
    answer = await reader.readexactly(len(b"hello %d" % number))
    writer.close()
    return answer


async def test_exec_over_spdy(kubectl: Running) -> None:
    """The same binary can be told to speak as kubectl 1.29 does."""
    kubectl.environment["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = "false"
    assert (await kubectl.run("exec", "-i", "web", "--", "cat", stdin=b"spdy"))[:2] == (0, b"spdy")
    code, _, err = await kubectl.run("exec", "web", "--", "exit", "3")
    assert code == 3, err


async def test_port_forward_over_spdy(kubectl: Running) -> None:
    kubectl.environment["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = "false"
    await test_port_forward(kubectl)
