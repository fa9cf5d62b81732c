"""Every lab under Compose: nothing done fails it, its own solution solves it, and nothing of it is left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.lab.model import Lab, all_labs
from tests.e2e.conftest import KUBECTLS
from tests.support.cluster import Cluster
from tests.support.compose import ComposeCluster
from tests.support.labs import failed_solved_and_cleared, found_here

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl, pytest.mark.etcd]


@pytest.fixture
def labs(cluster: ComposeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    (tmp_path / "kubectl").symlink_to(Path(next(iter(KUBECTLS.values()))).resolve())
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with found_here(cluster.commands, monkeypatch) as found:
        yield found


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.id)
def test_a_lab(labs: Cluster, lab: Lab) -> None:
    failed_solved_and_cleared(labs, lab)
