"""PersistentVolumes: a piece of storage that exists, and whom it is promised to."""

from __future__ import annotations

from typing import Final

from apiserver.registry.checks import JSON, Errors, amount, enum, forbidden, invalid, required
from apiserver.registry.core.affinity_validation import validate_node_selector
from apiserver.registry.core.canonical import canonicalize
from apiserver.registry.core.persistentvolumeclaim import VOLUME_MODES, validate_access_modes
from apiserver.registry.core.pod_defaults import default_volume
from apiserver.registry.core.volume_validation import REQUIRED_FIELDS, host_path, nfs
from apiserver.registry.strategy import Context, Strategy

RECLAIM_POLICIES: Final = ("Delete", "Recycle", "Retain")
SOURCES: Final = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker",
    "gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume",
    "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
)  # fmt: skip
_NEEDED: Final = {**REQUIRED_FIELDS, "csi": ("driver", "volumeHandle"), "local": ("path",)}


class PersistentVolumeStrategy(Strategy):
    status_metadata = frozenset(("labels", "annotations", "finalizers"))

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        canonicalize(spec, "capacity")
        for key, value in (("persistentVolumeReclaimPolicy", "Retain"), ("volumeMode", "Filesystem")):
            if not spec.get(key):
                spec[key] = value
        sources = {kind: spec[kind] for kind in SOURCES if spec.get(kind) is not None}
        if sources:
            default_volume(sources)
        claim = spec.get("claimRef")
        if claim:
            claim.setdefault("apiVersion", "v1")
            claim.setdefault("kind", "PersistentVolumeClaim")

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"phase": "Pending"}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = validate_access_modes("spec.accessModes", spec.get("accessModes"))
        errors += _capacity(spec.get("capacity") or {})
        errors += _source(spec)
        policy = spec.get("persistentVolumeReclaimPolicy")
        errors += enum("spec.persistentVolumeReclaimPolicy", policy, RECLAIM_POLICIES)
        if (spec.get("hostPath") or {}).get("path") == "/" and policy == "Recycle":
            errors.append(
                forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'")
            )
        return errors + enum("spec.volumeMode", spec.get("volumeMode"), VOLUME_MODES, needed=False)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = (volume.get("spec") or {} for volume in (old, new))
        errors = self.validate(new)
        if any(was.get(kind) != now.get(kind) for kind in SOURCES if kind != "csi"):
            errors.append(
                forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")
            )
        if was.get("volumeMode") != now.get("volumeMode"):
            errors.append(invalid("spec.volumeMode", now.get("volumeMode"), "field is immutable"))
        return errors


def _capacity(capacity: JSON) -> Errors:
    if not capacity:
        return [required("spec.capacity")]
    if "storage" not in capacity:
        return [required("spec.capacity[storage]")]
    return [error for name, value in capacity.items() for error in amount(f"spec.capacity[{name}]", value)]


def _source(spec: JSON) -> Errors:
    given = [kind for kind in SOURCES if spec.get(kind) is not None]
    if not given:
        return [required("spec", "must specify a volume type")]
    errors = [forbidden(f"spec.{kind}", "may not specify more than 1 volume type") for kind in given[1:]]
    kind = given[0]
    errors += [required(f"spec.{kind}.{key}") for key in _NEEDED.get(kind, ()) if spec[kind].get(key) in (None, "", [])]
    if kind == "hostPath":
        errors += host_path("spec.hostPath", spec[kind])
    elif kind == "nfs":
        errors += nfs("spec.nfs", spec[kind])
    affinity = (spec.get("nodeAffinity") or {}).get("required")
    if affinity is not None:
        errors += validate_node_selector("spec.nodeAffinity.required", affinity)
    elif kind == "local":
        errors.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    return errors
