"""The real `etcdctl`, with the cluster's certificates."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from cli.config import child_environment
from cli.errors import UserError
from cli.forms.cluster import Cluster
from cli.supervisor import ROOT

SECONDS = 120.0  # that a snapshot may take


def require_etcdctl() -> str:
    """Its path. Raises UserError if there is none."""
    found = shutil.which("etcdctl")
    if found is None:
        raise UserError("etcdctl is not on PATH; on Debian and Ubuntu it is in the package etcd-client")
    return found


def endpoint_flags(cluster: Cluster) -> list[str]:
    pki = cluster.paths.pki
    return [
        f"--endpoints=https://{cluster.addresses['etcd']}",
        f"--cacert={pki / 'ca.crt'}",
        f"--cert={pki / 'apiserver-etcd-client.crt'}",
        f"--key={pki / 'apiserver-etcd-client.key'}",
    ]


def run(*args: str) -> str:
    """Gives what it printed. Raises UserError with its complaint."""
    environment = {**child_environment(ROOT), "ETCDCTL_API": "3"}
    try:
        done = subprocess.run(
            [require_etcdctl(), *args], capture_output=True, text=True, env=environment, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"etcdctl {args[0]} {args[1]}: no end within {SECONDS:.0f} s") from None
    if done.returncode:
        raise UserError(f"etcdctl {args[0]} {args[1]}: {_complaint(done.stderr or done.stdout)}")
    return done.stdout


def _complaint(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else "it gave no reason"


def snapshot_status(file: Path) -> dict[str, Any]:
    """`revision`, `totalKey`, `totalSize`, `hash`. Raises UserError for what is no snapshot."""
    if not file.is_file():
        raise UserError(f"{file}: there is no such file")
    try:
        text = run("snapshot", "status", str(file), "--write-out=json")
    except UserError as error:
        raise UserError(f"{file} is no snapshot ({error}); orrery etcd backup FILE makes one") from None
    found: dict[str, Any] = json.loads(text)
    return found
