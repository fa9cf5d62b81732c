"""Files that change all at once: `..data` is a link to a dated directory, swapped in one rename.

volume/..2026_11_20_10_38_58.123456789/key
volume/..data -> ..2026_11_20_10_38_58.123456789
volume/key -> ..data/key
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from kubelet.volumes.base import File, Payload, VolumeError

DATA = "..data"
_NEW = "..data_tmp"


def write(directory: Path, payload: Payload, stamp: str, fs_group: int | None = None) -> bool:
    """Make `directory` hold exactly `payload`. `stamp` names the new version. Gives whether anything changed."""
    for path in payload:
        check_path(path)
    directory.mkdir(parents=True, exist_ok=True)
    if fs_group is not None:
        payload = {path: File(file.data, file.mode | 0o440) for path, file in payload.items()}
        _own(directory, fs_group, 0o2775)
    else:
        directory.chmod(0o777)
    current = directory / DATA
    if current.exists() and _read(current) == payload:
        _link(directory, payload)
        return False
    old = os.readlink(current) if current.is_symlink() else None
    version = Path(tempfile.mkdtemp(prefix=f"..{stamp}.", dir=directory))
    version.chmod(0o755)
    _fill(version, payload, fs_group)
    _swap(directory, version.name)
    _link(directory, payload)
    if old is not None:
        shutil.rmtree(directory / old, ignore_errors=True)
    return True


def check_path(path: str) -> None:
    """Raises VolumeError for a path that would leave the volume or hide among its own names."""
    if not path or path.startswith("/"):
        raise VolumeError(f"invalid path: must be relative path: {path}")
    parts = path.split("/")
    if ".." in parts:
        raise VolumeError(f"invalid path: must not contain '..': {path}")
    if parts[0].startswith(".."):
        raise VolumeError(f"invalid path: must not start with '..': {path}")


def _read(version: Path) -> Payload:
    found: Payload = {}
    for parent, _, names in os.walk(version):
        for name in names:
            path = Path(parent) / name
            found[str(path.relative_to(version))] = File(path.read_bytes(), path.stat().st_mode & 0o7777)
    return found


def _fill(version: Path, payload: Payload, fs_group: int | None) -> None:
    for path, file in payload.items():
        target = version / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        target.chmod(file.mode)
        if fs_group is not None:
            _own(target, fs_group, file.mode)
    if fs_group is not None:
        for parent, names, _ in os.walk(version):
            for one in (Path(parent), *(Path(parent) / name for name in names)):
                _own(one, fs_group, 0o2755)


def _swap(directory: Path, version: str) -> None:
    new = directory / _NEW
    new.unlink(missing_ok=True)
    new.symlink_to(version)
    new.rename(directory / DATA)


def _link(directory: Path, payload: Payload) -> None:
    """A visible link for each first path element, none for those that are gone."""
    wanted = {path.split("/")[0] for path in payload}
    for entry in list(directory.iterdir()):
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    for name in wanted:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")


def _own(path: Path, group: int, mode: int) -> None:
    try:
        os.chown(path, -1, group)
    except PermissionError as error:
        raise VolumeError(f"cannot give {path.name} to group {group}: {error.strerror}") from None
    path.chmod(mode)
