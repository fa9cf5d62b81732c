"""The labs from the ninth on, on a simulated cluster, and every fault that the last of them may hide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
from tests.support.labs import clear_away, failed, found_here, live_through, simulated

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

LABS = [lab for lab in all_labs() if lab.id >= "09"]


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with simulated("labs-later", tmp_path_factory.mktemp("orrery")) as made:
        yield made


@pytest.fixture
def cluster(sim: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with found_here(sim, monkeypatch) as found:
        yield found


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_lab_is_failed_by_nothing_and_by_wrong_answers_and_solved_by_its_solution(cluster: Cluster, lab: Lab) -> None:
    live_through(cluster, lab)


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
