"""The node as the API shows it. Pure. Names and texts: Kubernetes documentation, "Node Status"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.meta import Condition
from api.node import Node
from apimachinery import quantity
from apimachinery.timestamps import format_time
from kubelet.context import RuntimeFacts
from kubelet.machine import Machine, Pressure
from kubelet.runtime import CriRuntime
from proto import cri_pb2 as pb

JSON = dict[str, Any]

KUBELET_VERSION = "v1.36.0"
ADDRESS_ANNOTATION = "orrery.dev/kubelet-address"


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
        "metadata": {"name": spec.name, "labels": spec.labels, "annotations": annotations(spec)},
        "spec": {"taints": [taint, *spec.taints]},
    }


def annotations(spec: NodeSpec) -> dict[str, str]:
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
        _pressure("Memory", pressure.memory, "memory available"),
        _pressure("Disk", pressure.disk, "disk pressure"),
        _pressure("PID", pressure.pid, "PID available"),
        ("Ready", not problem, "KubeletNotReady" if problem else "KubeletReady", problem or READY_MESSAGE),
    ]
    known = {one.type: one for one in old.status.conditions}
    own = {kind: _condition(kind, status, reason, message, known, now) for kind, status, reason, message in found}
    others = [_as_json(one) for one in old.status.conditions if one.type not in own]
    return [*others, *own.values()]


READY_MESSAGE = "kubelet is posting ready status"

_PRESSURE_WORDS = {
    "Memory": ("KubeletHasInsufficientMemory", "KubeletHasSufficientMemory", "kubelet has {} memory available"),
    "Disk": ("KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "kubelet has {}disk pressure"),
    "PID": ("KubeletHasInsufficientPID", "KubeletHasSufficientPID", "kubelet has {} PID available"),
}


def _pressure(what: str, high: bool, _: str) -> tuple[str, bool, str, str]:
    bad, good, words = _PRESSURE_WORDS[what]
    if what == "Disk":
        return f"{what}Pressure", high, bad if high else good, words.format("" if high else "no ")
    return f"{what}Pressure", high, bad if high else good, words.format("insufficient" if high else "sufficient")


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


def _as_json(one: Condition) -> JSON:
    import msgspec

    tree: JSON = msgspec.to_builtins(one)
    return tree


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


async def read_runtime(runtime: CriRuntime, facts: RuntimeFacts) -> None:
    """Ask the runtime how it is. Raises ApiError if it does not answer."""
    if not facts.name:
        version = await runtime.version()
        facts.name, facts.version = version.runtime_name, version.runtime_version
    conditions = {one.type: one for one in (await runtime.status()).status.conditions}
    facts.problem = _said(conditions.get("RuntimeReady"), "RuntimeReady")
    facts.network_problem = _said(conditions.get("NetworkReady"), "NetworkReady")


def _said(condition: pb.RuntimeCondition | None, kind: str) -> str:
    if condition is None:
        return f"container runtime does not report {kind}"
    if condition.status:
        return ""
    return f"{kind}=false reason:{condition.reason} message:{condition.message}"
