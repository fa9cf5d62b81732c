"""What every object has, and how a Python name becomes the API's: `pod_ip` -> `podIP`.

Components read objects as frozen Structs of only the fields they use; unknown fields are ignored on decoding, so a
Struct is a *view* and must never be written back whole (see `client.api`).
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import msgspec

from apimachinery.resources import GVR, join_key

_ACRONYMS = {
    "ip": "IP",
    "ips": "IPs",
    "id": "ID",
    "cidr": "CIDR",
    "cidrs": "CIDRs",
    "pid": "PID",
    "ipc": "IPC",
    "api": "API",
    "fqdn": "FQDN",
    "uuid": "UUID",
    "urls": "URLs",
}


def json_name(name: str) -> str:
    """The API's name of a field: camel case, with its acronyms in capitals except in first place."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=json_name):
    """A frozen view of a JSON object."""


class OwnerReference(Struct, frozen=True):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Struct, frozen=True):
    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()


class KubeObject(Struct, frozen=True):
    """Base of every kind. A subclass sets RESOURCE and KIND."""

    RESOURCE: ClassVar[GVR]
    KIND: ClassVar[str]

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def uid(self) -> str:
        return self.metadata.uid

    @property
    def key(self) -> str:
        """`namespace/name`, or `name` for what has no namespace: the form of work queue keys."""
        return join_key(self.metadata.namespace, self.metadata.name)


T = TypeVar("T", bound=KubeObject)


class LabelSelectorRequirement(Struct, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Struct, frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class Condition(Struct, frozen=True):
    """Any of the API's condition types; fields that a kind lacks stay empty."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    last_update_time: str | None = None
    last_heartbeat_time: str | None = None
    last_probe_time: str | None = None
    observed_generation: int | None = None


def controller_of(meta: ObjectMeta) -> OwnerReference | None:
    """The one owner that manages the object, if any."""
    return next((ref for ref in meta.owner_references if ref.controller), None)


def owner_reference(owner: KubeObject) -> dict[str, Any]:
    """A controlling owner reference to `owner`, as JSON."""
    return {
        "apiVersion": owner.RESOURCE.api_version,
        "kind": owner.KIND,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
