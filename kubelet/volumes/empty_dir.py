"""emptyDir: a directory that lives as long as its pod; with medium Memory a tmpfs."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from apimachinery import quantity
from kubelet.volumes.base import MountRequest, VolumeError


class EmptyDirType:
    plugin = "kubernetes.io~empty-dir"
    live = False

    async def set_up(self, request: MountRequest) -> Path:
        source = request.volume.empty_dir
        assert source is not None
        if source.medium not in ("", "Memory"):
            raise VolumeError(f'unknown storage medium "{source.medium}"')
        new = not request.directory.exists()
        request.directory.mkdir(parents=True, exist_ok=True)
        if source.medium == "Memory" and not _is_mounted(request.directory):
            size = quantity.to_int(source.size_limit) if source.size_limit else 0
            await _mount_tmpfs(request.directory, size)
            new = True
        if new:
            _open_up(request.directory, request.fs_group)
        return request.directory

    async def tear_down(self, directory: Path) -> None:
        if _is_mounted(directory):
            await _run("umount", str(directory))
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _is_mounted(directory: Path) -> bool:
    return directory.is_mount()


def _open_up(directory: Path, fs_group: int | None) -> None:
    """Anyone in the pod may write; with a group for the file system, new files belong to it."""
    if fs_group is not None:
        os.chown(directory, -1, fs_group)
    directory.chmod(0o2777 if fs_group is not None else 0o777)


async def _mount_tmpfs(directory: Path, size_bytes: int) -> None:
    if os.geteuid() != 0:
        raise VolumeError("emptyDir with medium Memory needs a kubelet that runs as root, to mount a tmpfs")
    options = f"size={size_bytes},mode=0777" if size_bytes else "mode=0777"
    await _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory))


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode != 0:
        raise VolumeError(f"{command[0]}: {errors.decode(errors='replace').strip()}")
