"""What `tests/e2e/test_debug_sim.py` shows on simulated nodes, on real containers; and what only those can show."""

from __future__ import annotations

import pytest

from tests.e2e.test_debug_sim import (
    leaders,
    ready,
    seconds,
    test_a_deployment_is_single_stepped_to_its_running_container,
    test_a_node_is_evicted_in_the_right_order,
    test_a_scheduler_cut_off_stops_leading_and_comes_back,
    test_ten_minutes_pass_and_no_lease_is_lost,
)
from tests.support.cluster import Cluster, at_rest, eventually
from tests.support.kubectl import Kubectl
from tests.support.losses import survey

__all__ = [
    "test_a_deployment_is_single_stepped_to_its_running_container",
    "test_a_node_is_evicted_in_the_right_order",
    "test_a_scheduler_cut_off_stops_leading_and_comes_back",
    "test_ten_minutes_pass_and_no_lease_is_lost",
]

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]

IMAGE = "orrery/busybox:1"
COUNT = "trap 'exit 0' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"
REAL = "real containers run in real time whatever the cluster's clock does"


@pytest.fixture
def counter(kubectl: Kubectl) -> Kubectl:
    """A pod that counts aloud, twenty times a second."""
    kubectl("run", "counter", f"--image={IMAGE}", "--command", "--", "sh", "-c", COUNT)
    kubectl("wait", "--for=condition=Ready", "pod/counter", "--timeout=60s")
    return kubectl


def counted(kubectl: Kubectl) -> int:
    return len(kubectl("logs", "counter").split())


def renewals(kubectl: Kubectl) -> dict[str, str]:
    leases = kubectl.json("get", "leases", "--all-namespaces")["items"]
    return {one["metadata"]["name"]: one["spec"]["renewTime"] for one in leases}


def test_real_containers_run_on_while_the_clock_stands(cluster: Cluster, counter: Kubectl) -> None:
    assert REAL in cluster.orrery("clock", "pause").stdout
    before, seen = at_rest(lambda: renewals(counter)), counted(counter)
    eventually("it counts on", lambda: counted(counter) > seen + 40)
    assert renewals(counter) == before, "nobody renews a lease while the clock stands"
    assert REAL in cluster.orrery("clock", "step").stdout
    assert REAL in cluster.orrery("clock", "resume").stdout
    eventually("leases are renewed", lambda: renewals(counter) != before)


def test_an_hour_in_a_minute_and_no_container_is_harmed(cluster: Cluster, counter: Kubectl) -> None:
    before, leading = survey(cluster, counter), leaders(counter)
    first = renewals(counter)["worker-1"]
    said = cluster.orrery("clock", "rate", "60").stdout
    assert "running at 60 times real time" in said and REAL in said
    eventually("ten minutes of leases", lambda: seconds(renewals(counter)["worker-1"]) > seconds(first) + 600)
    cluster.orrery("clock", "rate", "1")
    after = survey(cluster, counter)
    # The 40 s after which a node counts as lost are 0.7 s here: a busy machine may miss them for a moment.
    assert (after.engine, after.processes) == (before.engine, before.processes)
    assert {name: runs for name, (_, runs) in after.pods.items()} == {
        name: runs for name, (_, runs) in before.pods.items()
    }
    assert leaders(counter) == leading
    eventually("both nodes are Ready", lambda: set(ready(counter).values()) == {"True"})
