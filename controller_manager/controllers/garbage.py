"""Garbage collector: deletes what its owners have left behind, and minds how owners want to go.

Watches: every kind, by metadata alone: bodies are decoded only of objects on their way out. Owns: nothing. Writes:
deletes objects whose owners are all gone, owner references to owners that are gone, the finalizers `orphan` and
`foregroundDeletion`.
Invariant: an owner counts as gone, or as waiting for its dependents to go, only if a look at the apiserver says so, uid
included; an object is deleted only at the uid it was judged by.
Source of the rules: pkg/controller/garbagecollector, "Owners and Dependents", Kubernetes v1.36.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from api.meta import KubeObject
from apimachinery.errors import ApiError
from apimachinery.resources import GVR, split_api_version
from client.decode import decode
from client.reflector import Reflector
from controller_manager.batches import for_all
from controller_manager.context import Context, Managed
from controller_manager.controllers.garbage_graph import Graph, Node, Owner
from controller_manager.decisions import count, decide, each, wait
from controller_manager.limits import GC_UNKNOWN_KIND_SECONDS, POD_WORKERS
from controller_manager.resources import Resource, Resources
from proto import api_pb2
from wire.trace import note

_log = logging.getLogger(__name__)
JSON = dict[str, Any]

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
_IGNORED: Final = frozenset((("", "events"), ("events.k8s.io", "events")))
"""Nothing owns them and they own nothing, and there are many."""


# --- decide ----------------------------------------------------------------------------------------------------------


class State(Enum):
    """How an owner stands to its dependent."""

    SOLID = "solid"
    WAITING = "waiting"
    """It is there, but waits for its dependents to go."""
    ABSENT = "absent"


@dataclass(frozen=True)
class DropOwners:
    """Some owner keeps the object alive; the others need no longer be named."""

    uids: frozenset[str]

    def __str__(self) -> str:
        return f"drop {count(len(self.uids), 'owner')}"


@dataclass(frozen=True)
class DeleteObject:
    policy: str

    def __str__(self) -> str:
        return f"delete, {self.policy}"


Action = DropOwners | DeleteObject


def plan(node: Node, states: dict[str, State], *, has_dependents: bool) -> Action | None:
    """What becomes of an object, given how its owners stand (by uid)."""
    if not states:
        return None
    gone = frozenset(uid for uid, state in states.items() if state is not State.SOLID)
    if len(gone) < len(states):
        return DropOwners(gone) if gone else None
    if State.WAITING in states.values() and has_dependents:
        return DeleteObject("Foreground")  # its owner waits for it, so it waits for its own
    return DeleteObject("Orphan" if node.orphaning else "Foreground" if node.foreground else "Background")


# --- observe ---------------------------------------------------------------------------------------------------------


class ResourceMirror:
    """Feeds one resource's objects into the graph."""

    def __init__(self, collector: GarbageCollector, gvr: GVR) -> None:
        self._collector = collector
        self._gvr = gvr
        self._uids: dict[str, str] = {}
        self.synced = asyncio.Event()

    def upsert(self, obj: api_pb2.Object) -> None:
        node = node_of(self._gvr, obj)
        before = self._uids.get(node.where)
        if before is not None and before != obj.uid:
            self._collector.object_gone(before)
        self._uids[node.where] = obj.uid
        self._collector.object_seen(node)

    def remove(self, obj: api_pb2.Object) -> None:
        key = f"{obj.namespace}/{obj.name}" if obj.namespace else obj.name
        self._uids.pop(key, None)
        self._collector.object_gone(obj.uid)

    def listed(self, keys: set[str]) -> None:
        for key in self._uids.keys() - keys:
            self._collector.object_gone(self._uids.pop(key))
        self.synced.set()


def node_of(gvr: GVR, obj: api_pb2.Object) -> Node:
    owners = tuple(
        Owner(one.api_version, one.kind, one.name, one.uid, one.controller, one.block_owner_deletion)
        for one in obj.owner_references
    )
    node = Node(obj.uid, gvr, obj.namespace, obj.name, obj.resource_version, owners)
    # Only of an object with a time of deletion is more to be known than what crosses typed.
    if b'"deletionTimestamp"' in obj.raw:
        metadata = decode(KubeObject, obj).metadata
        node.deleting = metadata.deletion_timestamp is not None
        node.foreground = node.deleting and FOREGROUND in metadata.finalizers
        node.orphaning = node.deleting and ORPHAN in metadata.finalizers
    return node


