"""What of a live cluster is input for a component, and in which order. Pure.

For the scheduler: nodes, what pods may be spread by, and pods, stripped of what a scheduler gave them. For the
controller-manager: objects that nobody owns, stripped of what controllers gave them. What a component makes itself is
no input; nor is what others make of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cli.compare.canonical import changed
from cli.compare.feeding import BORN_WITH, OF_ANOTHER_LIFE
from cli.compare.model import JSON

SCHEDULER: Final = (
    "namespaces", "priorityclasses", "nodes", "services", "replicationcontrollers", "replicasets", "statefulsets",
    "pods",
)  # fmt: skip
CONTROLLERS: Final = (
    "namespaces", "priorityclasses", "nodes", "services", "poddisruptionbudgets", "replicationcontrollers",
    "replicasets", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "pods",
)  # fmt: skip
RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {"scheduler": SCHEDULER, "controller-manager": CONTROLLERS}
_OF_EVERY_CLUSTER: Final = frozenset({("Service", "default", "kubernetes"), ("Service", "kube-system", "kube-dns")})
_SPREAD: Final = ("ReplicaSet", "ReplicationController", "StatefulSet")  # owners by which pods are spread
_FINISHED: Final = ("Succeeded", "Failed")
_HAS_STATUS: Final = ("Node", "Pod")  # of which the status is others' word, not a controller's
_GIVEN_BY_CONTROLLERS: Final = ("deployment.kubernetes.io/",)
_LIFECYCLE_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_PULSE: Final = frozenset({"lastHeartbeatTime"})


def as_input(component: str, obj: JSON, *, pending: bool = False) -> JSON | None:
    """As it is put in; None if it is none. With `pending`, pods that have a node keep it."""
    metadata = obj["metadata"]
    identity = (obj["kind"], metadata.get("namespace", ""), metadata["name"])
    born = obj["kind"] == "Namespace" and metadata["name"] in BORN_WITH
    if born or identity in _OF_EVERY_CLUSTER or metadata["name"].startswith("system-") or _ends(obj):
        return None
    if component == "scheduler":
        return _for_scheduler(_bare(obj), pending=pending)
    owned = any(one.get("controller") for one in metadata.get("ownerReferences") or ())
    return None if owned else _for_controllers(_bare(obj))


def _ends(obj: JSON) -> bool:
    phase = (obj.get("status") or {}).get("phase")
    return bool(obj["metadata"].get("deletionTimestamp")) or (obj["kind"] == "Pod" and phase in _FINISHED)


def _bare(obj: JSON) -> JSON:
    """Without what belongs to this life of it."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in OF_ANOTHER_LIFE}
    status = {"status": _still(obj["status"])} if obj.get("status") and obj["kind"] in _HAS_STATUS else {}
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata, **status}


def _still(status: JSON) -> JSON:
    """Without the time of the last heartbeat."""
    conditions = [{k: v for k, v in one.items() if k not in _PULSE} for one in status.get("conditions") or []]
    return {**status, **({"conditions": conditions} if conditions else {})}


def _for_scheduler(obj: JSON, *, pending: bool) -> JSON:
    owners = [one for one in obj["metadata"].get("ownerReferences") or [] if one.get("kind") in _SPREAD]
    metadata = {name: value for name, value in obj["metadata"].items() if name != "ownerReferences"}
    obj = {**obj, "metadata": metadata | ({"ownerReferences": owners} if owners else {})}
    if obj["kind"] != "Pod" or (pending and obj["spec"].get("nodeName")):
        return obj
    spec = {name: value for name, value in obj["spec"].items() if name != "nodeName"}
    return {**{name: value for name, value in obj.items() if name != "status"}, "spec": spec}


def _for_controllers(obj: JSON) -> JSON:
    metadata = dict(obj["metadata"])
    annotations = metadata.pop("annotations", None) or {}
    kept = {name: value for name, value in annotations.items() if not name.startswith(_GIVEN_BY_CONTROLLERS)}
    metadata |= {"annotations": kept} if kept else {}
    if obj["kind"] != "Node":
        return {**obj, "metadata": metadata}
    spec = {name: value for name, value in (obj.get("spec") or {}).items() if name not in ("podCIDR", "podCIDRs")}
    taints = [one for one in spec.pop("taints", None) or [] if one["key"] not in _LIFECYCLE_TAINTS]
    return {**obj, "metadata": metadata, "spec": {**spec, **({"taints": taints} if taints else {})}}


def change(component: str, before: JSON, after: JSON) -> JSON:
    """The merge patch that an update is as input; {} if it is none. A pod's end is one: it makes room."""
    if after["kind"] == "Pod":
        was, now = ((one.get("status") or {}).get("phase") for one in (before, after))
        end = {"status": {"phase": now}} if now in _FINISHED and was != now else {}
        found = changed(*(_spec_and_labels(one) for one in (before, after)))
        return {**found, **end}
    parts = [as_input(component, one) for one in (before, after)]
    return changed(*parts) if all(one is not None for one in parts) else {}


def _spec_and_labels(pod: JSON) -> JSON:
    spec = {name: value for name, value in pod["spec"].items() if name != "nodeName"}
    return {"metadata": {"labels": pod["metadata"].get("labels") or {}}, "spec": spec}


def in_order(component: str, objects: Iterable[tuple[int, str, JSON]]) -> list[JSON]:
    """`objects` come with the revision that made them and their resource. What others rest on comes first; pods that
    keep their node come before those that want one."""
    order = RESOURCES[component]
    ranked = sorted(objects, key=lambda one: (order.index(one[1]), not _placed(one[2]), one[0]))
    return [obj for _, _, obj in ranked]


def _placed(obj: JSON) -> bool:
    return obj["kind"] == "Pod" and bool(obj["spec"].get("nodeName"))
