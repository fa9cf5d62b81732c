"""Labs as tests take them: what a check misses, and a cluster as it was before."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.debugging import clock, fault_commands, holds, processes
from cli.lab.checking import check, last_results
from cli.lab.cluster import ClusterEvidence
from cli.lab.model import Lab, all_labs
from cli.lab.scripts import perform
from cli.lab.starting import reset, start
from cli.lab.workspace import Workspace
from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.need import need


@contextmanager
def simulated(name: str, home: Path) -> Iterator[Cluster]:
    """A cluster of two simulated nodes, and a kubectl on the PATH of all that is done with it."""
    need(bool(find_kubectls()), "no kubectl of 1.31 to 1.33 found")
    (home / "bin").mkdir()
    (home / "bin" / "kubectl").symlink_to(Path(next(iter(find_kubectls().values()))).resolve())
    made = Cluster(name, home, {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"})
    try:
        made.orrery("up", "--runtime", "sim", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@contextmanager
def found_here(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The labs' own functions, called in this process as the command calls them, find the cluster."""
    for key in ("ORRERY_HOME", "KUBECONFIG", "PATH"):
        monkeypatch.setenv(key, cluster.environment[key])
    yield cluster
    for lab in all_labs():  # one that failed half-way is not in the way of the next
        if Workspace.of(cluster.name, lab).folder.exists():
            clear_away(cluster, lab)


def failed_solved_and_cleared(cluster: Cluster, lab: Lab) -> None:
    """Nothing done fails it, its solution solves it."""
    start(cluster.name, lab, seed=1)
    assert failed(cluster, lab), "nothing was done yet"
    perform(cluster.name, lab, lab.solution, seed=1)
    said, right = check(cluster.name, lab)
    assert right, said
    clear_away(cluster, lab)


def live_through(cluster: Cluster, lab: Lab) -> None:
    """Nothing done fails it, wrong answers fail what they say they do, its solution solves it, and nothing is left."""
    for number, (script, fails) in enumerate(wrong_of(lab)):
        start(cluster.name, lab, seed=1)
        if number == 0:
            assert failed(cluster, lab), "nothing was done yet"
        perform(cluster.name, lab, script, seed=1)
        missed = failed(cluster, lab)
        assert missed == fails, (script.name, missed ^ fails)
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


def failed(cluster: Cluster, lab: Lab) -> set[str]:
    said, right = check(cluster.name, lab)
    missed = {one for one, met in last_results(Workspace.of(cluster.name, lab)).items() if not met}
    assert right == (not missed), said
    return missed


def clear_away(cluster: Cluster, lab: Lab) -> None:
    """What a lab leaves frozen, held or cordoned is named, and not touched, by `reset`."""
    said = reset(cluster.name, lab)
    if "not as usual" in said:
        as_usual(cluster, said)
        assert reset(cluster.name, lab) == f"lab {lab.id} is cleared away"


def as_usual(cluster: Cluster, said: str) -> None:
    """End what `reset` named, in this process: as the commands do it, without starting one for each."""
    if "frozen:" in said:
        processes.thaw(cluster.name, "*")
    asyncio.run(holds.let_go(cluster.name, (), everything=True))
    asyncio.run(fault_commands.clear(cluster.name))
    if "clock:" in said:
        asyncio.run(clock.change(cluster.name, 1.0))
    if "cordoned" in said:
        Kubectl(next(iter(find_kubectls().values())), cluster.kubeconfig, cluster.context)(
            "uncordon", "worker-1", "worker-2"
        )


def wrong_of(lab: Lab) -> list[tuple[Path, set[str]]]:
    return [(one, set(one.read_text().splitlines()[0].removeprefix("# fails: ").split(", "))) for one in lab.wrong]
