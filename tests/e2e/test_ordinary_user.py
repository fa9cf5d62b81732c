"""The command as somebody who is not root, as students on their own laptops are: pods are simulated, all else works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import KUBECTLS
from tests.support.cluster import ROOT
from tests.support.need import docker_answers, need

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

NOBODY = 65534
DROPPED = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    # Only to read: the interpreter and this repository may lie where root alone may look.
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search",
)  # fmt: skip
NAME = "nobodys-own"


@dataclass(frozen=True)
class Somebody:
    """`home` is theirs, and there is a kubectl in it."""

    home: Path

    def runs(self, *argv: str, code: int = 0) -> str:
        """All that it said."""
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "PATH": f"{self.home}{os.pathsep}{os.environ['PATH']}",
            "ORRERY_HOME": str(self.home / "orrery"),
            "KUBECONFIG": str(self.home / "kubeconfig"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [*DROPPED, *argv], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120, check=False
        )
        assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def orrery(self, command: str, *words: str, code: int = 0) -> str:
        return self.runs(sys.executable, "-m", "cli", command, "--name", NAME, *words, code=code)


@pytest.fixture(scope="module")
def somebody() -> Iterator[Somebody]:
    need(os.geteuid() == 0, "only root can become somebody else; who is not root already needs no test for it")
    need(bool(shutil.which("setpriv")), "no setpriv (package util-linux)")
    need(bool(KUBECTLS), "no kubectl of 1.31 to 1.33 found")
    home = Path(tempfile.mkdtemp(prefix="orrery-nobody-"))  # pytest's folders are root's alone
    (home / "kubectl").symlink_to(Path(next(iter(KUBECTLS.values()))).resolve())
    os.chown(home, NOBODY, NOBODY)
    made = Somebody(home)
    try:
        yield made
    finally:
        made.runs(sys.executable, "-m", "cli", "down", "--name", NAME)
        shutil.rmtree(home)


def test_a_cluster_is_started_taken_apart_and_ended(somebody: Somebody) -> None:
    said = somebody.orrery("up")
    assert "sim runtime (pods are simulated: " in said
    create = ("kubectl", "create", "deployment", "web", "--image=orrery/busybox:1", "--", "sleep", "1000")
    assert "no gaps" in somebody.orrery("trace", "--", *create)
    assert "successfully rolled out" in somebody.runs("kubectl", "rollout", "status", "deployment/web")
    assert "paused" in somebody.orrery("clock", "pause")
    assert "Now came due:" in somebody.orrery("clock", "step")
    assert "running" in somebody.orrery("clock", "resume")
    assert "is frozen" in somebody.orrery("freeze", "scheduler")
    assert "goes on" in somebody.orrery("thaw", "scheduler")
    assert "saved" in somebody.orrery("etcd", "backup", str(somebody.home / "backup.db"))


def test_a_lab_is_done(somebody: Somebody) -> None:
    somebody.orrery("lab", "start", "3")
    assert "1 of 13 points" in somebody.orrery("lab", "check", "3", code=1)
    somebody.orrery("lab", "solution", "3", "--apply")
    assert "13 of 13 points" in somebody.orrery("lab", "check", "3")


def test_containers_are_refused_with_the_reason(somebody: Somebody) -> None:
    need(docker_answers(), "no Docker engine answers")
    said = somebody.runs(sys.executable, "-m", "cli", "up", "--name", "none", "--runtime", "docker", code=1)
    assert said.startswith("orrery: --runtime docker, but ")
