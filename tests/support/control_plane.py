"""A real apiserver process over a real etcd, for tests of what talks to it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from tests.support.etcd import EtcdProcess
from tests.support.need import ROOT
from wire.tls import TlsFiles, channel_credentials

START_SECONDS = 30


@dataclass(frozen=True)
class ControlPlane:
    """Where it is reached."""

    pki: Path
    secure_port: int
    rpc_port: int
    directory: Path

    @property
    def rpc(self) -> str:
        return f"127.0.0.1:{self.rpc_port}"

    def kubectl(self, *args: str, check: bool = True) -> str:
        """Run the kubectl on PATH as administrator; gives what it printed."""
        command = [str(shutil.which("kubectl")), "--kubeconfig", str(self._kubeconfig()), *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _kubeconfig(self) -> Path:
        path = self.directory / "kubeconfig"
        if not path.exists():
            server = f'server: "https://127.0.0.1:{self.secure_port}"'
            path.write_text(
                "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
                f"clusters: [{{name: test, cluster: {{{server}, certificate-authority: {self.pki}/ca.crt}}}}]\n"
                f"users: [{{name: admin, user: {{client-certificate: {self.pki}/admin.crt,"
                f" client-key: {self.pki}/admin.key}}}}]\n"
                "contexts: [{name: test, context: {cluster: test, user: admin}}]\n"
            )
        return path


@contextmanager
def control_plane(etcd: EtcdProcess, pki: Path, directory: Path) -> Iterator[ControlPlane]:
    plane = ControlPlane(pki, free_port(), free_port(), directory)
    log = (directory / "apiserver.log").open("w")
    flags = ["--secure-address", f"127.0.0.1:{plane.secure_port}", "--rpc-address", plane.rpc]
    flags += ["--etcd", etcd.address, "--pki-dir", str(pki), "--cache-dir", str(ROOT / ".cache")]
    process = subprocess.Popen(
        [sys.executable, "-m", "apiserver", *flags], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        _wait_until_served(plane, process)
        yield plane
    finally:
        process.terminate()
        process.wait(timeout=10)
        log.close()


def _wait_until_served(plane: ControlPlane, process: subprocess.Popen[bytes]) -> None:
    """Until its gRPC door answers and the cluster's first objects are there."""
    credentials = channel_credentials(TlsFiles.in_directory(plane.pki, "admin"))
    options = [("grpc.ssl_target_name_override", "orrery")]
    deadline = time.monotonic() + START_SECONDS
    with grpc.secure_channel(plane.rpc, credentials, options=options) as channel:
        from proto import api_pb2, api_pb2_grpc

        stub = api_pb2_grpc.ApiStub(channel)
        resource = api_pb2.Resource(version="v1", resource="namespaces")
        while True:
            assert process.poll() is None, (plane.directory / "apiserver.log").read_text()
            try:
                stub.Get(api_pb2.GetRequest(resource=resource, name="kube-system"))
                return
            except grpc.RpcError as error:
                assert time.monotonic() < deadline, f"apiserver: {error}"
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
