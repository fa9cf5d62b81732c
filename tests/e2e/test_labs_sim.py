"""The labs up to the eighth on a simulated cluster, and the command; the others are in `test_labs_sim_later`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.errors import UserError
from cli.lab.model import Lab, all_labs
from cli.lab.starting import start
from tests.support.cluster import Cluster
from tests.support.labs import found_here, live_through, simulated

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

LABS = [lab for lab in all_labs() if lab.id < "09"]


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with simulated("labs-sim", tmp_path_factory.mktemp("orrery")) as made:
        yield made


@pytest.fixture
def cluster(sim: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with found_here(sim, monkeypatch) as found:
        yield found


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_lab_is_failed_by_nothing_and_by_wrong_answers_and_solved_by_its_solution(cluster: Cluster, lab: Lab) -> None:
    live_through(cluster, lab)


def test_the_command_goes_through_a_whole_lab(cluster: Cluster, tmp_path: Path) -> None:
    def lab(*args: str, code: int = 0) -> str:
        done = cluster.orrery("lab", *args, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "08-two-writers" in lab("list")
    assert "was not started" in lab("check", "8", code=1)
    assert "answers.yaml" in lab("start", "8")
    assert "lab 08-two-writers is under way" in lab("start", "3", code=1)
    out = tmp_path / "ann.json"
    assert "there is no configmap/shared" in lab("check", "two-writers", "--student", "ann", "--out", str(out), code=1)
    assert json.loads(out.read_text())["points"] < 11
    assert "both: " in lab("hint", "8")
    assert "there are: " in lab("hint", "8", "nothing", code=1)
    assert "kubectl replace" in lab("solution", "8")
    lab("solution", "8", "--apply")
    assert "11 of 11 points" in lab("check", "8")
    assert "08-two-writers never" not in lab("reset", "8")
    assert "ann" in lab("summary", str(tmp_path))


def test_a_dirty_cluster_is_refused_with_what_is_in_the_way(cluster: Cluster) -> None:
    cluster.orrery("freeze", "scheduler")
    try:
        with pytest.raises(UserError, match=r"in the way:\n.*frozen: scheduler"):
            start(cluster.name, all_labs()[0])
    finally:
        cluster.orrery("thaw", "scheduler")
