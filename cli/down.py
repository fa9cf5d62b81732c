"""`orrery down`: stop a cluster and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

from cli import kubeconfig
from cli import spec as specs
from cli.config import child_environment, kubeconfig_path
from cli.errors import UserError
from cli.spec import Paths
from cli.supervisor import ROOT, is_alive, read_state

STOP_SECONDS = 40.0


def down(name: str, *, keep: bool = False) -> None:
    """Stop every process, remove containers, network, mounts, context and, unless `keep`, the cluster's state.

    Certificates stay, so that the next `up` is quick and a copied kubeconfig keeps working.
    """
    paths = Paths.of(name)
    spec = specs.load(name)
    if spec is None:
        known = ", ".join(one.name for one in specs.existing()) or "none"
        raise UserError(f"there is no cluster {name}; clusters there are: {known}")
    stop_processes(paths)
    if spec.runtime == "docker":
        _remove_containers(name)
    kubeconfig.remove_from(kubeconfig_path(), spec.context)
    paths.state.unlink(missing_ok=True)
    paths.clock.unlink(missing_ok=True)
    _unmount(paths)
    shutil.rmtree(paths.root / "nodes", ignore_errors=True)
    keep_mark = paths.root / "keep"
    if keep:
        keep_mark.touch()
    else:
        keep_mark.unlink(missing_ok=True)
        shutil.rmtree(paths.etcd, ignore_errors=True)


def stop_processes(paths: Paths) -> None:
    """SIGTERM to the supervisor, and to any process it left behind if it was killed itself."""
    supervisor, processes = read_state(paths.state)
    pids = [supervisor] if supervisor else [one.pid for one in processes if _is_ours(one.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise UserError(f"processes {pids} did not stop within {STOP_SECONDS:.0f} s")
        time.sleep(0.02)


def _is_ours(pid: int) -> bool:
    """Guards against a PID that was given to someone else since: our processes run in the repository."""
    try:
        return bool(pid) and os.readlink(f"/proc/{pid}/cwd") == str(ROOT)
    except OSError:
        return False


def _remove_containers(name: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "cri.docker.cleanup", "--cluster", name],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=child_environment(ROOT),
        check=False,
    )
    if answer.returncode:
        raise UserError(f"containers of {name} could not be removed: {answer.stderr.strip()}")


def _unmount(paths: Paths) -> None:
    """Volumes of medium Memory are mounts; what is still mounted below the cluster's folder must go first."""
    with open("/proc/self/mounts") as mounts:
        below = [line.split()[1] for line in mounts if line.split()[1].startswith(str(paths.root) + "/")]
    for path in sorted(below, reverse=True):
        subprocess.run(["umount", path], check=False)
