"""Every lab on a simulated cluster: nothing done fails it, wrong answers fail it, its own solution solves it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.errors import UserError
from cli.lab.broken import hiding
from cli.lab.broken.table import FAULTS
from cli.lab.checking import check
from cli.lab.cluster import ClusterEvidence
from cli.lab.model import Lab, all_labs, find
from cli.lab.scripts import perform
from cli.lab.starting import break_one, now, start
from cli.lab.workspace import Workspace, begin
from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.labs import clear_away, failed, wrong_of
from tests.support.need import need

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(bool(find_kubectls()), "no kubectl of 1.31 to 1.33 found")
    home = tmp_path_factory.mktemp("orrery")
    (home / "bin").mkdir()
    (home / "bin" / "kubectl").symlink_to(Path(next(iter(find_kubectls().values()))).resolve())
    made = Cluster("labs-sim", home, {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"})
    try:
        made.orrery("up", "--runtime", "sim", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@pytest.fixture
def cluster(sim: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The labs' own functions, called in this process as the command calls them, find the cluster."""
    for key in ("ORRERY_HOME", "KUBECONFIG", "PATH"):
        monkeypatch.setenv(key, sim.environment[key])
    yield sim
    for lab in all_labs():  # one that failed half-way is not in the way of the next
        if Workspace.of(sim.name, lab).folder.exists():
            clear_away(sim, lab)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.id)
def test_a_lab_is_failed_by_nothing_and_by_wrong_answers_and_solved_by_its_solution(cluster: Cluster, lab: Lab) -> None:
    for number, (script, fails) in enumerate(wrong_of(lab)):
        start(cluster.name, lab, seed=1)
        if number == 0:
            assert failed(cluster, lab), "nothing was done yet"
        perform(cluster.name, lab, script, seed=1)
        assert failed(cluster, lab) == fails, script.name
        clear_away(cluster, lab)
    start(cluster.name, lab, seed=1)
    perform(cluster.name, lab, lab.solution, seed=1)
    said, right = check(cluster.name, lab)
    assert right, said
    clear_away(cluster, lab)
    evidence = ClusterEvidence(cluster.name, lab.namespace, Workspace.of(cluster.name, lab))
    assert evidence.object(f"namespace/{lab.namespace}") is None
    assert evidence.unusual() == []
    assert not Workspace.of(cluster.name, lab).folder.exists()


def test_every_fault_of_lab_14_is_found_by_its_symptoms_and_repaired(cluster: Cluster) -> None:
    """One start for all of them: each is put in place as the start does it, and all that follows is as ever."""
    lab = find("broken-component")
    space = Workspace.of(cluster.name, lab)
    kubectl = Kubectl(next(iter(find_kubectls().values())), cluster.kubeconfig, cluster.context, lab.namespace)
    start(cluster.name, lab, seed=0)
    for seed in range(len(FAULTS)):
        if seed > 0:
            evidence = ClusterEvidence(cluster.name, lab.namespace, space)
            begin(space, lab, now(evidence, lab, seed))
            break_one(cluster.name, lab, seed)
        assert "repaired" in failed(cluster, lab)
        perform(cluster.name, lab, lab.solution, seed=seed)
        said, right = check(cluster.name, lab)
        assert right, (seed, said)
        assert hiding.end(cluster.name, lab.id) == ""
        kubectl("delete", "deployment/orders", "service/orders", "--cascade=foreground")
    clear_away(cluster, lab)


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
