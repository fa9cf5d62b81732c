"""Pods: the unit that is scheduled and run."""

from __future__ import annotations

import copy
from typing import ClassVar

from apimachinery.timestamps import format_time
from apiserver.registry.checks import JSON, Errors, forbidden, unchanged
from apiserver.registry.core.pod_defaults import default_container, default_pod, default_running_spec
from apiserver.registry.core.pod_resources import qos_class
from apiserver.registry.core.pod_update import validate_ephemeral_update, validate_resize, validate_spec_update
from apiserver.registry.core.pod_validation import validate_pod_spec
from apiserver.registry.strategy import Context, Strategy, SubresourceStrategy, merged_metadata, text_at

TERMINATED = ("Succeeded", "Failed")
STATUS_METADATA = frozenset(("labels", "annotations", "finalizers"))


class EphemeralContainers(SubresourceStrategy):
    """`pods/ephemeralcontainers`: only that list is taken from the request."""

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        wanted = (new.get("spec") or {}).get("ephemeralContainers")
        spec = {key: value for key, value in old["spec"].items() if key != "ephemeralContainers"}
        for container in wanted or ():
            default_container(container)
        _keep_all_but_spec(old, new, {**spec, "ephemeralContainers": wanted} if wanted else spec)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return validate_ephemeral_update(old, new)


class Resize(SubresourceStrategy):
    """`pods/resize`: only the resources of containers, and how a resize is done, are taken from the request."""

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        spec = dict(old["spec"])
        asked = new.get("spec") or {}
        for name in ("containers", "initContainers"):
            if spec.get(name):
                wanted = {container.get("name"): container for container in asked.get(name) or ()}
                spec[name] = [_resized(container, wanted.get(container["name"])) for container in spec[name]]
        if "resources" in asked:
            spec["resources"] = asked["resources"]
        spec = copy.deepcopy(spec)
        default_running_spec(spec)
        _keep_all_but_spec(old, new, spec)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return validate_resize(old, new) + validate_pod_spec("spec", new["spec"])


def _resized(container: JSON, wanted: JSON | None) -> JSON:
    taken: JSON = {key: wanted[key] for key in ("resources", "resizePolicy") if key in wanted} if wanted else {}
    return {**container, **taken}


def _keep_all_but_spec(old: JSON, new: JSON, spec: JSON) -> None:
    metadata = merged_metadata(old["metadata"], new["metadata"], frozenset())
    new.clear()
    new.update(old)
    new["metadata"] = metadata
    new["spec"] = spec


class PodStrategy(Strategy):
    tracks_generation = True
    status_metadata = STATUS_METADATA
    selectable_fields = (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    )
    subresources: ClassVar[dict[str, SubresourceStrategy]] = {
        "ephemeralcontainers": EphemeralContainers(),
        "resize": Resize(),
    }

    def defaults(self, obj: JSON) -> None:
        default_pod(obj)

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        spec = obj["spec"]
        obj["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
        if spec.get("schedulingGates"):
            obj["status"]["conditions"] = [_gated(ctx.now)]

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = validate_pod_spec("spec", spec)
        if spec.get("ephemeralContainers"):
            errors.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return validate_spec_update(old, new) or validate_pod_spec("spec", new.get("spec") or {})

    def validate_status_update(self, old: JSON, new: JSON) -> Errors:
        was, now = (pod.get("status") or {} for pod in (old, new))
        return unchanged("status.qosClass", was.get("qosClass"), now.get("qosClass")) if now.get("qosClass") else []

    def check_graceful_delete(self, ctx: Context, obj: JSON, grace_seconds: int | None) -> int:
        """A pod that no kubelet holds, or that has ended, goes at once."""
        spec = obj.get("spec") or {}
        if not spec.get("nodeName") or (obj.get("status") or {}).get("phase") in TERMINATED:
            return 0
        grace = spec.get("terminationGracePeriodSeconds", 0) if grace_seconds is None else grace_seconds
        return int(grace) if grace >= 0 else 1

    def field_get(self, obj: JSON, path: str) -> str:
        if path == "spec.hostNetwork":
            return text_at(obj, path) or "false"
        if path == "status.podIPs":
            return ",".join(entry.get("ip", "") for entry in (obj.get("status") or {}).get("podIPs") or ())
        return text_at(obj, path)


def _gated(now: float) -> JSON:
    return {
        "type": "PodScheduled",
        "status": "False",
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastProbeTime": None,
        "lastTransitionTime": format_time(now),
    }
