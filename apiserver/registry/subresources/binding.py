"""pods/binding: assigns a pod to a node, once."""

from __future__ import annotations

from apimachinery.errors import ApiError, FieldError, bad_request, conflict, invalid
from apimachinery.resources import GVR, join_key
from apimachinery.timestamps import format_time
from apiserver.registry.request import JSON, StoredObject, WriteOutcome
from apiserver.registry.subresources.call import Call, CreateOnly, Whole

PODS = GVR("", "v1", "pods")


class Binding(CreateOnly):
    """Also served as `bindings`, where the body names the pod."""

    async def create(self, call: Call) -> WriteOutcome:
        binding = call.body
        name = call.request.name or binding["metadata"].get("name", "")
        if not name:
            raise bad_request("name is required in a Binding")
        node = _target(binding)
        metadata = binding["metadata"]

        async def bind(current: StoredObject) -> JSON:
            return bound(current.copy(), node, metadata, call.ctx.now)

        write = call.make_write(PODS, Whole())
        await call.registry.update(write, join_key(call.request.namespace, name), bind)
        return WriteOutcome(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
        )


def _target(binding: JSON) -> str:
    target = binding.get("target") or {}
    errors = []
    if target.get("kind", "") not in ("", "Node"):
        errors.append(FieldError("not_supported", "target.kind", 'supported values: "Node", "<empty>"', target["kind"]))
    if not target.get("name"):
        errors.append(FieldError("required", "target.name"))
    if errors:
        raise invalid("", "Binding", binding["metadata"].get("name", ""), errors)
    return str(target["name"])


def bound(pod: JSON, node: str, metadata: JSON, now: float) -> JSON:
    """The pod on its node. Raises ApiError Conflict if it cannot go there."""
    spec, own = pod["spec"], pod["metadata"]
    if metadata.get("uid") and metadata["uid"] != own["uid"]:
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {own['uid']}"
        raise conflict("", "pods", own["name"], why)
    if own.get("deletionTimestamp"):
        raise _refused(own["name"], f"pod {own['name']} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise _refused(own["name"], f'pod {own["name"]} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise _refused(own["name"], f"pod {own['name']} has non-empty .spec.schedulingGates")
    spec["nodeName"] = node
    for field in ("annotations", "labels"):
        if metadata.get(field):
            own[field] = {**(own.get(field) or {}), **metadata[field]}
    _set_scheduled(pod.setdefault("status", {}), now)
    return pod


def _refused(name: str, why: str) -> ApiError:
    return conflict("", "pods/binding", name, why)


def _set_scheduled(status: JSON, now: float) -> None:
    conditions = [one for one in status.get("conditions") or [] if one.get("type") != "PodScheduled"]
    conditions.append({"type": "PodScheduled", "status": "True", "lastTransitionTime": format_time(now)})
    status["conditions"] = conditions
