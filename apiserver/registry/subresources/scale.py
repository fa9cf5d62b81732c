"""scale: one number of a workload, in a form that is the same for all of them."""

from __future__ import annotations

from typing import Any

from apimachinery import selectors
from apimachinery.errors import FieldError, bad_request, conflict, invalid
from apimachinery.resources import GVK
from apiserver.registry.body import check_body
from apiserver.registry.patching import apply_patch, check_patch
from apiserver.registry.request import JSON, PatchType, StoredObject, WriteOutcome
from apiserver.registry.resource import Resource
from apiserver.registry.subresources.call import Call, Whole, not_allowed

KIND = GVK("autoscaling", "v1", "Scale")


class Scale:
    """`spec.replicas` is what it writes; the rest tells."""

    async def get(self, call: Call) -> JSON:
        found = await call.object()
        return scale_of(call.resource, found.tree)

    async def create(self, call: Call) -> WriteOutcome:
        raise not_allowed()

    async def change(self, call: Call) -> WriteOutcome:
        request = call.request
        if request.verb == "patch":
            check_patch(request.patch_type, request.body, builtin=True, force=request.force)

        async def scale(current: StoredObject) -> JSON:
            obj = current.copy()
            wanted = _wanted(call, scale_of(call.resource, obj))
            _check(call.resource, obj, wanted)
            obj["spec"]["replicas"] = wanted.get("spec", {}).get("replicas", 0)
            return obj

        stored = await call.registry.update(call.make_write(call.resource.storage, Whole()), call.key, scale)
        return WriteOutcome(scale_of(call.resource, stored.tree if isinstance(stored, StoredObject) else stored))


def _wanted(call: Call, present: JSON) -> JSON:
    """The Scale as the client wants it."""
    if call.request.verb != "patch":
        return call.body
    kind: Any = call.request.patch_type
    assert isinstance(kind, PatchType)
    patched = apply_patch(kind, present, call.request.body, None)
    return check_body(patched, KIND, None, call.request.field_validation)[0]


def _check(resource: Resource, obj: JSON, scale: JSON) -> None:
    metadata, own = scale.get("metadata", {}), obj["metadata"]
    if metadata.get("name", own["name"]) != own["name"]:
        raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL")
    revision = metadata.get("resourceVersion")
    if revision and revision != own["resourceVersion"]:
        raise conflict(resource.group, resource.name, own["name"])
    replicas = scale.get("spec", {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("spec.replicas: an integer is expected")
    if replicas < 0:
        error = FieldError("invalid", "spec.replicas", "must be greater than or equal to 0", replicas)
        raise invalid(KIND.group, KIND.kind, own["name"], [error])


def scale_of(resource: Resource, obj: JSON) -> JSON:
    own, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": KIND.kind,
        "apiVersion": KIND.api_version,
        "metadata": {field: own[field] for field in kept if field in own},
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": {"replicas": status.get("replicas", 0), "selector": _selector(resource, spec.get("selector"))},
    }


def _selector(resource: Resource, selector: JSON | None) -> str:
    """As text: a ReplicationController has a plain map there, all others a LabelSelector."""
    if selector is None:
        return ""
    if resource.name == "replicationcontrollers":
        return str(selectors.from_labels(selector))
    return str(selectors.from_json(selector))
