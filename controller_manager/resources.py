"""Which resources there are: the built-in ones, and those that CustomResourceDefinitions add."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from api.apiextensions import CustomResourceDefinition
from api.builtin import BUILTIN
from apimachinery.resources import GVR
from client.informer import Informer, InformerFactory
from controller_manager.pods import find_condition


class Resource(NamedTuple):
    gvr: GVR
    kind: str
    namespaced: bool


class Resources:
    """A view of the cache; always as new as that is."""

    def __init__(self, informers: InformerFactory) -> None:
        self._custom: Informer[CustomResourceDefinition] = informers.get(CustomResourceDefinition)
        self._builtin = [Resource(*one) for one in BUILTIN]
        self._kinds = {(one.gvr.group, one.kind): one for one in self._builtin}

    def all(self) -> list[Resource]:
        return self._builtin + self.custom()

    def custom(self) -> list[Resource]:
        return [found for crd in self._custom.list() if (found := _resource_of(crd)) is not None]

    def find(self, group: str, kind: str) -> Resource | None:
        """By what an owner reference says; its version does not matter, the objects are the same."""
        builtin = self._kinds.get((group, kind))
        return builtin or next((one for one in self.custom() if (one.gvr.group, one.kind) == (group, kind)), None)

    def on_change(self, handler: Callable[[], None]) -> None:
        self._custom.add_handler(lambda event: handler())


def _resource_of(crd: CustomResourceDefinition) -> Resource | None:
    """Its storage version if that is served, else any that is; None before it is established."""
    established = find_condition(crd.status.conditions, "Established")
    served = sorted((one for one in crd.spec.versions if one.served), key=lambda one: not one.storage)
    if established is None or established.status != "True" or not served:
        return None
    gvr = GVR(crd.spec.group, served[0].name, crd.spec.names.plural)
    return Resource(gvr, crd.spec.names.kind, crd.spec.scope == "Namespaced")
