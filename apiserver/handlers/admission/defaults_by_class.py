"""DefaultStorageClass and DefaultIngressClass: objects that name no class get the one marked as default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import Plugin, is_about, refuse
from apiserver.registry.request import JSON

STORAGE_CLASSES: Final = GVR("storage.k8s.io", "v1", "storageclasses")
INGRESS_CLASSES: Final = GVR("networking.k8s.io", "v1", "ingressclasses")
STORAGE_MARKS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
INGRESS_MARK: Final = "ingressclass.kubernetes.io/is-default-class"
OLD_STORAGE_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
OLD_INGRESS_CLASS: Final = "kubernetes.io/ingress.class"


class DefaultStorageClass(Plugin):
    name = "DefaultStorageClass"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, ("", "persistentvolumeclaims"), "create") or request.obj is None:
            return
        spec = request.obj.setdefault("spec", {})
        if spec.get("storageClassName") is not None or OLD_STORAGE_CLASS in _annotations(request.obj):
            return
        marked = _marked(request.reader.list(STORAGE_CLASSES), STORAGE_MARKS)
        if marked:
            spec["storageClassName"] = newest(marked)["metadata"]["name"]


class DefaultIngressClass(Plugin):
    name = "DefaultIngressClass"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, ("networking.k8s.io", "ingresses"), "create") or request.obj is None:
            return
        spec = request.obj.setdefault("spec", {})
        if spec.get("ingressClassName") is not None or OLD_INGRESS_CLASS in _annotations(request.obj):
            return
        marked = _marked(request.reader.list(INGRESS_CLASSES), (INGRESS_MARK,))
        if len({one["spec"].get("controller") for one in marked}) > 1:
            raise refuse(request, f"{len(marked)} default IngressClasses were found, only 1 allowed")
        if marked:
            spec["ingressClassName"] = newest(marked)["metadata"]["name"]


def _annotations(obj: JSON) -> JSON:
    return (obj.get("metadata") or {}).get("annotations") or {}


def _marked(classes: Iterable[JSON], marks: tuple[str, ...]) -> list[JSON]:
    return [one for one in classes if any(_annotations(one).get(mark) == "true" for mark in marks)]


def newest(classes: list[JSON]) -> JSON:
    """The one created last; of those created together, the first by name."""
    top = max(one["metadata"].get("creationTimestamp") or "" for one in classes)
    latest = [one for one in classes if (one["metadata"].get("creationTimestamp") or "") == top]
    return min(latest, key=lambda one: str(one["metadata"]["name"]))
