"""What the apiserver serves: each resource once, whichever of its versions a request names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from apimachinery.errors import ApiError
from apimachinery.resources import GVK, GVR
from apiserver.registry.strategy import Strategy
from apiserver.schema.node import Schema
from apiserver.schema.resources import ResourceInfo, version_rank
from apiserver.schema.store import SchemaStore
from apiserver.storage.keys import prefix_of

GroupResource = tuple[str, str]

ALIASES: Final[dict[GroupResource, GroupResource]] = {("events.k8s.io", "events"): ("", "events")}
"""Resources that are another one seen through a second group."""


UNSERVED: Final[dict[GVR, str]] = {GVR("internal.apiserver.k8s.io", "v1alpha1", "nodeports"): "NodePort"}
"""Resources that only the apiserver itself writes, with their kind; no URL leads to them."""

INTERNAL: Final = (
    ResourceInfo(
        GVR("internal.apiserver.k8s.io", "v1alpha1", "nodeports"), "NodePort", False, "nodeport", (), (), (), {}
    ),
)
"""Stored but never served: what the apiserver alone reads and writes."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: where it is stored, in which form, and by which rules."""

    storage: GVR
    """Group, resource, and the version it is stored in."""
    kind: str
    namespaced: bool
    prefix: str
    strategy: Strategy
    has_status: bool
    builtin: bool

    @property
    def group(self) -> str:
        return self.storage.group

    @property
    def name(self) -> str:
        return self.storage.resource


class Served(NamedTuple):
    """A resource through one of its versions."""

    resource: Resource
    info: ResourceInfo

    @property
    def gvk(self) -> GVK:
        return self.info.gvk


class Resources:
    """The table of all that is served. Custom resources come and go at run time."""

    def __init__(
        self, infos: Iterable[ResourceInfo], strategies: Mapping[GroupResource, Strategy], schemas: SchemaStore
    ) -> None:
        self._schemas = schemas
        self._strategies = strategies
        self._served: dict[GVR, Served] = {}
        self._stored: dict[GroupResource, Resource] = {}
        self._custom_schemas: dict[GVK, Schema] = {}
        self._add([info for info in infos if (info.gvr.group, info.gvr.resource) not in ALIASES])
        self._add_aliases(infos)
        for info in INTERNAL:
            self._stored[info.gvr.group, info.gvr.resource] = _resource([info], info, Strategy(), builtin=True)
        self._stored.update({(gvr.group, gvr.resource): _unserved(gvr, kind) for gvr, kind in UNSERVED.items()})

    def find(self, gvr: GVR) -> Served:
        """Raises ApiError 404 in the words of a URL that leads nowhere."""
        found = self._served.get(gvr)
        if found is None:
            raise ApiError("NotFound", "the server could not find the requested resource")
        return found

    def get(self, gvr: GVR) -> Served | None:
        return self._served.get(gvr)

    def stored(self, gvr: GVR) -> Resource | None:
        """The resource by any version of it, served or not: for the apiserver's own reading."""
        name = (gvr.group, gvr.resource)
        return self._stored.get(ALIASES.get(name, name))

    def everything(self) -> list[Served]:
        return list(self._served.values())

    def schema(self, gvk: GVK) -> Schema | None:
        return self._custom_schemas.get(gvk) or self._schemas.for_kind(gvk)

    def add_custom(
        self, infos: list[ResourceInfo], strategy: Strategy, storage: str, schemas: dict[GVK, Schema]
    ) -> None:
        """Serve a custom resource in these versions (all of one group and name), stored in version `storage`."""
        resource = _resource(infos, next(i for i in infos if i.gvr.version == storage), strategy, builtin=False)
        self.remove_custom(resource.group, resource.name)
        self._stored[resource.group, resource.name] = resource
        for info in infos:
            self._served[info.gvr] = Served(resource, info)
        self._custom_schemas.update(schemas)

    def remove_custom(self, group: str, name: str) -> None:
        self._stored.pop((group, name), None)
        for gvr in [gvr for gvr in self._served if (gvr.group, gvr.resource) == (group, name)]:
            self._custom_schemas.pop(self._served.pop(gvr).gvk, None)

    def _add(self, infos: list[ResourceInfo]) -> None:
        families: dict[GroupResource, list[ResourceInfo]] = {}
        for info in infos:
            families.setdefault((info.gvr.group, info.gvr.resource), []).append(info)
        for name, family in families.items():
            storage = min(family, key=lambda info: version_rank(info.gvr.version))
            resource = _resource(family, storage, self._strategies.get(name, Strategy()), builtin=True)
            self._stored[name] = resource
            self._served.update({info.gvr: Served(resource, info) for info in family})

    def _add_aliases(self, infos: Iterable[ResourceInfo]) -> None:
        for info in infos:
            target = ALIASES.get((info.gvr.group, info.gvr.resource))
            if target is not None:
                self._served[info.gvr] = Served(self._stored[target], info)


def _resource(family: list[ResourceInfo], storage: ResourceInfo, strategy: Strategy, *, builtin: bool) -> Resource:
    return Resource(
        storage=storage.gvr,
        kind=storage.kind,
        namespaced=storage.namespaced,
        prefix=prefix_of(storage.gvr.group, storage.gvr.resource, builtin=builtin),
        strategy=strategy,
        has_status=any("status" in info.subresources for info in family),
        builtin=builtin,
    )


def _unserved(gvr: GVR, kind: str) -> Resource:
    prefix = prefix_of(gvr.group, gvr.resource, builtin=False)
    return Resource(gvr, kind, False, prefix, Strategy(), has_status=False, builtin=True)
