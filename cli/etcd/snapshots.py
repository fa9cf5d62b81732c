"""`orrery etcd backup` and `restore`: real snapshots.

A restored etcd gets a cluster id of its own, by which the apiserver notices that its past is another one, whatever
revision it is at: it fills its cache anew and ends every watch with 410, and all clients list again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
import uuid
from pathlib import Path

import grpc

from cli import locks
from cli import spec as specs
from cli.components import LOCAL
from cli.debugging.targets import running
from cli.errors import UserError
from cli.etcd import etcdctl
from cli.etcd.connection import Stub, open_view
from cli.running import supervisor_of
from cli.spec import ClusterSpec, Paths
from cli.supervisor import read_state
from cli.wiretap.showing import size
from proto import etcd_view_pb2 as view

RECOVERY_SECONDS = 30.0
POLL_SECONDS = 0.1


def backup(name: str, file: Path) -> str:
    etcdctl.require_etcdctl()
    spec, _ = running(name)
    etcdctl.run("snapshot", "save", str(file), *etcdctl.endpoint_flags(spec, Paths.of(name)))
    file.chmod(0o600)  # every Secret is in it
    return f"saved {file}: {describe(file)}"


def describe(file: Path) -> str:
    status = etcdctl.snapshot_status(file)
    return f"revision {status['revision']}, {status['totalKey']} keys, {size(status['totalSize'])}"


def restore(name: str, file: Path) -> str:
    """Of a cluster that runs, or that was stopped with --keep. What etcd held is put aside, not removed."""
    etcdctl.require_etcdctl()
    paths, spec = Paths.of(name), specs.load(name)
    if spec is None or not paths.etcd.exists():
        raise UserError(f"there is no cluster {name} whose etcd could be restored")
    told = describe(file)
    with locks.only_one(paths.lock, f"cluster {name} is being started, stopped or restored by another command"):
        fresh = _unpack(spec, paths, file)
        kept = paths.root / f"etcd.before-restore-{time.strftime('%Y%m%d-%H%M%S')}"
        if not supervisor_of(paths.root):
            _swap(paths.etcd, fresh, kept)
            return f"restored {file}: {told}\nwhat was there is kept in {kept}; orrery up --name {name} starts it"
        began = time.monotonic()
        revision = asyncio.run(_restore_running(name, paths, fresh, kept))
        seconds = time.monotonic() - began
    return (
        f"restored {file}: {told}\netcd runs on it, and the apiserver has read it anew at revision {revision}"
        f" ({seconds:.1f} s); watches began again\nwhat was there is kept in {kept}"
    )


def _unpack(spec: ClusterSpec, paths: Paths, file: Path) -> Path:
    fresh = paths.root / "etcd.restored"
    shutil.rmtree(fresh, ignore_errors=True)
    peer = f"http://{LOCAL}:{spec.ports['etcd-peer']}"
    etcdctl.run(
        *("snapshot", "restore", str(file), f"--data-dir={fresh}", "--name=default"),
        *(f"--initial-cluster=default={peer}", f"--initial-advertise-peer-urls={peer}"),
        f"--initial-cluster-token=restored-{uuid.uuid4().hex}",  # so that it has a cluster id of its own
    )
    return fresh


def _swap(current: Path, fresh: Path, kept: Path) -> None:
    current.rename(kept)
    fresh.rename(current)


async def _restore_running(name: str, paths: Paths, fresh: Path, kept: Path) -> int:
    """Gives the revision that the apiserver has reached."""
    async with open_view(name) as stub:
        before = await _state(stub)
        # Frozen, etcd writes nothing while its directory changes; killed, it is started on what lies there then.
        pid = _etcd_pid(paths)
        os.kill(pid, signal.SIGSTOP)
        try:
            _swap(paths.etcd, fresh, kept)
            os.kill(pid, signal.SIGKILL)
        finally:
            _go_on(pid)
        return await _recovered(stub, before.cluster_id if before else 0)


def _go_on(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # as it should be


def _etcd_pid(paths: Paths) -> int:
    _, processes = read_state(paths.state)
    found = next((one.pid for one in processes if one.name == "etcd"), 0)
    if not found:
        raise UserError("etcd does not run now; orrery status shows why")
    return found


async def _state(stub: Stub) -> view.StateResponse | None:
    try:
        return await stub.State(view.StateRequest(), timeout=2.0)
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            return None
        raise


async def _recovered(stub: Stub, old: int) -> int:
    """Wait until the apiserver's cache is of the restored etcd. Raises UserError if that does not come."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        now = await _state(stub)
        if now is not None and now.cluster_id != old and now.cache_cluster_id == now.cluster_id and now.ready:
            return now.cache_revision
        await asyncio.sleep(POLL_SECONDS)
    raise UserError(
        f"etcd was restored, but the apiserver has not read it within {RECOVERY_SECONDS:.0f} s;"
        " orrery status and orrery logs apiserver show why"
    )
