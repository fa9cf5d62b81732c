"""Labs as tests take them: what a check misses, and a cluster as it was before."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cli.debugging import clock, fault_commands, holds, processes
from cli.lab.checking import check, last_results
from cli.lab.model import Lab
from cli.lab.starting import reset
from cli.lab.workspace import Workspace
from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, find_kubectls


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
