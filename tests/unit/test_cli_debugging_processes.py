"""Freezing and thawing processes: that they go on in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli import spec as specs
from cli.debugging import processes
from cli.debugging.targets import is_frozen
from cli.errors import UserError
from cli.source.wanted import Want, edit
from cli.spec import ClusterSpec, Paths
from tests.support.cluster import eventually
from tests.support.debug_fleet import write_state

NAME = "frozen"
BOTH = "k*-worker-1"


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Of a cluster whose supervisor we are."""
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    made = Paths.of(NAME)
    made.root.mkdir(parents=True)
    specs.save(ClusterSpec(NAME, 0, "sim", "for a test", 1, {"apiserver": 1}))
    return made


@pytest.fixture
def pids(paths: Paths) -> Iterator[dict[str, int]]:
    """By component, of processes that do nothing."""
    with ExitStack() as stack:
        pids = {}
        for component in ("kubelet-worker-1", "kube-proxy-worker-1"):
            made = stack.enter_context(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
            stack.callback(made.kill)
            pids[component] = made.pid
        write_state(paths, pids)
        yield pids


def frozen(pids: dict[str, int]) -> set[str]:
    return {component for component, pid in pids.items() if is_frozen(pid)}


def freeze(pids: dict[str, int]) -> None:
    processes.freeze(NAME, BOTH, 0.0)
    eventually("both are frozen", lambda: frozen(pids) == set(pids))


@pytest.mark.parametrize("away", [0, 1 << 30])
async def test_who_is_left_thaws_when_another_has_been_stopped_or_started_anew(
    paths: Paths, pids: dict[str, int], away: int
) -> None:
    freeze(pids)
    write_state(paths, {**pids, "kube-proxy-worker-1": away})
    said = await processes.thaw_later(NAME, BOTH, 0.01, set(pids.values()))
    assert said == "thawed: kubelet-worker-1"
    eventually("it goes on", lambda: "kubelet-worker-1" not in frozen(pids))


async def test_successors_are_left_frozen(pids: dict[str, int]) -> None:
    freeze(pids)
    said = await processes.thaw_later(NAME, BOTH, 0.01, {os.getpid()})
    assert "none" in said and frozen(pids) == set(pids)


def test_thawing_by_hand_passes_over_who_does_not_run(paths: Paths, pids: dict[str, int]) -> None:
    freeze(pids)
    write_state(paths, {**pids, "kube-proxy-worker-1": 0})
    assert processes.thaw(NAME, BOTH) == f"kubelet-worker-1 (PID {pids['kubelet-worker-1']}) goes on"
    with pytest.raises(UserError, match="does not run now"):
        processes.freeze(NAME, BOTH, 0.0)
    with pytest.raises(UserError, match="no component"):
        processes.thaw(NAME, "nobody")


def test_under_debug_there_is_no_duration(paths: Paths, pids: dict[str, int]) -> None:
    """The clock stands while it stands: that would never be over."""
    with edit(paths.wanted) as wanted:
        wanted["kubelet-worker-1"] = Want(debug_port=5674)
    with pytest.raises(UserError, match=r"never be over.* orrery debug kubelet-worker-1 --off"):
        processes.freeze(NAME, BOTH, 3600.0)
    assert frozen(pids) == set()
    freeze(pids)
    for pid in pids.values():
        os.kill(pid, signal.SIGCONT)
