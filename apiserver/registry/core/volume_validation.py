"""What a pod's volume must be: a unique name and exactly one source that makes sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from apimachinery import names
from apiserver.registry.checks import (
    JSON,
    Errors,
    amount,
    duplicate,
    each,
    enum,
    forbidden,
    in_range,
    invalid,
    named,
    required,
)
from apiserver.registry.core.container_validation import PULL_POLICIES, field_ref, relative_path, resource_field_ref

HOST_PATH_TYPES: Final = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_MODE_MAX: Final = 0o777
_TOKEN_MIN_SECONDS: Final = 600
_TOKEN_MAX_SECONDS: Final = 1 << 32


def validate_volumes(path: str, volumes: list[JSON] | None) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, volume in enumerate(volumes or ()):
        at = f"{path}[{index}]"
        name = volume.get("name")
        errors += named(f"{at}.name", name, names.dns1123_label)
        if name and name in seen:
            errors.append(duplicate(f"{at}.name", name))
        seen.add(name or "")
        errors += _source(at, volume)
    return errors


def _source(path: str, volume: JSON) -> Errors:
    given = [kind for kind, source in volume.items() if kind != "name" and source is not None]
    if not given:
        return [required(path, "must specify a volume type")]
    errors = [forbidden(f"{path}.{kind}", "may not specify more than 1 volume type") for kind in given[1:]]
    check = _SOURCES.get(given[0])
    if check:
        errors += check(f"{path}.{given[0]}", volume[given[0]])
    return errors + [required(f"{path}.{given[0]}.{key}") for key in _needed(given[0], volume[given[0]])]


def _needed(kind: str, source: JSON) -> list[str]:
    return [key for key in REQUIRED_FIELDS.get(kind, ()) if source.get(key) in (None, "", [])]


REQUIRED_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "awsElasticBlockStore": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "azureFile": ("secretName", "shareName"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "csi": ("driver",),
    "ephemeral": ("volumeClaimTemplate",),
    "flexVolume": ("driver",),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "iscsi": ("targetPortal", "iqn"),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "portworxVolume": ("volumeID",),
    "quobyte": ("registry", "volume"),
    "rbd": ("monitors", "image"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "secret": ("secretName",),
    "configMap": ("name",),
    "hostPath": ("path",),
    "vsphereVolume": ("volumePath",),
}
"""Fields without which a source means nothing, for pod and persistent volumes."""


def host_path(path: str, source: JSON) -> Errors:
    value = source.get("path") or ""
    errors = [invalid(f"{path}.path", value, "must not contain '..'")] if ".." in value.split("/") else []
    return errors + enum(f"{path}.type", source.get("type") or "", HOST_PATH_TYPES, needed=False)


def nfs(path: str, source: JSON) -> Errors:
    value = source.get("path") or "/"
    return [] if value.startswith("/") else [invalid(f"{path}.path", value, "must be an absolute path")]


def _mode(path: str, value: int | None) -> Errors:
    if value is None or 0 <= value <= _MODE_MAX:
        return []
    return [invalid(path, value, "must be a number between 0 and 0777 (octal), both inclusive")]


def _item(path: str, item: JSON) -> Errors:
    """One key of a ConfigMap or Secret and the file it becomes."""
    errors = [required(f"{path}.{key}") for key in ("key", "path") if not item.get(key)]
    errors += relative_path(f"{path}.path", item.get("path") or "")
    return errors + _mode(f"{path}.mode", item.get("mode"))


def _files(path: str, source: JSON) -> Errors:
    return _mode(f"{path}.defaultMode", source.get("defaultMode")) + each(f"{path}.items", source.get("items"), _item)


def _downward_item(path: str, item: JSON) -> Errors:
    errors = [] if item.get("path") else [required(f"{path}.path")]
    errors += relative_path(f"{path}.path", item.get("path") or "")
    references = [name for name in ("fieldRef", "resourceFieldRef") if item.get(name) is not None]
    if not references:
        errors.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    elif len(references) > 1:
        errors.append(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
    elif references[0] == "fieldRef":
        errors += _downward_field(f"{path}.fieldRef", item["fieldRef"])
    else:
        errors += resource_field_ref(f"{path}.resourceFieldRef", item["resourceFieldRef"])
    return errors + _mode(f"{path}.mode", item.get("mode"))


def _downward_field(path: str, reference: JSON) -> Errors:
    whole = ("metadata.labels", "metadata.annotations")
    return [] if reference.get("fieldPath") in whole else field_ref(path, reference)


def _downward(path: str, source: JSON) -> Errors:
    errors = _mode(f"{path}.defaultMode", source.get("defaultMode"))
    return errors + each(f"{path}.items", source.get("items"), _downward_item)


def _projected(path: str, source: JSON) -> Errors:
    errors = _mode(f"{path}.defaultMode", source.get("defaultMode"))
    return errors + each(f"{path}.sources", source.get("sources"), _projection)


def _projection(path: str, projection: JSON) -> Errors:
    given = [kind for kind, source in projection.items() if source is not None]
    errors = [forbidden(f"{path}.{kind}", "may not specify more than 1 volume type") for kind in given[1:]]
    if not given:
        return [required(path, "must specify a volume type")]
    kind, source = given[0], projection[given[0]]
    at = f"{path}.{kind}"
    if kind in ("secret", "configMap"):
        errors += [] if source.get("name") else [required(f"{at}.name")]
        errors += _files(at, source)
    elif kind == "downwardAPI":
        errors += _downward(at, source)
    elif kind == "serviceAccountToken":
        errors += _token(at, source)
    return errors


def _token(path: str, source: JSON) -> Errors:
    errors = [] if source.get("path") else [required(f"{path}.path")]
    seconds = source.get("expirationSeconds")
    if seconds is not None and seconds < _TOKEN_MIN_SECONDS:
        errors.append(invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"))
    if seconds is not None and seconds > _TOKEN_MAX_SECONDS:
        errors.append(
            invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
        )
    return errors


def _empty_dir(path: str, source: JSON) -> Errors:
    limit = source.get("sizeLimit")
    return [] if limit is None else amount(f"{path}.sizeLimit", limit)


def _iscsi(path: str, source: JSON) -> Errors:
    return in_range(f"{path}.lun", source.get("lun", 0), 0, 255)


def _image(path: str, source: JSON) -> Errors:
    errors = [] if source.get("reference") else [required(f"{path}.reference")]
    return errors + enum(f"{path}.pullPolicy", source.get("pullPolicy"), PULL_POLICIES, needed=False)


def _ephemeral(path: str, source: JSON) -> Errors:
    from apiserver.registry.core.persistentvolumeclaim import validate_claim_spec

    template = source.get("volumeClaimTemplate")
    return validate_claim_spec(f"{path}.volumeClaimTemplate.spec", template.get("spec") or {}) if template else []


_SOURCES: Final[dict[str, Callable[[str, JSON], Errors]]] = {
    "hostPath": host_path,
    "nfs": nfs,
    "secret": _files,
    "configMap": _files,
    "downwardAPI": _downward,
    "projected": _projected,
    "emptyDir": _empty_dir,
    "iscsi": _iscsi,
    "image": _image,
    "ephemeral": _ephemeral,
}
