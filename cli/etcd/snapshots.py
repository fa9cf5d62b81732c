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
from dataclasses import dataclass
from pathlib import Path

import grpc

from cli import locks
from cli import spec as specs
from cli.debugging.targets import LOCAL
from cli.errors import UserError
from cli.etcd import etcdctl
from cli.etcd.connection import Stub, open_view
from cli.forms.cluster import Cluster
from cli.forms.finding import COMPOSE_NAME, running
from cli.output_files import require_new
from cli.running import supervisor_of
from cli.spec import Paths
from cli.wiretap.showing import size
from proto import etcd_view_pb2 as view

RECOVERY_SECONDS = 30.0
POLL_SECONDS = 0.1


def backup(name: str, file: Path) -> str:
    """To a new file, readable by its owner alone. Raises UserError."""
    etcdctl.require_etcdctl()
    require_new(file)
    etcdctl.run("snapshot", "save", str(file), *etcdctl.endpoint_flags(running(name)))
    file.chmod(0o600)  # every Secret is in it
    return f"saved {file}: {describe(file)}"


def describe(file: Path) -> str:
    status = etcdctl.snapshot_status(file)
    held = f"{status['totalKey']} keys and earlier revisions of keys"
    return f"revision {status['revision']}, {held}, {size(status['totalSize'])}"


@dataclass(frozen=True)
class Store:
    """etcd's data directory, a place in the same file system, and etcd's address for peers, as it is written there."""

    folder: Path
    aside: Path
    peer: str

    def unpack(self, file: Path) -> Path:
        fresh = self.aside / "etcd.restored"
        shutil.rmtree(fresh, ignore_errors=True)
        etcdctl.run(
            *("snapshot", "restore", str(file), f"--data-dir={fresh}", "--name=default"),
            *(f"--initial-cluster=default={self.peer}", f"--initial-advertise-peer-urls={self.peer}"),
            f"--initial-cluster-token=restored-{uuid.uuid4().hex}",  # so that it has a cluster id of its own
        )
        return fresh

    def swap(self, fresh: Path) -> Path:
        """Gives where that is which was there."""
        kept = self.aside / f"etcd.before-restore-{time.strftime('%Y%m%d-%H%M%S')}"
        kept.mkdir(mode=0o700)
        (self.folder / "member").rename(kept / "member")
        (fresh / "member").rename(self.folder / "member")
        shutil.rmtree(fresh)
        return kept


def restore(name: str, file: Path) -> str:
    """Of a cluster that runs, or that was stopped with --keep. What etcd held is put aside, not removed."""
    etcdctl.require_etcdctl()
    runs = name == COMPOSE_NAME or supervisor_of(Paths.of(name).root) != 0
    cluster = running(name) if runs else None
    store, lock = (cluster_store(cluster), cluster.paths.lock) if cluster else (_resting(name), Paths.of(name).lock)
    told = describe(file)
    with locks.only_one(lock, f"cluster {name} is being started, stopped or restored by another command"):
        fresh = store.unpack(file)
        if cluster is None:
            kept = store.swap(fresh)
            return f"restored {file}: {told}\nwhat was there is kept in {kept}; orrery up --name {name} starts it"
        began = time.monotonic()
        revision, kept = asyncio.run(_restore_running(cluster, store, fresh))
        seconds = time.monotonic() - began
    return (
        f"restored {file}: {told}\netcd runs on it, and the apiserver has read it anew at revision {revision}"
        f" ({seconds:.1f} s); watches began again\nwhat was there is kept in {kept}"
    )


def cluster_store(cluster: Cluster) -> Store:
    peer = cluster.addresses.get("etcd-peer", "localhost:2380")  # etcd's default
    inside = cluster.etcd_folder != cluster.paths.etcd  # a volume of its own
    return Store(cluster.etcd_folder, cluster.etcd_folder if inside else cluster.paths.root, f"http://{peer}")


def _resting(name: str) -> Store:
    paths, spec = Paths.of(name), specs.load(name)
    if spec is None or not paths.etcd.exists():
        raise UserError(f"there is no cluster {name} whose etcd could be restored")
    return Store(paths.etcd, paths.root, f"http://{LOCAL}:{spec.ports['etcd-peer']}")


async def _restore_running(cluster: Cluster, store: Store, fresh: Path) -> tuple[int, Path]:
    """Gives the revision that the apiserver has reached, and where that is which was there."""
    async with open_view(cluster.name) as stub:
        before = await _state(stub)
        # Frozen, etcd writes nothing while its directory changes; killed, it is started on what lies there then.
        pid = _etcd_pid(cluster)
        os.kill(pid, signal.SIGSTOP)
        try:
            kept = store.swap(fresh)
            os.kill(pid, signal.SIGKILL)
        finally:
            _go_on(pid)
        return await _recovered(stub, before.cluster_id if before else 0), kept


def _go_on(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # as it should be


def _etcd_pid(cluster: Cluster) -> int:
    found = cluster.process("etcd").pid
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
