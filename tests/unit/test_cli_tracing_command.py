"""Running a command to be traced: how it ends, and what is left when we are told to end."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.errors import UserError
from cli.forms.host import HostCluster
from cli.spec import ClusterSpec, Paths
from cli.tracing.command import run

SERVER = "127.0.0.1:6443"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostCluster:
    """Nobody serves there; a kubeconfig names it."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps({"clusters": [{"name": "x", "cluster": {"server": f"https://{SERVER}"}}]}))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    addresses = {"apiserver": SERVER}
    spec = ClusterSpec("x", 0, "sim", "for a test", 1, {})
    return HostCluster("x", "orrery-x", "sim", Paths(tmp_path, tmp_path), (), addresses, spec, supervisor=0)


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the kubeconfig's copies are kept meanwhile."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Signals that came to us, and would have ended us."""
    told: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _: told.append(number)) for number in numbers}
    yield told
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("kill -INT $PPID; kill -INT $$", 130)],
)
async def test_a_command_ends_as_in_a_shell(
    cluster: HostCluster, copies: Path, heard: list[int], script: str, code: int
) -> None:
    ours = signal.getsignal(signal.SIGINT)
    ran = await run(["sh", "-c", script], cluster)
    assert (ran.code, ran.span.attributes["code"]) == (code, str(code))
    assert heard == [] and signal.getsignal(signal.SIGINT) == ours
    assert list(copies.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_who_is_told_to_end_ends_the_command_and_leaves_no_copy(
    cluster: HostCluster, copies: Path, heard: list[int], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    ended = tmp_path / "ended"
    told = f"ls {copies}/*/* > {tmp_path}/there; kill -{int(number)} $PPID"
    script = f"trap 'touch {ended}; exit' TERM; {told}; sleep 3 & wait"
    with pytest.raises(SystemExit) as exit_:
        await run(["sh", "-c", script], cluster)
    assert (exit_.value.code, heard) == (code, [])
    assert (tmp_path / "there").read_text() and ended.exists()
    assert list(copies.iterdir()) == []


async def test_what_cannot_be_run_is_said(cluster: HostCluster, copies: Path) -> None:
    with pytest.raises(UserError, match="no-such-program: No such file"):
        await run(["no-such-program"], cluster)
    assert list(copies.iterdir()) == []
