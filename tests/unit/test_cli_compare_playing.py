"""The nodes that a comparison of controllers plays."""

from __future__ import annotations

from typing import Any

import pytest

from cli.compare.playing import Deed, deed, node_for, status_of

JSON = dict[str, Any]


def pod(spec: JSON | None = None, *, phase: str = "Pending", going: bool = False) -> JSON:
    metadata = {"deletionTimestamp": "now"} if going else {}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c"}], **(spec or {})}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (pod(), Deed.BIND),
        (pod({"schedulingGates": [{"name": "g"}]}), Deed.NOTHING),
        (pod({"nodeName": "n"}), Deed.RUN),
        (pod({"nodeName": "n", "restartPolicy": "Never"}), Deed.FINISH),
        (pod({"nodeName": "n"}, phase="Running"), Deed.NOTHING),
        (pod({"nodeName": "n"}, phase="Succeeded"), Deed.NOTHING),
        (pod({"nodeName": "n"}, phase="Running", going=True), Deed.REMOVE),
        (pod(going=True), Deed.REMOVE),
    ],
)
def test_what_is_done_with_a_pod(one: JSON, expected: Deed) -> None:
    assert deed(one) is expected


def of_a_daemon_set(node: str) -> JSON:
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    needed = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return pod({"affinity": {"nodeAffinity": needed}})


@pytest.mark.parametrize(
    ("one", "expected"), [(pod(), "n1"), (of_a_daemon_set("n2"), "n2"), (of_a_daemon_set("gone"), "n1")]
)
def test_where_it_runs(one: JSON, expected: str) -> None:
    assert node_for(one, ["n1", "n2"]) == expected


def test_what_its_kubelet_would_say() -> None:
    running = status_of(pod({"nodeName": "n"}), 251, "now")
    assert (running["phase"], running["podIP"], running["containerStatuses"][0]["ready"]) == (
        "Running",
        "10.244.1.2",
        True,
    )
    assert "Ready" in {one["type"] for one in running["conditions"]}
    done = status_of(pod({"nodeName": "n", "restartPolicy": "Never"}), 0, "now")
    assert (done["phase"], done["containerStatuses"][0]["ready"]) == ("Succeeded", False)
    assert "Ready" not in {one["type"] for one in done["conditions"]}
