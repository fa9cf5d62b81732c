"""Findings about PersistentVolumeClaims and the volumes that they might get. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apimachinery.quantity import parse
from cli.why.evidence import JSON, Evidence, Finding, version

_VOLUMES_TOLD: Final = 5
_BY_HAND: Final = (
    "Nothing in this cluster binds claims or makes volumes: bind it by hand, with spec.volumeName in the claim,"
    " spec.claimRef in the volume, and phase Bound in the status of both"
)


def claim(evidence: Evidence) -> Iterator[Finding]:
    """Bound to what; or which volumes would do, and why the others would not."""
    obj = evidence.obj or {}
    name, phase = obj["spec"].get("volumeName"), obj.get("status", {}).get("phase", "Pending")
    volumes = evidence.related.get("persistentvolumes", [])
    if name:
        volume = next((one for one in volumes if one["metadata"]["name"] == name), None)
        if volume is None:
            yield Finding(f"It names the volume {name}, which does not exist.", (version(obj),))
        elif phase != "Bound":
            text = f"It names the volume {name}, but its phase is {phase}: a pod waits until it is Bound."
            yield Finding(text, (version(obj), version(volume)))
        else:
            yield Finding(f"It is Bound to the volume {name}.", (version(obj), version(volume)))
        return
    yield Finding(f"It is {phase}: no volume is bound to it. {_BY_HAND}.", (version(obj),))
    yield from _class(evidence, obj)
    lines = [f"{one['metadata']['name']}: {misfit(obj, one) or 'would fit'}" for one in volumes[:_VOLUMES_TOLD]]
    if lines:
        yield Finding("The volumes there are:", tuple(map(version, volumes[:_VOLUMES_TOLD])), tuple(lines))
    else:
        yield Finding("There is no PersistentVolume at all.", ("the list of persistentvolumes is empty",))


def _class(evidence: Evidence, obj: JSON) -> Iterator[Finding]:
    wanted = obj["spec"].get("storageClassName")
    names = [one["metadata"]["name"] for one in evidence.related.get("storageclasses", [])]
    if wanted and wanted not in names:
        there = f"there are {', '.join(names)}" if names else "there is none"
        text = f"Its storage class {wanted} does not exist ({there}); only a volume of that class name would fit."
        yield Finding(text, (version(obj),))


def misfit(obj: JSON, volume: JSON) -> str:
    """Why a volume cannot be a claim's, "" if it can."""
    spec, offered = obj["spec"], volume["spec"]
    taken = offered.get("claimRef")
    if taken and (taken.get("namespace"), taken.get("name")) != (obj["metadata"]["namespace"], obj["metadata"]["name"]):
        return f"it is reserved for {taken.get('namespace')}/{taken.get('name')}"
    if (spec.get("storageClassName") or "") != (offered.get("storageClassName") or ""):
        return f"its class is {offered.get('storageClassName') or 'none'}, not {spec.get('storageClassName') or 'none'}"
    lacking = set(spec.get("accessModes") or []) - set(offered.get("accessModes") or [])
    if lacking:
        return f"it does not offer {', '.join(sorted(lacking))}"
    asked, has = (_storage(one) for one in ((spec.get("resources") or {}).get("requests"), offered.get("capacity")))
    if parse(has) < parse(asked):
        return f"it has {has}, and {asked} are asked for"
    return ""


def _storage(amounts: JSON | None) -> str:
    return str((amounts or {}).get("storage") or "0")


def of_pod(evidence: Evidence) -> Iterator[Finding]:
    """The claims that keep a pod from starting."""
    pod = evidence.obj or {}
    there = {one["metadata"]["name"]: one for one in evidence.related.get("persistentvolumeclaims", [])}
    for volume in pod.get("spec", {}).get("volumes") or []:
        if not volume.get("persistentVolumeClaim"):
            continue
        name = volume["persistentVolumeClaim"]["claimName"]
        if name not in there:
            text = f"Its volume {volume['name']} is the claim {name}, which does not exist."
            yield Finding(text, (version(pod), f"no persistentvolumeclaim/{name}"))
        elif there[name].get("status", {}).get("phase") != "Bound":
            phase = there[name].get("status", {}).get("phase", "Pending")
            text = f"Its volume {volume['name']} is the claim {name}, which is {phase}; orrery why pvc/{name} says why."
            yield Finding(text, (version(there[name]),))
