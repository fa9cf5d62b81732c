"""The clock's file: whole at any moment, whoever writes it, and there from a cluster's first moment to its last."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from apimachinery.clock import ClockState
from cli import up
from cli.debugging.attention import attention
from cli.debugging.timeline import Written, put, read_written, write_line
from cli.down import down
from cli.errors import UserError
from cli.kept_time import last_time
from cli.spec import Paths
from wire.seams import BrokenFile, read_clock

LINE = ClockState(5.0, 1_800_000_000.0, 1.0)
TIMES = 300


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"monotonic": 1}', '{"monotonic":1,"cluster_time":1,"rate":0,"resume":[]}']
)
def test_a_torn_file_is_said_to_be_broken(tmp_path: Path, text: str) -> None:
    (tmp_path / "clock.json").write_text(text)
    with pytest.raises(BrokenFile):
        read_written(tmp_path / "clock.json")


def test_many_writers_leave_a_whole_file_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    write_line(path, LINE)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        done = pool.map_async(_write_often, [(path, n) for n in range(3)], chunksize=1)
        while not done.ready():
            assert read_clock(path) is not None
        assert done.get() == [TIMES] * 3
    assert [one.name for one in tmp_path.glob("*.new")] == []


def _write_often(what: tuple[Path, int]) -> int:
    path, rate = what
    for _ in range(TIMES):
        if rate:
            write_line(path, LINE._replace(rate=float(rate)))
        else:
            put(path, Written(LINE))  # without waiting for a turn
    return TIMES


class _Started(Exception):
    pass


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    """Of a cluster that is not there yet. pytest's own folders can be too deep for the sockets of one."""
    with tempfile.TemporaryDirectory(prefix="orrery-") as home:
        monkeypatch.setenv("ORRERY_HOME", home)
        monkeypatch.setenv("KUBECONFIG", f"{home}/kubeconfig")
        monkeypatch.setattr(up, "find_etcd", lambda: "etcd")
        yield Paths.of("one")


def test_a_cluster_begins_with_a_line_and_nothing_of_an_earlier_life(
    one: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who start, now or later, have one time, whatever becomes of the host's."""
    one.root.mkdir(parents=True)
    write_line(one.clock, ClockState(time.monotonic(), 5.0, 0.0))
    one.tracing.write_text('{"on": false}')

    def start(argv: Sequence[str], log: Path, root: Path) -> int:
        line = read_clock(one.clock)
        assert line is not None and line.rate == 1.0
        assert abs(line.cluster_time - time.time()) < 60
        assert not one.tracing.exists()
        assert attention(one, []) == []
        raise _Started

    monkeypatch.setattr(up, "start_detached", start)
    with pytest.raises(_Started):
        up.up(up.UpOptions("one", runtime="sim", nodes=0))
    one.tracing.write_text('{"on": false}')
    down("one")
    assert not one.clock.exists() and not one.tracing.exists()
    with pytest.raises(UserError):
        down("two")


HOUR = 3600.0


@pytest.fixture
def kept(one: Paths) -> Paths:
    """A cluster that has data and does not run."""
    (one.etcd / "member").mkdir(parents=True)
    spec = {"name": "one", "index": 0, "runtime": "sim", "runtime_why": "", "nodes": 0, "ports": {}}
    one.spec.write_text(json.dumps(spec))
    return one


def _first_time(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> float:
    """What the next `up` begins with."""

    def start(argv: Sequence[str], log: Path, root: Path) -> int:
        raise _Started

    monkeypatch.setattr(up, "start_detached", start)
    with pytest.raises(_Started):
        up.up(up.UpOptions("one", runtime="sim", nodes=0))
    line = read_clock(paths.clock)
    assert line is not None and line.rate == 1.0 and abs(line.monotonic - time.monotonic()) < 60
    return line.cluster_time


@pytest.mark.parametrize("ahead", [2 * HOUR, -2 * HOUR])
def test_kept_data_goes_on_from_its_own_time_and_never_back(
    kept: Paths, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    write_line(kept.clock, ClockState(time.monotonic(), time.time() + ahead, 1.0))
    for _ in range(2):
        down("one", keep=True)
        assert abs(_first_time(kept, monkeypatch) - time.time() - max(ahead, 0.0)) < 60


def test_what_down_notes_holds_after_a_reboot(kept: Paths) -> None:
    """The host's monotonic clock begins anew; time that was sped up does not go on while nobody lives in it."""
    write_line(kept.clock, ClockState(time.monotonic() + 1e6, 2e9, 60.0))
    _wrote(kept, 100.0)
    down("one", keep=True)
    line = read_clock(kept.clock)
    assert line is not None and line.rate == 0.0 and abs(line.cluster_time - 2e9 - 6000) < 1
    assert last_time(kept, lives=False) == line.cluster_time


def _wrote(paths: Paths, later: float) -> None:
    """etcd, so many seconds after the clock was set."""
    last = paths.clock.stat().st_mtime + later
    for one in (paths.etcd, paths.etcd / "member"):
        os.utime(one, (last, last))


@pytest.mark.parametrize(
    ("rate", "later", "passed"), [(1.0, 30.0, 30.0), (60.0, 30.0, 1800.0), (0.0, 30.0, 0.0), (1.0, -9.0, 0.0)]
)
def test_what_was_killed_was_as_far_on_as_etcd_last_wrote(
    kept: Paths, rate: float, later: float, passed: float
) -> None:
    write_line(kept.clock, ClockState(1e9, 2e9, rate))
    _wrote(kept, later)
    assert last_time(kept, lives=False) == pytest.approx(2e9 + passed, abs=0.1)


def test_what_ran_just_now_is_where_its_line_is(kept: Paths) -> None:
    write_line(kept.clock, ClockState(time.monotonic() - 10, 2e9, 60.0))
    assert last_time(kept, lives=True) == pytest.approx(2e9 + 600, abs=60)


def test_without_data_or_with_a_torn_file_time_is_the_hosts(kept: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.clock.write_text("{")
    down("one", keep=True)
    assert not kept.clock.exists()
    write_line(kept.clock, ClockState(time.monotonic(), time.time() + HOUR, 1.0))
    down("one")
    assert not kept.clock.exists()
    assert abs(_first_time(kept, monkeypatch) - time.time()) < 60
