"""A rollout on real containers is held at edge after edge, with rules of every kind in force: what is left of that?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import canonical, disturbance
from tests.support.cluster import Cluster, eventually
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

MANY = 20  # pods of one Deployment, of 36 in all
WANTED = 200
EDGES = ("watch:*", "reconcile:*", "schedule:*", "rpc:*WriteMany", "rpc:/runtime*")
HOLDS = [(edge, "--match", f"namespace={disturbance.SPACE}") for edge in EDGES]
DOCKER_FAULTS = (
    {"edge": "docker:create_container", "error": "UNAVAILABLE", "count": 2},
    {"edge": "docker:start", "delay": "50ms", "jitter": "20ms", "seed": 6, "count": 10},
    {"edge": "docker:*", "reorder": True, "count": 4},
)


@pytest.fixture
def shop(cluster: Cluster, kubectl: Kubectl) -> Iterator[Kubectl]:
    yield kubectl
    disturbance.let_everything_go(cluster)
    kubectl("delete", "namespace", disturbance.SPACE, "--ignore-not-found", "--timeout=90s", timeout=100)


def test_releasing_everything_leaves_the_state_of_a_run_without(
    cluster: Cluster, shop: Kubectl, tmp_path: Path
) -> None:
    disturbance.apply(shop, MANY)
    disturbance.wait_done(shop)
    without = canonical.settled(shop)
    disturbance.remove(shop)

    disturbance.hold_and_break(cluster, tmp_path / "faults.json", HOLDS, DOCKER_FAULTS)
    with disturbance.captured(cluster, tmp_path / "traffic"):
        disturbance.apply(shop, MANY)
        edges = pass_in_turn(cluster)
        assert {edge.partition(":")[0] for edge in edges} >= {"watch", "reconcile", "schedule", "rpc"}
        disturbance.let_everything_go(cluster)
        disturbance.wait_done(shop)
    assert canonical.difference(without, canonical.settled(shop)) == []
    assert (tmp_path / "traffic").stat().st_size > 100_000


def pass_in_turn(cluster: Cluster) -> Counter[str]:
    """Whatever is held is let go, to be held again at its next edge, until that were so many and runtimes were called.
    Gives how many were held, by edge."""
    seen: Counter[str] = Counter()
    while seen.total() < WANTED or not any(edge.startswith("rpc:/runtime.v1.") for edge in seen):
        found = eventually("a held message", lambda: disturbance.held(cluster))
        seen.update(one["edge"] for one in found)
        cluster.orrery("release", *(one["id"] for one in found))
    return seen
