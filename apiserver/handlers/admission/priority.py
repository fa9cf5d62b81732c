"""Priority: a pod's number and preemption policy, from the class that it names or the default one."""

from __future__ import annotations

from typing import Final

from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import PODS, Plugin, find, is_about, refuse
from apiserver.registry.request import JSON

CLASSES: Final = GVR("scheduling.k8s.io", "v1", "priorityclasses")
DEFAULT_POLICY: Final = "PreemptLowerPriority"


class Priority(Plugin):
    name = "Priority"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, PODS, "create") or request.obj is None:
            return
        spec = request.obj.setdefault("spec", {})
        chosen = await _class(request, spec)
        number = int(chosen.get("value") or 0) if chosen else 0
        policy = (chosen or {}).get("preemptionPolicy") or DEFAULT_POLICY
        if chosen:
            spec["priorityClassName"] = chosen["metadata"]["name"]
        given = spec.get("priority")
        if given is not None and given != number:
            why = f"the integer value of priority ({given}) must not be provided in pod spec; priority admission"
            raise refuse(request, f"{why} controller computed {number} from the given PriorityClass name")
        if spec.get("preemptionPolicy") not in (None, "", policy):
            why = f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec;"
            raise refuse(
                request, f"{why} priority admission controller computed {policy} from the given PriorityClass name"
            )
        spec["priority"], spec["preemptionPolicy"] = number, policy

    async def validate(self, request: AdmissionRequest) -> None:
        if not is_about(request, ("scheduling.k8s.io", "priorityclasses"), "create", "update"):
            return
        if not (request.obj or {}).get("globalDefault"):
            return
        other = default_class(request.reader.list(CLASSES))
        if other and other["metadata"]["name"] != request.name:
            why = f"PriorityClass {other['metadata']['name']} is already marked as default. Only one default can exist"
            raise refuse(request, why)


async def _class(request: AdmissionRequest, spec: JSON) -> JSON | None:
    name = spec.get("priorityClassName")
    if not name:
        return default_class(request.reader.list(CLASSES))
    found = await find(request, CLASSES, "", name)
    if found is None:
        raise refuse(request, f"no PriorityClass with name {name} was found")
    return found


def default_class(classes: list[JSON]) -> JSON | None:
    """Of several defaults, the lowest."""
    marked = [one for one in classes if one.get("globalDefault")]
    return min(marked, key=lambda one: int(one.get("value") or 0), default=None)
