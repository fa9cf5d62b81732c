"""Recordings and backups never take the place of a file that is there, and nobody else can read them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.compare import recording as comparing
from cli.errors import UserError
from cli.etcd import etcdctl, snapshots
from cli.output_files import create


@pytest.fixture
def there(tmp_path: Path) -> Path:
    file = tmp_path / "there"
    file.write_text("precious")
    return file


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with create(tmp_path / "new") as out:
            out.write("x")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").read_text() == "x"


def test_a_file_that_is_there_stays(there: Path) -> None:
    with pytest.raises(UserError, match="there exists; name another, or remove it"):
        create(there)
    assert there.read_text() == "precious"


def test_a_folder_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none/x: No such file or directory"):
        create(tmp_path / "none" / "x")


def test_compare_record_refuses_it(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def nothing(cluster: str) -> AsyncIterator[Any]:
        yield SimpleNamespace(Watch=lambda request: None)

    async def no_objects(*args: Any, **options: Any) -> list[Any]:
        return []

    monkeypatch.setattr(comparing, "open_fleet", nothing)
    monkeypatch.setattr(comparing, "open_view", nothing)
    monkeypatch.setattr(comparing, "_objects", no_objects)
    with pytest.raises(UserError, match="exists; name another"):
        asyncio.run(comparing.record("one", "scheduler", there, 0.0, 0, pending=False))
    assert there.read_text() == "precious"


@pytest.mark.parametrize("dangling", [False, True])
def test_etcd_backup_refuses_it(there: Path, monkeypatch: pytest.MonkeyPatch, dangling: bool) -> None:
    monkeypatch.setattr(etcdctl, "require_etcdctl", lambda: "etcdctl")
    monkeypatch.setattr(etcdctl, "run", lambda *args: pytest.fail("it was run"))
    if dangling:
        there.unlink()
        there.symlink_to("nowhere")
    with pytest.raises(UserError, match="exists; name another"):
        snapshots.backup("one", there)
