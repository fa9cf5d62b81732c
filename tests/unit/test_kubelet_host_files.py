"""Reaching the machine's file systems from a kubelet that has its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelet.volumes.host import HostFiles, mount_tmpfs, unmount


def test_without_a_namespace_everything_happens_here(tmp_path: Path) -> None:
    assert HostFiles().run(os.getcwd) == os.getcwd()


def test_a_namespace_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        HostFiles("/no/such/namespace")


@pytest.fixture
def other_namespace() -> Iterator[str]:
    """A mount namespace of its own, held by a process that waits."""
    holder = subprocess.Popen(["unshare", "--mount", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b"x")
        holder.stdin.flush()
        assert holder.stdout.read(1) == b"x"
        yield f"/proc/{holder.pid}/ns/mnt"
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_what_is_mounted_there_is_not_mounted_here(tmp_path: Path, other_namespace: str) -> None:
    there = HostFiles(other_namespace)
    there.run(mount_tmpfs, tmp_path, "size=65536")
    assert there.run(tmp_path.is_mount)
    assert not tmp_path.is_mount()
    there.run((tmp_path / "file").write_text, "seen there only")
    assert not (tmp_path / "file").exists()
    there.run(unmount, tmp_path)
    with pytest.raises(OSError, match="Invalid argument"):
        there.run(unmount, tmp_path)
