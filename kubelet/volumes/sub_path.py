"""subPath: one directory or file inside a volume, and never anything outside it."""

from __future__ import annotations

from pathlib import Path

from kubelet.volumes.base import VolumeError


def resolve(volume: Path, sub_path: str) -> Path:
    """The real path of `sub_path` in `volume`, made as a directory if it is not there.

    Links are followed now, so that the runtime mounts what was checked. Raises VolumeError if it leads out.
    """
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise VolumeError(f'subPath "{sub_path}" must be a relative path without ".."')
    root = volume.resolve()
    target = (root / sub_path).resolve()
    if not target.is_relative_to(root):
        raise VolumeError(f'subPath "{sub_path}" leads out of its volume')
    if not target.exists():
        try:
            target.mkdir(mode=0o750, parents=True)
            target.chmod(root.stat().st_mode & 0o7777)
        except OSError as error:
            raise VolumeError(f'cannot make subPath "{sub_path}": {error.strerror}') from None
    return target
