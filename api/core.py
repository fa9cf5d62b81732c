"""The small kinds of core/v1: Namespace, ConfigMap, Secret, ServiceAccount, Event, Binding."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from api.meta import Condition, KubeObject, Struct
from apimachinery.resources import GVR


class NamespaceSpec(Struct, frozen=True):
    finalizers: tuple[str, ...] = ()


class NamespaceStatus(Struct, frozen=True):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()


class Namespace(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "namespaces")
    KIND: ClassVar[str] = "Namespace"

    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class ConfigMap(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "configmaps")
    KIND: ClassVar[str] = "ConfigMap"

    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}


class Secret(KubeObject, frozen=True):
    """`data` is base64, as on the wire."""

    RESOURCE: ClassVar[GVR] = GVR("", "v1", "secrets")
    KIND: ClassVar[str] = "Secret"

    type: str = ""
    data: dict[str, str] = {}


class ServiceAccount(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "serviceaccounts")
    KIND: ClassVar[str] = "ServiceAccount"


class Event(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "events")
    KIND: ClassVar[str] = "Event"

    reason: str = ""
    message: str = ""
    type: str = ""
    count: int = 0


class PersistentVolumeClaim(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "persistentvolumeclaims")
    KIND: ClassVar[str] = "PersistentVolumeClaim"


class ReplicationControllerSpec(Struct, frozen=True):
    replicas: int = 1
    min_ready_seconds: int = 0
    selector: dict[str, str] = {}
    template: msgspec.Raw = msgspec.Raw(b"{}")


class ReplicationControllerStatus(Struct, frozen=True):
    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class ReplicationController(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "replicationcontrollers")
    KIND: ClassVar[str] = "ReplicationController"

    spec: ReplicationControllerSpec = ReplicationControllerSpec()
    status: ReplicationControllerStatus = ReplicationControllerStatus()
