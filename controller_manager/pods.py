"""Pods as controllers see them: a slim view (thousands are cached), its indexes, and what one asks of a pod."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

import msgspec

from api.container import ContainerPort
from api.meta import Condition, KubeObject, Struct, controller_of
from api.placement import Affinity, Toleration
from api.pod import PodIP
from apimachinery.resources import GVR
from apimachinery.timestamps import parse_time
from client.informer import Informer, InformerFactory

OWNER_INDEX: Final = "owner"
"""By the uid of the controlling owner; pods without one by `orphans(namespace)`."""
NODE_INDEX: Final = "node"

JSON = dict[str, Any]


class ContainerView(Struct, frozen=True):
    name: str = ""
    ports: tuple[ContainerPort, ...] = ()
    restart_policy: str = ""


class PodSpecView(Struct, frozen=True):
    node_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    host_network: bool = False
    restart_policy: str = "Always"
    containers: tuple[ContainerView, ...] = ()
    init_containers: tuple[ContainerView, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: Affinity | None = None


class RunningView(Struct, frozen=True):
    started_at: str | None = None


class TerminatedView(Struct, frozen=True):
    exit_code: int = 0
    finished_at: str | None = None
    reason: str = ""


class ContainerStateView(Struct, frozen=True):
    running: RunningView | None = None
    terminated: TerminatedView | None = None


class ContainerStatusView(Struct, frozen=True):
    name: str = ""
    restart_count: int = 0
    state: ContainerStateView = ContainerStateView()


class PodStatusView(Struct, frozen=True):
    phase: str = ""
    reason: str = ""
    conditions: tuple[Condition, ...] = ()
    pod_ip: str = ""
    pod_ips: tuple[PodIP, ...] = ()
    start_time: str | None = None
    init_container_statuses: tuple[ContainerStatusView, ...] = ()
    container_statuses: tuple[ContainerStatusView, ...] = ()


class PodView(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "pods")
    KIND: ClassVar[str] = "Pod"

    spec: PodSpecView = PodSpecView()
    status: PodStatusView = PodStatusView()


def orphans(namespace: str) -> str:
    return f"orphans:{namespace}"


def _by_owner(pod: PodView) -> Iterable[str]:
    owner = controller_of(pod.metadata)
    return (owner.uid if owner is not None else orphans(pod.namespace),)


def pod_informer(informers: InformerFactory) -> Informer[PodView]:
    """The one cache of pods that all controllers share."""
    indexes = {OWNER_INDEX: _by_owner, NODE_INDEX: lambda pod: (pod.spec.node_name,)}
    return informers.get(PodView, indexes=indexes)


# --- what one asks of a pod ------------------------------------------------------------------------------------------


def find_condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    return next((one for one in conditions if one.type == type_), None)


def is_terminal(pod: PodView) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def is_terminating(pod: PodView) -> bool:
    return pod.metadata.deletion_timestamp is not None


def is_active(pod: PodView) -> bool:
    """Neither finished nor on its way out."""
    return not is_terminal(pod) and not is_terminating(pod)


def is_ready(pod: PodView) -> bool:
    found = find_condition(pod.status.conditions, "Ready")
    return found is not None and found.status == "True"


def ready_since(pod: PodView) -> float | None:
    """When it became ready, in Unix seconds; None while it is not."""
    found = find_condition(pod.status.conditions, "Ready")
    if found is None or found.status != "True":
        return None
    return parse_time(found.last_transition_time) if found.last_transition_time else 0.0


def is_available(pod: PodView, min_ready_seconds: int, now: float) -> bool:
    """Ready, and for long enough."""
    since = ready_since(pod)
    return since is not None and (min_ready_seconds == 0 or (since > 0 and since + min_ready_seconds <= now))


def available_in(pod: PodView, min_ready_seconds: int, now: float) -> float | None:
    """Seconds until a ready pod becomes available; None if it is, or is not ready."""
    since = ready_since(pod)
    if since is None or is_available(pod, min_ready_seconds, now):
        return None
    return since + min_ready_seconds - now


def restarts(pod: PodView) -> int:
    return max((one.restart_count for one in pod.status.container_statuses), default=0)


def pod_from_template(template: msgspec.Raw, owner_reference: JSON, *, name: str = "", generate_name: str = "") -> JSON:
    """A pod stamped out from a raw pod template; the caller may change it."""
    tree: JSON = msgspec.json.decode(template)
    wanted = tree.get("metadata") or {}
    kept = ("labels", "annotations", "finalizers")
    metadata: JSON = {field: wanted[field] for field in kept if wanted.get(field)}
    metadata |= {"name": name} if name else {"generateName": generate_name}
    metadata["ownerReferences"] = [owner_reference]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": tree.get("spec", {})}


def template_labels(template: msgspec.Raw) -> dict[str, str]:
    labels: dict[str, str] = (msgspec.json.decode(template).get("metadata") or {}).get("labels") or {}
    return labels


def conditions_with(conditions: Iterable[Condition], new: Condition) -> list[JSON]:
    """The conditions as JSON with `new` in the place of its type, or at the end."""
    present = list(conditions)
    types = [one.type for one in present]
    if new.type in types:
        present[types.index(new.type)] = new
    else:
        present.append(new)
    return [msgspec.to_builtins(one) for one in present]
