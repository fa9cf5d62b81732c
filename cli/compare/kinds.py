"""From what an object says it is to the resource that it is; and from a key of etcd's back to that. Pure."""

from __future__ import annotations

from typing import Final

from api.builtin import BUILTIN, Builtin
from apimachinery.resources import GVR, split_api_version
from cli.compare.model import JSON, Key
from cli.debugging.near import did_you_mean

_BY_KIND: Final = {(one.gvr.group, one.kind): one for one in reversed(BUILTIN)}
_BY_RESOURCE: Final = {(one.gvr.group, one.gvr.resource): one for one in BUILTIN}


def builtin_of(obj: JSON) -> Builtin:
    """Raises ValueError, with the near kinds, for a kind that is not built in."""
    group, _ = split_api_version(str(obj["apiVersion"]))
    kind = str(obj["kind"])
    found = _BY_KIND.get((group, kind))
    if found is None:
        near = did_you_mean(kind, [one.kind for one in BUILTIN])
        raise ValueError(f"kind: {kind} of {obj['apiVersion']} is none of the built-in kinds{near}")
    return found


def gvr_of(obj: JSON) -> GVR:
    """In the version that the object is written in."""
    _, version = split_api_version(str(obj["apiVersion"]))
    found = builtin_of(obj).gvr
    return GVR(found.group, version, found.resource)


def key_of(obj: JSON) -> Key | None:
    """Of an object as etcd holds it; None for a custom resource."""
    group, _ = split_api_version(str(obj.get("apiVersion", "")))
    found = _BY_KIND.get((group, str(obj.get("kind", ""))))
    metadata = obj.get("metadata") or {}
    if found is None or not metadata.get("name"):
        return None
    return Key(group, found.gvr.resource, str(metadata.get("namespace", "")), str(metadata["name"]))


def kind_of(key: Key) -> str:
    found = _BY_RESOURCE.get((key.group, key.resource))
    return found.kind if found is not None else key.resource