class GarbageCollector:
    name = "garbage-collector"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._api = context.api
        self._resources = Resources(context.informers)
        self._graph = Graph()
        self._mirrors = {one.gvr: ResourceMirror(self, one.gvr) for one in self._wanted()}
        self._changed = asyncio.Event()
        self.queue = context.queue(self.name)
        self._resources.on_change(self._changed.set)

    def object_seen(self, node: Node) -> None:
        old = self._graph.put(node)
        if old is None or _standing(old) != _standing(node):
            self.queue.add(node.uid)
        for owner in (owner for owner in old.owners if owner not in node.owners) if old is not None else ():
            self._wake_waiting_owner(owner.uid)
        if node.deleting and not (old is not None and old.deleting):
            for owner in node.owners:
                self._wake_waiting_owner(owner.uid)

    def object_gone(self, uid: str) -> None:
        node = self._graph.get(uid)
        if node is None:
            return
        for dependent in self._graph.remove(uid):
            self.queue.add(dependent)
        for owner in node.owners:
            self._wake_waiting_owner(owner.uid)

    def _wake_waiting_owner(self, uid: str) -> None:
        owner = self._graph.get(uid)
        if owner is not None and owner.foreground:
            self.queue.add(uid)

    async def follow_resources(self) -> None:
        """One reflector per resource; those of resources that come or go start and stop."""
        running: dict[GVR, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                wanted = {one.gvr for one in self._wanted()}
                for gvr in wanted - running.keys():
                    running[gvr] = group.create_task(self._reflector(gvr).run())
                for gvr in running.keys() - wanted:
                    running.pop(gvr).cancel()
                    self._mirrors.pop(gvr).listed(set())
                await self._changed.wait()

    def _wanted(self) -> list[Resource]:
        return [one for one in self._resources.all() if (one.gvr.group, one.gvr.resource) not in _IGNORED]

    def _reflector(self, gvr: GVR) -> Reflector:
        mirror = self._mirrors.setdefault(gvr, ResourceMirror(self, gvr))
        return Reflector(self._api, gvr, self._context.seams, mirror)

    async def wait_synced(self) -> None:
        """Before that, "no dependents" could mean "none seen yet"."""
        for mirror in list(self._mirrors.values()):
            await mirror.synced.wait()

    # --- act ---------------------------------------------------------------------------------------------------------

    async def reconcile(self, key: str) -> float | None:
        """`key` is a uid."""
        node = self._graph.get(key)
        if node is None or node.virtual:
            return None
        note(object=node.where)
        if node.orphaning:
            return await self._orphan_dependents(node)
        if node.foreground:
            return await self._finish_foreground(node)
        if node.deleting or not node.owners:
            return None
        return await self._judge(node)

    async def _judge(self, node: Node) -> float | None:
        states: dict[str, State] = {}
        for owner in node.owners:
            state = await self._state_of(node, owner)
            if state is None:
                decide(wait(GC_UNKNOWN_KIND_SECONDS), why=f"the kind of owner {owner.kind} {owner.name} is unknown")
                return GC_UNKNOWN_KIND_SECONDS
            states[owner.uid] = state
        action = plan(node, states, has_dependents=bool(node.dependents))
        decide(action or "", why=", ".join(f"owner {one.name} is {states[one.uid].value}" for one in node.owners))
        if isinstance(action, DropOwners):
            await self._patch_owners(node, [owner for owner in node.owners if owner.uid not in action.uids])
        elif action is not None:
            await self._unblock_cycle(node, action)
            await self._delete(node, action.policy)
        return None

    async def _state_of(self, node: Node, owner: Owner) -> State | None:
        """None if the owner's kind is not known (yet): then nothing may be concluded.

        Memory will do for an owner that is well. Any other costs its dependent something that nobody can give back, and
        what is remembered of it may be of a past that a restore of etcd has undone: so it is looked at.
        """
        known = self._graph.get(owner.uid)
        if known is not None and not known.virtual and not known.foreground:
            return State.SOLID
        resource = self._resources.find(split_api_version(owner.api_version)[0], owner.kind)
        if resource is None:
            _log.info("owner %s %s of %s: unknown kind", owner.kind, owner.name, node.where)
            return None
        if resource.namespaced and not node.namespace:
            _log.warning("%s names owner %s %s, which lives in a namespace", node.where, owner.kind, owner.name)
            return None
        return await self._look(resource, node.namespace, owner)

    async def _look(self, resource: Resource, namespace: str, owner: Owner) -> State:
        try:
            found = await self._api.get_object(resource.gvr, owner.name, namespace if resource.namespaced else "")
        except ApiError as error:
            if error.code == 404:
                return State.ABSENT
            raise
        if found.uid != owner.uid:
            return State.ABSENT
        return State.WAITING if node_of(resource.gvr, found).foreground else State.SOLID

    async def _delete(self, node: Node, policy: str) -> None:
        assert node.gvr is not None
        options = {"preconditions": {"uid": node.uid}, "propagationPolicy": policy}
        try:
            await self._api.delete_raw(node.gvr, node.name, namespace=node.namespace, options=options)
        except ApiError as error:
            if error.code == 404:
                self.object_gone(node.uid)
            elif error.reason == "Conflict":
                return  # another object has the name by now; its own events tell
            else:
                raise

    async def _unblock_cycle(self, node: Node, action: DeleteObject) -> None:
        """Owners that wait for each other would wait for ever: one of them stops blocking."""
        if action.policy != "Foreground" or not any(one.foreground for one in self._graph.dependents(node)):
            return
        if any(owner.block for owner in node.owners):
            await self._patch_owners(node, [owner._replace(block=False) for owner in node.owners])

    async def _finish_foreground(self, node: Node) -> float | None:
        """Gone are all that block it: so may it. Else have them go."""
        blocking = [
            one for one in self._graph.dependents(node) if any(o.uid == node.uid and o.block for o in one.owners)
        ]
        if not blocking:
            decide(f"remove finalizer {FOREGROUND}", why="no dependent blocks it")
            await self._remove_finalizer(node, FOREGROUND)
        else:
            decide(why=each("it waits for", (one.name for one in blocking)))
        for one in blocking:
            if not one.deleting:
                self.queue.add(one.uid)
        return None

    async def _orphan_dependents(self, node: Node) -> float | None:
        async def release(dependent: Node) -> None:
            await self._patch_owners(dependent, [owner for owner in dependent.owners if owner.uid != node.uid])

        dependents = self._graph.dependents(node)
        decide(each("orphan", (one.name for one in dependents)), f"remove finalizer {ORPHAN}")
        failure = await for_all(dependents, release)
        if failure is not None:
            raise failure
        await self._remove_finalizer(node, ORPHAN)
        return None

    async def _patch_owners(self, node: Node, owners: list[Owner]) -> None:
        assert node.gvr is not None
        references = [_reference(owner) for owner in owners] or None
        patch = {"metadata": {"uid": node.uid, "resourceVersion": str(node.revision), "ownerReferences": references}}
        try:
            await self._api.patch_raw(node.gvr, node.name, patch, namespace=node.namespace)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _remove_finalizer(self, node: Node, finalizer: str) -> None:
        assert node.gvr is not None
        try:
            tree = await self._api.get_raw(node.gvr, node.name, node.namespace)
            meta = tree["metadata"]
            if meta["uid"] != node.uid or finalizer not in meta.get("finalizers", ()):
                return
            kept = [name for name in meta["finalizers"] if name != finalizer] or None
            patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": kept}}
            await self._api.patch_raw(node.gvr, node.name, patch, namespace=node.namespace)
        except ApiError as error:
            if error.code != 404:
                raise


def _standing(node: Node) -> tuple[Any, ...]:
    """What a judgement depends on."""
    return node.virtual, node.owners, node.deleting, node.foreground, node.orphaning


def _reference(owner: Owner) -> JSON:
    reference: JSON = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
    if owner.controller:
        reference["controller"] = True
    if owner.block:
        reference["blockOwnerDeletion"] = True
    return reference


def build(context: Context) -> Managed:
    collector = GarbageCollector(context)
    return Managed(collector, collector.queue, POD_WORKERS, (collector.follow_resources,), ready=collector.wait_synced)
