"""hostPath: something that is on the node already, or is made there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubelet.volumes.base import MountRequest, VolumeError
from kubelet.volumes.host import HostFiles

_CHECKS: dict[str, tuple[Callable[[Path], bool], str]] = {
    "": (lambda path: True, ""),
    "Directory": (Path.is_dir, "is not a directory"),
    "File": (Path.is_file, "is not a file"),
    "Socket": (Path.is_socket, "is not a socket file"),
    "CharDevice": (Path.is_char_device, "is not a character device"),
    "BlockDevice": (Path.is_block_device, "is not a block device"),
    "DirectoryOrCreate": (Path.is_dir, "is not a directory"),
    "FileOrCreate": (Path.is_file, "is not a file"),
}


class HostPathType:
    plugin = "kubernetes.io~host-path"
    live = False

    def __init__(self, host: HostFiles) -> None:
        self._host = host

    async def set_up(self, request: MountRequest) -> Path:
        source = request.volume.host_path
        assert source is not None
        return self._host.run(check, Path(source.path), source.type)

    async def tear_down(self, directory: Path) -> None:
        """It was there before the pod and stays."""


def check(path: Path, kind: str) -> Path:
    """Make it if its type says so; then see that it is what its type says. Raises VolumeError."""
    if kind not in _CHECKS:
        raise VolumeError(f"{kind} is an invalid volume type")
    try:
        if kind == "DirectoryOrCreate" and not path.exists():
            path.mkdir(mode=0o755, parents=True)
        elif kind == "FileOrCreate" and not path.exists():
            path.touch(mode=0o644)
    except OSError as error:
        raise VolumeError(f"hostPath: {error.strerror}: {path}") from None
    holds, words = _CHECKS[kind]
    if not holds(path):
        raise VolumeError(f"hostPath type check failed: {path} {words}")
    return path
