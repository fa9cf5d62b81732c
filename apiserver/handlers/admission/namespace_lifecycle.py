"""NamespaceLifecycle: nothing is created in a namespace that does not exist or is going; some namespaces stay."""

from __future__ import annotations

from typing import Final

from apimachinery.errors import ApiError, forbidden, not_found
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import NAMESPACES, Plugin, find, is_about
from apiserver.registry.request import JSON

IMMORTAL: Final = frozenset(("default", "kube-system", "kube-public"))
_REVIEWS: Final = ("localsubjectaccessreviews", "selfsubjectaccessreviews", "subjectaccessreviews")


class NamespaceLifecycle(Plugin):
    name = "NamespaceLifecycle"

    async def mutate(self, request: AdmissionRequest) -> None:
        """Checked first of all, so that no later plugin complains about what a missing namespace lacks."""
        if is_about(request, ("", "namespaces"), "delete") and request.name in IMMORTAL:
            raise forbidden("", "namespaces", request.name, "this namespace may not be deleted")
        if not request.namespace or request.gvr.resource in ("namespaces", *_REVIEWS):
            return
        if request.verb not in ("create", "update"):
            return
        namespace = await find(request, NAMESPACES, "", request.namespace)
        if namespace is None:
            raise not_found("", "namespaces", request.namespace)
        if request.verb == "create" and is_terminating(namespace):
            raise _terminating(request)


def is_terminating(namespace: JSON) -> bool:
    going = bool(namespace["metadata"].get("deletionTimestamp"))
    return going or (namespace.get("status") or {}).get("phase") == "Terminating"


def _terminating(request: AdmissionRequest) -> ApiError:
    namespace = request.namespace
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    refusal = forbidden(request.gvr.group, request.gvr.resource, request.name, why)
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    refusal.details["causes"] = [cause]
    return refusal
