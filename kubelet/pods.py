"""What a pod's spec says, in the kubelet's terms."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from api.container import Container, Probe, VolumeMount
from api.pod import Pod
from apimachinery import quantity
from kubelet.limits import DEFAULT_GRACE_SECONDS

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


class Kind(Enum):
    """What a container is in its pod."""

    INIT = "init"
    SIDECAR = "sidecar"  # an init container that is restarted always (KEP-753)
    REGULAR = "regular"
    EPHEMERAL = "ephemeral"


def is_sidecar(container: Container) -> bool:
    """Only meaningful of an init container."""
    return container.restart_policy == "Always"


def containers(pod: Pod) -> Iterator[tuple[Kind, Container]]:
    """Every container with its kind, in the order in which they start."""
    for container in pod.spec.init_containers:
        yield Kind.SIDECAR if is_sidecar(container) else Kind.INIT, container
    for container in pod.spec.containers:
        yield Kind.REGULAR, container
    for container in pod.spec.ephemeral_containers:
        yield Kind.EPHEMERAL, container


def find_container(pod: Pod, name: str) -> tuple[Kind, Container] | None:
    return next(((kind, one) for kind, one in containers(pod) if one.name == name), None)


def full_name(pod: Pod) -> str:
    """`web_default(6f0c...)`: how the kubelet's messages name a pod."""
    return f"{pod.name}_{pod.namespace}({pod.uid})"


def field_path(kind: Kind, name: str) -> str:
    """Where an event about a container points."""
    place = {Kind.REGULAR: "containers", Kind.EPHEMERAL: "ephemeralContainers"}.get(kind, "initContainers")
    return f"spec.{place}{{{name}}}"


def restarts(pod: Pod, kind: Kind, container: Container, exit_code: int) -> bool:
    """Is a container that ended with `exit_code` started again?"""
    if kind is Kind.EPHEMERAL:
        return False
    if kind is Kind.SIDECAR:
        return True
    for rule in container.restart_policy_rules:
        if rule.action == "Restart" and rule.exit_codes is not None:
            listed = exit_code in rule.exit_codes.values
            if listed == (rule.exit_codes.operator == "In"):
                return True
    policy = container.restart_policy or pod.spec.restart_policy
    if kind is Kind.INIT and policy == "Always":
        policy = "OnFailure"
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def grace_seconds(pod: Pod) -> int:
    """What a deletion gives, or the spec's grace while nobody has deleted the pod."""
    if pod.metadata.deletion_timestamp and pod.metadata.deletion_grace_period_seconds is not None:
        return pod.metadata.deletion_grace_period_seconds
    if pod.spec.termination_grace_period_seconds is not None:
        return pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE_SECONDS


def probes(container: Container) -> Iterator[tuple[str, Probe]]:
    """The probes a container has, by name."""
    if container.startup_probe:
        yield "startup", container.startup_probe
    if container.readiness_probe:
        yield "readiness", container.readiness_probe
    if container.liveness_probe:
        yield "liveness", container.liveness_probe


def mount_of(container: Container, path: str) -> VolumeMount | None:
    return next((one for one in container.volume_mounts if one.mount_path == path), None)


def qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort. Rule: API documentation, "Pod Quality of Service Classes"."""
    demands = [_demands(container) for kind, container in containers(pod) if kind is not Kind.EPHEMERAL]
    if not any(requests or limits for requests, limits in demands):
        return "BestEffort"
    guaranteed = all(
        set(limits) == {"cpu", "memory"} and all(requests.get(name, limits[name]) == limits[name] for name in limits)
        for requests, limits in demands
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _demands(container: Container) -> tuple[dict[str, int], dict[str, int]]:
    """CPU and memory requests and limits that are not zero, in thousandths."""
    wanted = container.resources
    sides = []
    for side in (wanted.requests, wanted.limits):
        amounts = {name: quantity.to_milli(amount) for name, amount in side.items() if name in ("cpu", "memory")}
        sides.append({name: amount for name, amount in amounts.items() if amount > 0})
    return sides[0], sides[1]
