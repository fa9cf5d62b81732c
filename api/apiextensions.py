"""CustomResourceDefinition, apiextensions.k8s.io/v1: as much as it takes to know which resources it adds."""

from __future__ import annotations

from typing import ClassVar

from api.meta import Condition, KubeObject, Struct
from apimachinery.resources import GVR


class CustomResourceNames(Struct, frozen=True):
    plural: str = ""
    kind: str = ""


class CustomResourceVersion(Struct, frozen=True):
    name: str = ""
    served: bool = False
    storage: bool = False


class CustomResourceDefinitionSpec(Struct, frozen=True):
    group: str = ""
    scope: str = ""
    names: CustomResourceNames = CustomResourceNames()
    versions: tuple[CustomResourceVersion, ...] = ()


class CustomResourceDefinitionStatus(Struct, frozen=True):
    conditions: tuple[Condition, ...] = ()


class CustomResourceDefinition(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    KIND: ClassVar[str] = "CustomResourceDefinition"

    spec: CustomResourceDefinitionSpec = CustomResourceDefinitionSpec()
    status: CustomResourceDefinitionStatus = CustomResourceDefinitionStatus()
