"""RuntimeClass: a pod gets the overhead and the scheduling rules of the class it names."""

from __future__ import annotations

from typing import Final

from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import PODS, Plugin, find, is_about, refuse
from apiserver.registry.request import JSON

CLASSES: Final = GVR("node.k8s.io", "v1", "runtimeclasses")


class RuntimeClass(Plugin):
    name = "RuntimeClass"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, PODS, "create") or request.obj is None:
            return
        spec = request.obj.setdefault("spec", {})
        chosen = await _class(request, spec)
        if chosen is not None:
            _set_overhead(request, spec, (chosen.get("overhead") or {}).get("podFixed"))
            _set_scheduling(request, spec, chosen.get("scheduling") or {})

    async def validate(self, request: AdmissionRequest) -> None:
        if is_about(request, PODS, "create") and request.obj is not None:
            spec = request.obj.get("spec") or {}
            if not spec.get("runtimeClassName") and spec.get("overhead"):
                raise refuse(
                    request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
                )


async def _class(request: AdmissionRequest, spec: JSON) -> JSON | None:
    name = spec.get("runtimeClassName")
    if not name:
        return None
    found = await find(request, CLASSES, "", name)
    if found is None:
        raise refuse(request, f'pod rejected: RuntimeClass "{name}" not found')
    return found


def _set_overhead(request: AdmissionRequest, spec: JSON, overhead: JSON | None) -> None:
    if spec.get("overhead") and spec["overhead"] != overhead:
        raise refuse(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    if overhead:
        spec["overhead"] = dict(overhead)


def _set_scheduling(request: AdmissionRequest, spec: JSON, scheduling: JSON) -> None:
    wanted, given = scheduling.get("nodeSelector") or {}, spec.get("nodeSelector") or {}
    for key, value in wanted.items():
        if given.get(key, value) != value:
            why = f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value};"
            raise refuse(request, f"{why} pod.spec.nodeSelector[{key}] = {given[key]}")
    if wanted:
        spec["nodeSelector"] = {**given, **wanted}
    tolerations = list(spec.get("tolerations") or ())
    added = [one for one in scheduling.get("tolerations") or () if one not in tolerations]
    if added:
        spec["tolerations"] = tolerations + added
