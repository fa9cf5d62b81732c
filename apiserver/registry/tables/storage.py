"""Tables of volumes, claims, classes and drivers."""

from __future__ import annotations

from collections.abc import Iterable

from apiserver.registry.tables.cells import (
    AGE,
    JSON,
    NAME,
    UNSET,
    Cells,
    Column,
    Table,
    age,
    joined,
    metadata,
    name,
    number,
    spec,
    status,
    wide,
)

MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def access_modes(given: Iterable[str] | None) -> str:
    present = set(given or ())
    return ",".join(short for mode, short in MODES.items() if mode in present)


def _phase(obj: JSON) -> str:
    return "Terminating" if metadata(obj).get("deletionTimestamp") else str(status(obj).get("phase") or "")


def _class(obj: JSON) -> str:
    old = (metadata(obj).get("annotations") or {}).get(CLASS_ANNOTATION)
    return str(old or spec(obj).get("storageClassName") or "")


def _volume(obj: JSON, now: float) -> Cells:
    found = spec(obj)
    claim = found.get("claimRef")
    return [
        name(obj),
        (found.get("capacity") or {}).get("storage") or "",
        access_modes(found.get("accessModes")),
        found.get("persistentVolumeReclaimPolicy") or "",
        _phase(obj),
        f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        _class(obj),
        found.get("volumeAttributesClassName") or UNSET,
        status(obj).get("reason") or "",
        age(obj, now),
        found.get("volumeMode") or UNSET,
    ]


def _claim(obj: JSON, now: float) -> Cells:
    volume, found = spec(obj).get("volumeName") or "", status(obj)
    return [
        name(obj),
        _phase(obj),
        volume,
        ((found.get("capacity") or {}).get("storage") or "") if volume else "",
        access_modes(found.get("accessModes")) if volume else "",
        _class(obj),
        spec(obj).get("volumeAttributesClassName") or UNSET,
        age(obj, now),
        spec(obj).get("volumeMode") or UNSET,
    ]


def _storageclass(obj: JSON, now: float) -> Cells:
    given = metadata(obj).get("annotations") or {}
    default = " (default)" if any(given.get(key) == "true" for key in DEFAULT_CLASS) else ""
    return [
        name(obj) + default,
        obj.get("provisioner") or "",
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        bool(obj.get("allowVolumeExpansion")),
        age(obj, now),
    ]


def _driver(obj: JSON, now: float) -> Cells:
    found = spec(obj)
    tokens = joined((one.get("audience", "") for one in found.get("tokenRequests") or ()), empty=UNSET)
    return [
        name(obj),
        bool(found.get("attachRequired", True)),
        bool(found.get("podInfoOnMount")),
        bool(found.get("storageCapacity")),
        tokens,
        bool(found.get("requiresRepublish")),
        joined(found.get("volumeLifecycleModes") or (), empty=UNSET),
        age(obj, now),
    ]


def _node(obj: JSON, now: float) -> Cells:
    return [name(obj), len(spec(obj).get("drivers") or ()), age(obj, now)]


def _attachment(obj: JSON, now: float) -> Cells:
    volume = (spec(obj).get("source") or {}).get("persistentVolumeName") or ""
    attached = bool(status(obj).get("attached"))
    return [
        name(obj),
        spec(obj).get("attacher") or "",
        volume,
        spec(obj).get("nodeName") or "",
        attached,
        age(obj, now),
    ]


def _attributes_class(obj: JSON, now: float) -> Cells:
    return [name(obj), obj.get("driverName") or "", age(obj, now)]


def _capacity(obj: JSON, now: float) -> Cells:
    return [name(obj), obj.get("storageClassName") or "", obj.get("capacity") or "", age(obj, now)]


_ATTRIBUTES = Column("VolumeAttributesClass", "Class of changeable attributes.")
_MODE = wide("VolumeMode", "File system or block device.")

TABLES = {
    ("", "PersistentVolume"): Table(
        (
            NAME,
            Column("Capacity", "Size of the volume."),
            Column("Access Modes", "How it can be mounted."),
            Column("Reclaim Policy", "What becomes of it once released."),
            Column("Status", "Available, Bound, Released or Failed."),
            Column("Claim", "Whom it is promised to."),
            Column("StorageClass", "Class of storage."),
            _ATTRIBUTES,
            Column("Reason", "Why it is in this state."),
            AGE,
            _MODE,
        ),
        _volume,
    ),
    ("", "PersistentVolumeClaim"): Table(
        (
            NAME,
            Column("Status", "Pending, Bound or Lost."),
            Column("Volume", "The volume that it got."),
            Column("Capacity", "Size of that volume."),
            Column("Access Modes", "How it can be mounted."),
            Column("StorageClass", "Class of storage."),
            _ATTRIBUTES,
            AGE,
            _MODE,
        ),
        _claim,
    ),
    ("storage.k8s.io", "StorageClass"): Table(
        (
            NAME,
            Column("Provisioner", "Who makes volumes of this class."),
            Column("ReclaimPolicy", "What becomes of its volumes once released."),
            Column("VolumeBindingMode", "Whether a volume is made before a pod needs it."),
            Column("AllowVolumeExpansion", "Whether its volumes can grow.", "boolean"),
            AGE,
        ),
        _storageclass,
    ),
    ("storage.k8s.io", "CSIDriver"): Table(
        (
            NAME,
            Column("AttachRequired", "Whether volumes are attached to nodes first.", "boolean"),
            Column("PodInfoOnMount", "Whether the driver is told about the pod.", "boolean"),
            Column("StorageCapacity", "Whether the scheduler considers capacity.", "boolean"),
            Column("TokenRequests", "Audiences of tokens that it gets."),
            Column("RequiresRepublish", "Whether mounts are renewed from time to time.", "boolean"),
            Column("Modes", "Life cycles of volumes that it supports."),
            AGE,
        ),
        _driver,
    ),
    ("storage.k8s.io", "CSINode"): Table((NAME, number("Drivers", "Drivers on the node."), AGE), _node),
    ("storage.k8s.io", "CSIStorageCapacity"): Table(
        (NAME, Column("StorageClassName", "Class of storage."), Column("Capacity", "What is left of it."), AGE),
        _capacity,
    ),
    ("storage.k8s.io", "VolumeAttachment"): Table(
        (
            NAME,
            Column("Attacher", "Who attaches the volume."),
            Column("PV", "The volume."),
            Column("Node", "The node."),
            Column("Attached", "Whether it is done.", "boolean"),
            AGE,
        ),
        _attachment,
    ),
    ("storage.k8s.io", "VolumeAttributesClass"): Table(
        (NAME, Column("DriverName", "Driver that understands the attributes."), AGE), _attributes_class
    ),
}
