"""What a cluster may lose while somebody looks at a component for long: surveyed before and after, and read in etcd."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.support.cluster import Cluster
from tests.support.debug import etcd_history
from tests.support.kubectl import Kubectl

LEADERS = ("kube-scheduler", "kube-controller-manager")
LOSSES = ("NodeNotReady", "TaintManagerEviction", "Killing", "BackOff", "LeaderElection")
"""Reasons of events that tell of a lease, a node or a container lost."""

JSON = dict[str, Any]


@dataclass(frozen=True)
class Survey:
    """What is to be the same afterwards."""

    nodes: dict[str, Any]
    """Ready's status by node, and since when."""
    leases: dict[str, Any]
    """Holder and transitions by lease, those of the nodes too."""
    pods: dict[str, Any]
    """By pod: whether it is Ready and since when, and its containers' ids and restarts."""
    engine: dict[str, Any]
    """When it was started, by container that Docker runs; empty on simulated nodes."""
    processes: dict[str, Any]
    """PID and restarts by component."""
    losses: dict[str, Any]
    """How often an event told of a loss, by reason and object."""


def survey(cluster: Cluster, kubectl: Kubectl) -> Survey:
    def every(kind: str) -> list[JSON]:
        found: list[JSON] = kubectl.json("get", kind, "--all-namespaces")["items"]
        return found

    return Survey(
        nodes={one["metadata"]["name"]: _ready(one) for one in every("nodes")},
        leases={one["metadata"]["name"]: _holder(one) for one in every("leases")},
        pods={one["metadata"]["name"]: (_ready(one), _containers(one)) for one in every("pods")},
        engine=_engine(cluster),
        processes={name: (one["pid"], one["restarts"]) for name, one in cluster.processes().items()},
        losses={_event(one): one.get("count", 1) for one in every("events") if one["reason"] in LOSSES},
    )


def lost(before: Survey, after: Survey) -> list[str]:
    """What is not as it was, of all that was there before; and every new word of a loss about it."""
    kinds = ("nodes", "leases", "pods", "engine", "processes")
    pairs = [(kind, getattr(before, kind), getattr(after, kind)) for kind in kinds]
    changed = [
        f"{kind}: {name}: {was} -> {now.get(name)}"
        for kind, every, now in pairs
        for name, was in every.items()
        if now.get(name) != was
    ]
    there = {*before.nodes, *before.leases, *before.pods}
    told = [
        f"event: {about} (x{count})"
        for about, count in after.losses.items()
        if about.rpartition(" ")[2] in there and count != before.losses.get(about)
    ]
    return changed + told


def _ready(obj: JSON) -> tuple[str, str]:
    found = [one for one in obj["status"].get("conditions", []) if one["type"] == "Ready"]
    return (found[0]["status"], found[0]["lastTransitionTime"]) if found else ("Unknown", "")


def _holder(lease: JSON) -> tuple[str, int]:
    return lease["spec"]["holderIdentity"], lease["spec"].get("leaseTransitions", 0)


def _containers(pod: JSON) -> list[tuple[str, int]]:
    return [(one["containerID"], one["restartCount"]) for one in pod["status"].get("containerStatuses", [])]


def _event(event: JSON) -> str:
    return f"{event['reason']} {event['involvedObject']['name']}"


def _engine(cluster: Cluster) -> dict[str, str]:
    if cluster.runtime != "docker":
        return {}
    labelled = ["docker", "ps", "-q", "--no-trunc", "--filter", f"label=orrery.cluster={cluster.name}"]
    ours = subprocess.run(labelled, capture_output=True, text=True, check=True).stdout.split()
    shown = subprocess.run(["docker", "inspect", *ours], capture_output=True, text=True, check=False)
    return {one["Id"]: one["State"]["StartedAt"] for one in json.loads(shown.stdout)}  # without what ended meanwhile


def revision(kubectl: Kubectl) -> int:
    """Of etcd, now."""
    return int(json.loads(kubectl("get", "--raw", "/api/v1/namespaces"))["metadata"]["resourceVersion"])


def told_otherwise(cluster: Cluster, nodes: list[str], since: int) -> list[str]:
    """Every revision since in which a node was not Ready, and every lease that had more holders than one."""
    found, looked = [], 0
    for node in nodes:
        for one in etcd_history(cluster, f"node/{node}", since):
            looked += 1
            if one.deleted or _ready(json.loads(one.raw))[0] != "True":
                found.append(f"node {node}, revision {one.revision}")
    for lease in LEADERS:
        every = etcd_history(cluster, f"lease/kube-system/{lease}")
        holders = {_holder(json.loads(one.raw)) for one in every if one.revision > since and not one.deleted}
        looked += len(every)
        if len(holders) > 1:
            found.append(f"lease {lease}: {sorted(holders)}")
    assert looked, "etcd's history of nodes and leases is empty"
    return found
