"""Labs where containers matter, on Docker nodes: nothing done fails them, their own solutions solve them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.lab.model import Lab, find
from cli.lab.workspace import Workspace
from tests.e2e.conftest import KUBECTLS
from tests.support.cluster import Cluster
from tests.support.labs import clear_away, failed_solved_and_cleared

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

LABS = [find(number) for number in ("1", "5", "6", "13")]


@pytest.fixture
def labs(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The labs' own functions, called in this process as the command calls them, find the cluster and a kubectl."""
    (tmp_path / "kubectl").symlink_to(Path(next(iter(KUBECTLS.values()))).resolve())
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for key in ("ORRERY_HOME", "KUBECONFIG"):
        monkeypatch.setenv(key, cluster.environment[key])
    yield cluster
    for lab in LABS:  # one that failed half-way is not in the way of the next
        if Workspace.of(cluster.name, lab).folder.exists():
            clear_away(cluster, lab)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_lab_is_failed_by_nothing_and_solved_by_its_solution_on_docker_nodes(labs: Cluster, lab: Lab) -> None:
    failed_solved_and_cleared(labs, lab)
