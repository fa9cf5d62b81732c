"""Finding and ending a cluster's processes, locks between commands, and last words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from cli import locks, running
from cli import spec as specs
from cli.config import CLUSTER_MARK
from cli.errors import UserError
from cli.last_words import last_words

SLEEPER = "import signal; print('up', flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


@contextmanager
def child(root: Path, script: str = SLEEPER) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, CLUSTER_MARK: str(root)}
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        try:
            yield process
        finally:
            process.kill()


def test_only_those_with_the_mark_are_found_and_ended(tmp_path: Path) -> None:
    with child(tmp_path / "one") as ours, child(tmp_path / "one-more") as other:
        assert [one.pid for one in running.of_cluster(tmp_path / "one")] == [ours.pid]
        assert running.supervisor_of(tmp_path / "one") == 0
        assert [one.pid for one in running.stop_all(tmp_path / "one")] == [ours.pid]
        assert ours.wait() == -signal.SIGTERM
        assert other.poll() is None
        assert running.stop_all(tmp_path / "one") == []


def test_a_frozen_one_is_ended(tmp_path: Path) -> None:
    with child(tmp_path) as frozen:
        frozen.send_signal(signal.SIGSTOP)
        running.stop_all(tmp_path)
        assert frozen.wait() == -signal.SIGTERM


def test_a_deaf_one_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "STOP_SECONDS", 0.1)
    with child(tmp_path, DEAF) as deaf:
        running.stop_all(tmp_path)
        assert deaf.wait() == -signal.SIGKILL


def test_the_supervisor_is_told_by_its_command_line() -> None:
    assert running.Process(1, ("python", "-m", "cli", "supervise", "--name", "x")).is_supervisor
    assert not running.Process(1, ("python", "-m", "kubelet")).is_supervisor
    assert not running.Process(1, ()).is_supervisor


def test_a_lock_names_its_holder_and_goes_with_him(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    refused = pytest.raises(UserError, match=rf"^taken \(PID {os.getpid()}\)$")
    with locks.only_one(lock, "taken"), refused, locks.only_one(lock, "taken"):
        raise AssertionError("two have it")
    with locks.only_one(lock, "taken"):
        pass


def test_a_kubeconfig_lock_is_kubectls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "KUBECONFIG_SECONDS", 0.0)
    config = tmp_path / "config"
    with locks.kubeconfig_lock(config):
        assert (tmp_path / "config.lock").exists()
        with pytest.raises(UserError, match="is locked by another program"), locks.kubeconfig_lock(config):
            raise AssertionError("two have it")
    assert not (tmp_path / "config.lock").exists()


@pytest.mark.parametrize("name", ["../elsewhere", "Upper", "", "dash-", "-dash", "under_score", "a.b", "a" * 41, "a\n"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UserError, match="a cluster's name is at most 40 of"):
        specs.require_name(name)


@pytest.mark.parametrize("name", ["a", "orrery", "lab-2", "0", "a" * 40])
def test_names_that_can_be(name: str) -> None:
    specs.require_name(name)


@pytest.mark.parametrize(
    ("wanted", "networks", "index"),
    [
        (None, [], 0),
        (3, [], 3),
        (0, ["10.240.0.0/16"], 1),
        (None, ["10.240.0.0/12", "10.225.0.0/24", "172.17.0.0/16"], 2),
    ],
)
def test_address_ranges_avoid_other_networks(
    wanted: int | None, networks: list[str], index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    assert specs.choose_index("lab", wanted, [IPv4Network(one) for one in networks]) == index


def test_a_range_that_another_up_has_claimed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    with ExitStack() as ours, ExitStack() as theirs:
        assert locks.claim(tmp_path / "0", theirs)
        assert specs.choose_index("lab", None, claim=lambda index: locks.claim(tmp_path / str(index), ours)) == 1
        theirs.close()
        assert locks.claim(tmp_path / "0", ours)


def test_no_address_range_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"no address range is left.* have 10\.0\.0\.0/8"):
        specs.choose_index("lab", None, [IPv4Network("10.0.0.0/8")])


def test_only_a_cluster_with_data_keeps_its_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    for name, index in (("up", 0), ("down", 1)):
        specs.save(specs.ClusterSpec(name, index, "sim", "test", 1, {"apiserver": 1}))
    specs.Paths.of("up").etcd.mkdir()
    assert specs.choose_index("other", None) == 1
    assert specs.choose_index("up", 0) == 0


def test_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_words(log) == "(there is none)"
    log.write_text("".join(f"line {i}\n" for i in range(20)))
    assert last_words(log).splitlines() == [f"line {i}" for i in range(8, 20)]
    record = {"level": "fatal", "msg": "failed to commit", "error": "no space", "stacktrace": "a\nb"}
    log.write_text(f"{json.dumps(record)}\npanic\n\tgoroutine 1\n{{broken\n")
    assert last_words(log) == "failed to commit: no space"
