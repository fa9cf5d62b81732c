"""The node as the API shows it. Pure. Names and texts: Kubernetes documentation, "Node Status"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from api.meta import Condition
from api.node import Node
from apimachinery import quantity
from apimachinery.timestamps import format_time
from kubelet.context import RuntimeFacts
from kubelet.machine import Machine, Pressure
from proto import cri_pb2 as pb

JSON = dict[str, Any]

KUBELET_VERSION = "v1.36.0"
ADDRESS_ANNOTATION = "orrery.dev/kubelet-address"
READY_MESSAGE = "kubelet is posting ready status"

_PRESSURE_WORDS = {
    "Memory": {
        False: ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        True: ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    },
    "Disk": {
        False: ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        True: ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    },
    "PID": {
        False: ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        True: ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    },
}
"""By what, then by whether there is pressure: reason and message."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """What the flags say the node is."""

    name: str
    ip: str
    serve_address: str
    capacity: dict[str, str]
    allocatable: dict[str, str]
    labels: dict[str, str]
    taints: tuple[JSON, ...] = ()


def capacity(machine: Machine, *, cpu: str, memory: str, pods: int) -> dict[str, str]:
    """The machine's, or what the flags claim."""
    memory_text = memory or str(quantity.from_int(machine.memory_bytes // 1024 * 1024, "BinarySI"))
    return {
        "cpu": quantity.canonical(cpu or str(machine.cpus)),
        "ephemeral-storage": str(quantity.from_int(machine.disk_bytes // 1024 * 1024, "BinarySI")),
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": quantity.canonical(memory_text),
        "pods": str(pods),
    }


def labels(name: str, architecture: str, extra: dict[str, str]) -> dict[str, str]:
    return {
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        **extra,
    }


def node_object(spec: NodeSpec) -> JSON:
    """What is created when the node first registers."""
    # Until the controllers have seen it ready, nothing is to be scheduled on it.
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": spec.name, "labels": spec.labels, "annotations": node_annotations(spec)},
        "spec": {"taints": [taint, *spec.taints]},
    }


def node_annotations(spec: NodeSpec) -> dict[str, str]:
    return {
        ADDRESS_ANNOTATION: spec.serve_address,
        "node.alpha.kubernetes.io/ttl": "0",
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    }


def node_status(
    spec: NodeSpec,
    machine: Machine,
    facts: RuntimeFacts,
    pressure: Pressure,
    images: list[JSON],
    old: Node,
    now: float,
) -> JSON:
    """The whole status, as JSON."""
    host, _, port = spec.serve_address.rpartition(":")
    return {
        "addresses": [{"type": "InternalIP", "address": spec.ip or host}, {"type": "Hostname", "address": spec.name}],
        "allocatable": spec.allocatable,
        "capacity": spec.capacity,
        "conditions": _conditions(facts, pressure, old, now),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": int(port or 0)}},
        "images": images,
        "nodeInfo": {
            "architecture": machine.architecture,
            "bootID": machine.boot_id,
            "containerRuntimeVersion": f"{facts.name}://{facts.version}",
            "kernelVersion": machine.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": KUBELET_VERSION,
            "machineID": machine.machine_id,
            "operatingSystem": "linux",
            "osImage": machine.os_image,
            "systemUUID": machine.system_uuid,
        },
    }


def not_ready_message(facts: RuntimeFacts) -> str:
    """Why the node is not ready; "" if it is."""
    problems = []
    if facts.problem:
        problems.append(facts.problem)
    if facts.network_problem:
        problems.append(f"container runtime network not ready: {facts.network_problem}")
    return problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]" if problems else ""


def _conditions(facts: RuntimeFacts, pressure: Pressure, old: Node, now: float) -> list[JSON]:
    problem = not_ready_message(facts)
    found = [
        _pressure("Memory", pressure.memory),
        _pressure("Disk", pressure.disk),
        _pressure("PID", pressure.pid),
        ("Ready", not problem, "KubeletNotReady" if problem else "KubeletReady", problem or READY_MESSAGE),
    ]
    known = {one.type: one for one in old.status.conditions}
    own = {kind: _condition(kind, status, reason, message, known, now) for kind, status, reason, message in found}
    others = [msgspec.to_builtins(one) for one in old.status.conditions if one.type not in own]
    return [*others, *own.values()]


def _pressure(what: str, high: bool) -> tuple[str, bool, str, str]:
    reason, message = _PRESSURE_WORDS[what][high]
    return f"{what}Pressure", high, reason, message


def _condition(kind: str, holds: bool, reason: str, message: str, known: dict[str, Condition], now: float) -> JSON:
    status = "True" if holds else "False"
    old = known.get(kind)
    since = old.last_transition_time if old is not None and old.status == status else None
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": format_time(now),
        "lastTransitionTime": since or format_time(now),
    }


def same_but_for_heartbeat(one: JSON, other: JSON) -> bool:
    """Is there anything in the status that readers would want to know?"""

    def stripped(status: JSON) -> JSON:
        conditions = [{**each, "lastHeartbeatTime": ""} for each in status.get("conditions", ())]
        return {**status, "conditions": conditions}

    return stripped(one) == stripped(other)


def image_list(images: list[pb.Image], limit: int) -> list[JSON]:
    """The largest ones, for the scheduler's image locality."""
    named = [one for one in images if one.repo_tags or one.repo_digests]
    largest = sorted(named, key=lambda one: one.size, reverse=True)[:limit]
    return [{"names": [*one.repo_digests, *one.repo_tags], "sizeBytes": one.size} for one in largest]
