"""emptyDir: a directory that lives as long as its pod; with medium Memory a tmpfs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from apimachinery import quantity
from kubelet.volumes.base import MountRequest, VolumeError
from kubelet.volumes.host import HostFiles, mount_tmpfs, unmount


class EmptyDirType:
    plugin = "kubernetes.io~empty-dir"
    live = False

    def __init__(self, host: HostFiles) -> None:
        self._host = host

    async def set_up(self, request: MountRequest) -> Path:
        source = request.volume.empty_dir
        assert source is not None
        if source.medium not in ("", "Memory"):
            raise VolumeError(f'unknown storage medium "{source.medium}"')
        if source.medium == "Memory" and os.geteuid() != 0:
            raise VolumeError("emptyDir with medium Memory needs a kubelet that runs as root, to mount a tmpfs")
        size = quantity.to_int(source.size_limit) if source.size_limit else 0
        self._host.run(_set_up, request.directory, source.medium == "Memory", size, request.fs_group)
        return request.directory

    async def tear_down(self, directory: Path) -> None:
        self._host.run(_tear_down, directory)


def _set_up(directory: Path, in_memory: bool, size_bytes: int, fs_group: int | None) -> None:
    new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    if in_memory and not directory.is_mount():
        mount_tmpfs(directory, f"size={size_bytes},mode=0777" if size_bytes else "mode=0777")
        new = True
    if new:
        _open_up(directory, fs_group)


def _open_up(directory: Path, fs_group: int | None) -> None:
    """Anyone in the pod may write; with a group for the file system, new files belong to it."""
    if fs_group is not None:
        os.chown(directory, -1, fs_group)
    directory.chmod(0o2777 if fs_group is not None else 0o777)


def _tear_down(directory: Path) -> None:
    if directory.is_mount():
        unmount(directory)
    shutil.rmtree(directory, ignore_errors=True)
