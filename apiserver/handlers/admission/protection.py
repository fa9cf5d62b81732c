"""StorageObjectInUseProtection and TaintNodesByCondition: marks that controllers take off again.

The first keeps a claim or volume from vanishing while it is used; the second keeps pods off a node until its kubelet
has shown that it is ready.
"""

from __future__ import annotations

from typing import Final

from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import Plugin, is_about

FINALIZERS: Final = {
    ("", "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    ("", "persistentvolumes"): "kubernetes.io/pv-protection",
}
NOT_READY: Final = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class StorageObjectInUseProtection(Plugin):
    name = "StorageObjectInUseProtection"

    async def mutate(self, request: AdmissionRequest) -> None:
        finalizer = FINALIZERS.get((request.gvr.group, request.gvr.resource))
        if finalizer is None or request.verb != "create" or request.subresource or request.obj is None:
            return
        metadata = request.obj["metadata"]
        if finalizer not in (metadata.get("finalizers") or ()):
            metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]


class TaintNodesByCondition(Plugin):
    name = "TaintNodesByCondition"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, ("", "nodes"), "create") or request.obj is None:
            return
        spec = request.obj.setdefault("spec", {})
        taints = list(spec.get("taints") or ())
        if not any(one.get("key") == NOT_READY["key"] and one.get("effect") == NOT_READY["effect"] for one in taints):
            spec["taints"] = [*taints, dict(NOT_READY)]
