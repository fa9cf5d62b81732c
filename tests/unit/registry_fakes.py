"""A cluster's objects in memory, for hooks and plugins that read or claim others."""

from __future__ import annotations

import copy
from typing import Any

from apimachinery.errors import already_exists
from apimachinery.resources import GVR
from apimachinery.timestamps import format_time
from apiserver.registry.request import Request, User
from apiserver.registry.strategy import Context

JSON = dict[str, Any]
NOW = 1_800_000_000.0


class Objects:
    """Implements `registry.strategy.Objects`. `unseen` holds keys that are in etcd but not yet in the cache."""

    def __init__(self, *objects: tuple[GVR, JSON]) -> None:
        self.stored: dict[tuple[str, str, str, str], JSON] = {}
        self.unseen: set[tuple[str, str, str, str]] = set()
        for gvr, obj in objects:
            self.put(gvr, obj)

    def put(self, gvr: GVR, obj: JSON) -> None:
        self.stored[key(gvr, obj)] = obj

    def get(self, gvr: GVR, namespace: str, name: str) -> JSON | None:
        at = (gvr.group, gvr.resource, namespace, name)
        return None if at in self.unseen else self.stored.get(at)

    def list(self, gvr: GVR, namespace: str = "") -> list[JSON]:
        return [
            obj
            for at, obj in self.stored.items()
            if at[:2] == (gvr.group, gvr.resource) and namespace in ("", at[2]) and at not in self.unseen
        ]

    async def fetch(self, gvr: GVR, namespace: str, name: str) -> JSON | None:
        return self.stored.get((gvr.group, gvr.resource, namespace, name))

    async def create(self, gvr: GVR, obj: JSON) -> JSON:
        if key(gvr, obj) in self.stored:
            raise already_exists(gvr.group, gvr.resource, obj["metadata"]["name"])
        stored = copy.deepcopy(obj)
        stored["metadata"].setdefault("creationTimestamp", format_time(NOW))
        self.put(gvr, stored)
        return stored

    async def delete(self, gvr: GVR, namespace: str, name: str) -> bool:
        return self.stored.pop((gvr.group, gvr.resource, namespace, name), None) is not None

    def names(self, gvr: GVR) -> set[str]:
        return {str(obj["metadata"]["name"]) for obj in self.list(gvr)}


def key(gvr: GVR, obj: JSON) -> tuple[str, str, str, str]:
    return gvr.group, gvr.resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def context(gvr: GVR, objects: Objects | None = None, *, now: float = NOW, verb: str = "create") -> Context:
    return Context(Request(verb, gvr, User("ann")), gvr, now, objects or Objects())
