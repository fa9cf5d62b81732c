"""The apiserver's own hands: what hooks, admission and bootstrap read and write, past authorization and admission."""

from __future__ import annotations

from typing import Final

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apimachinery.resources import GVR, join_key
from apiserver.registry.deletion import Options
from apiserver.registry.objects import ObjectStore
from apiserver.registry.request import JSON, Request, StoredObject, User
from apiserver.registry.resource import Resource, Resources
from apiserver.registry.store import NoAdmission, Registry, Write
from apiserver.registry.strategy import Context

SELF: Final = User("system:apiserver", ("system:masters",))


class InternalObjects:
    """Implements `registry.strategy.Objects`."""

    def __init__(self, resources: Resources, store: ObjectStore, clock: Clock) -> None:
        self._resources = resources
        self._store = store
        self._registry = Registry(store)
        self._clock = clock

    # --- reading the cache ---

    def get(self, gvr: GVR, namespace: str, name: str) -> JSON | None:
        resource = self._resources.stored(gvr)
        found = self._store.cached(resource, join_key(namespace, name)) if resource else None
        return found.tree if found else None

    def list(self, gvr: GVR, namespace: str = "") -> list[JSON]:
        resource = self._resources.stored(gvr)
        return [obj.tree for obj in self._store.cache(resource).range(namespace)] if resource else []

    # --- etcd ---

    async def fetch(self, gvr: GVR, namespace: str, name: str) -> JSON | None:
        resource = self._resources.stored(gvr)
        found = await self._store.fetch(resource, join_key(namespace, name)) if resource else None
        return found.tree if found else None

    async def create(self, gvr: GVR, obj: JSON) -> JSON:
        write = self._write(gvr)
        storage = write.resource.storage
        obj = {**obj, "apiVersion": storage.api_version, "kind": write.resource.kind}
        created = await self._registry.create(write, obj)
        assert isinstance(created, StoredObject)
        return created.tree

    async def delete(self, gvr: GVR, namespace: str, name: str) -> bool:
        write = self._write(gvr)
        while True:
            current = await self._store.fetch(write.resource, join_key(namespace, name))
            if current is None:
                return False
            if (await self._store.remove(write.resource, current)).succeeded:
                return True

    async def update(self, gvr: GVR, namespace: str, name: str, parts: JSON) -> None:
        """Set top-level fields of an object to these values. Raises ApiError NotFound."""

        async def produce(current: StoredObject) -> JSON:
            return {**current.copy(), **parts}

        await self._registry.update(self._write(gvr), join_key(namespace, name), produce)

    async def expire(self, gvr: GVR, obj: StoredObject) -> None:
        """Remove `obj` unless it has changed since."""
        write = self._write(gvr)
        await self._registry.delete(write, obj.key, Options(grace_seconds=0, resource_version=str(obj.revision)))

    def _write(self, gvr: GVR) -> Write:
        resource = self._require(gvr)
        ctx = Context(Request("create", gvr, SELF), resource.storage, self._clock.time(), self)
        return Write(resource, ctx, NoAdmission())

    def _require(self, gvr: GVR) -> Resource:
        resource = self._resources.stored(gvr)
        if resource is None:
            raise ApiError("NotFound", f"the server does not serve {gvr.resource}.{gvr.group}")
        return resource
