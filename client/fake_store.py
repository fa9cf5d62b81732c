"""The store of the in-memory apiserver: trees by resource and key, one revision counter, a bounded history."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.builtin import KINDS
from apimachinery import json_patch, merge_patch, names, strategic_merge
from apimachinery.clock import Clock
from apimachinery.errors import already_exists, bad_request, conflict, not_found
from apimachinery.resources import GVR, join_key
from apimachinery.timestamps import format_time
from client.api import PatchType
from client.limits import FAKE_HISTORY
from proto import api_pb2

JSON = dict[str, Any]
_SERVER_OWNED = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
_NOT_SPEC = ("metadata", "status", "apiVersion", "kind")


@dataclass(frozen=True)
class Change:
    """One revision of one object; `old` is the tree it replaced. Trees are never changed once stored."""

    resource: tuple[str, str]
    revision: int
    tree: JSON
    old: JSON | None = None
    deleted: bool = False
    writer: str = ""
    traceparent: str = ""


class FakeStore:
    def __init__(self, clock: Clock, writer: str) -> None:
        self._clock = clock
        self._writer = writer
        self._objects: dict[tuple[str, str], dict[str, Change]] = {}
        self._history: deque[Change] = deque(maxlen=FAKE_HISTORY)
        self._uids = itertools.count(1)
        self.revision = 1
        self.compacted = 0
        self.listeners: list[Callable[[Change], None]] = []

    # --- reads -------------------------------------------------------------------------------------------------------

    def read(self, resource: api_pb2.Resource, namespace: str, name: str) -> Change:
        found = self._of(resource).get(join_key(namespace, name))
        if found is None:
            raise not_found(resource.group, resource.resource, name)
        return found

    def all(self, resource: api_pb2.Resource) -> list[Change]:
        return [change for _, change in sorted(self._of(resource).items())]

    def trees(self, gvr: GVR) -> list[JSON]:
        """What is stored of a resource, in order of key, for tests to look at."""
        return [change.tree for _, change in sorted(self._objects.get((gvr.group, gvr.resource), {}).items())]

    def since(self, revision: int) -> list[Change]:
        return [change for change in self._history if change.revision > revision]

    def compact(self) -> None:
        self.revision += 1
        self.compacted = self.revision
        self._history.clear()

    def restore(self, revision: int, objects: dict[tuple[str, str], dict[str, Change]]) -> None:
        """Be as it was when `snapshot` gave this; who watches from a later revision gets 410."""
        self.compacted = self.revision + 1
        self.revision, self._objects = revision, objects
        self._history.clear()

    def snapshot(self) -> tuple[int, dict[tuple[str, str], dict[str, Change]]]:
        return self.revision, {resource: dict(changes) for resource, changes in self._objects.items()}

    # --- writes ------------------------------------------------------------------------------------------------------

    def create(self, resource: api_pb2.Resource, namespace: str, body: JSON, traceparent: str) -> Change:
        tree = merge_patch.clone(body)
        meta: JSON = tree.setdefault("metadata", {})
        if not meta.get("name"):
            if not meta.get("generateName"):
                raise bad_request("name or generateName is required")
            meta["name"] = names.generate_name(meta["generateName"])
        if namespace:
            meta["namespace"] = namespace
        if join_key(namespace, meta["name"]) in self._of(resource):
            raise already_exists(resource.group, resource.resource, meta["name"])
        tree.setdefault("apiVersion", _api_version(resource))
        tree.setdefault("kind", KINDS.get((resource.group, resource.resource), ""))
        meta["uid"] = f"00000000-0000-0000-0000-{next(self._uids):012x}"
        meta["creationTimestamp"] = format_time(self._clock.time())
        meta["generation"] = 1
        _prepare(resource, tree)
        return self._commit(resource, tree, None, traceparent)

    def update(
        self, resource: api_pb2.Resource, namespace: str, name: str, body: JSON, subresource: str, traceparent: str
    ) -> Change:
        old = self.read(resource, namespace, name).tree
        return self._replace(resource, old, merge_patch.clone(body), subresource, traceparent)

    def patch(
        self,
        resource: api_pb2.Resource,
        namespace: str,
        name: str,
        patch: Any,
        patch_type: PatchType,
        subresource: str,
        traceparent: str,
    ) -> Change:
        old = self.read(resource, namespace, name).tree
        if patch_type is PatchType.JSON:
            new = json_patch.apply(merge_patch.clone(old), patch)
        elif patch_type is PatchType.STRATEGIC:
            new = strategic_merge.apply(old, patch, None)
        else:
            new = merge_patch.apply(old, patch)
        return self._replace(resource, old, merge_patch.clone(new), subresource, traceparent)

    def bind(self, resource: api_pb2.Resource, namespace: str, name: str, body: JSON, traceparent: str) -> Change:
        old = self.read(resource, namespace, name).tree
        if old.get("spec", {}).get("nodeName"):
            raise conflict(
                "", "pods/binding", name, f'pod {name} is already assigned to node "{old["spec"]["nodeName"]}"'
            )
        tree = merge_patch.clone(old)
        tree.setdefault("spec", {})["nodeName"] = body["target"]["name"]
        now = format_time(self._clock.time())
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now}
        status = tree.setdefault("status", {})
        others = [one for one in status.get("conditions", ()) if one["type"] != "PodScheduled"]
        status["conditions"] = [*others, scheduled]
        return self._commit(resource, tree, old, traceparent)

    def delete(self, resource: api_pb2.Resource, namespace: str, name: str, options: JSON, traceparent: str) -> Change:
        old = self.read(resource, namespace, name).tree
        _check_preconditions(resource, old, options.get("preconditions") or {})
        tree = merge_patch.clone(old)
        meta = tree["metadata"]
        _add_propagation_finalizer(meta, options.get("propagationPolicy"))
        grace = _grace_seconds(resource, tree, options)
        if _stays(tree, grace):
            shorter = grace < meta.get("deletionGracePeriodSeconds", grace + 1)
            if shorter:
                meta["deletionTimestamp"] = format_time(self._clock.time() + grace)
                meta["deletionGracePeriodSeconds"] = grace
            if resource.resource == "namespaces":
                tree.setdefault("status", {})["phase"] = "Terminating"
            return (
                self._commit(resource, tree, old, traceparent) if tree != old else self.read(resource, namespace, name)
            )
        return self._remove(resource, tree, old, traceparent)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _of(self, resource: api_pb2.Resource) -> dict[str, Change]:
        return self._objects.setdefault((resource.group, resource.resource), {})

    def _replace(self, resource: api_pb2.Resource, old: JSON, new: JSON, subresource: str, traceparent: str) -> Change:
        meta, before = new["metadata"], old["metadata"]
        if meta.get("resourceVersion") not in (None, "", before["resourceVersion"]):
            raise conflict(resource.group, resource.resource, before["name"])
        if meta.get("uid", before["uid"]) != before["uid"]:
            raise conflict(
                resource.group, resource.resource, before["name"], "Precondition failed: UID in precondition"
            )
        tree = _merged(old, new, subresource)
        for name in _SERVER_OWNED:
            tree["metadata"].pop(name, None)
            if name in before:
                tree["metadata"][name] = before[name]
        tree["metadata"]["resourceVersion"] = before["resourceVersion"]
        if _spec_of(tree) != _spec_of(old):
            tree["metadata"]["generation"] = before.get("generation", 1) + 1
        if "deletionTimestamp" in before and not _stays(tree, before.get("deletionGracePeriodSeconds", 0)):
            return self._remove(resource, tree, old, traceparent)
        if tree == old:
            return self.read(resource, before.get("namespace", ""), before["name"])
        return self._commit(resource, tree, old, traceparent)

    def _commit(self, resource: api_pb2.Resource, tree: JSON, old: JSON | None, traceparent: str) -> Change:
        change = self._change(resource, tree, old, traceparent)
        self._of(resource)[_key(tree)] = change
        self._publish(change)
        return change

    def _remove(self, resource: api_pb2.Resource, tree: JSON, old: JSON, traceparent: str) -> Change:
        change = self._change(resource, tree, old, traceparent, deleted=True)
        del self._of(resource)[_key(tree)]
        self._publish(change)
        return change

    def _change(
        self, resource: api_pb2.Resource, tree: JSON, old: JSON | None, traceparent: str, *, deleted: bool = False
    ) -> Change:
        self.revision += 1
        tree["metadata"]["resourceVersion"] = str(self.revision)
        where = (resource.group, resource.resource)
        return Change(where, self.revision, tree, old, deleted, self._writer, traceparent)

    def _publish(self, change: Change) -> None:
        self._history.append(change)
        for listener in self.listeners:
            listener(change)


def _key(tree: JSON) -> str:
    return join_key(tree["metadata"].get("namespace", ""), tree["metadata"]["name"])


def _api_version(resource: api_pb2.Resource) -> str:
    return GVR(resource.group, resource.version, resource.resource).api_version


def _prepare(resource: api_pb2.Resource, tree: JSON) -> None:
    """The few defaults without which nothing works."""
    if resource.resource == "namespaces":
        tree.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        tree.setdefault("status", {}).setdefault("phase", "Active")
    if resource.resource == "pods":
        tree.setdefault("status", {}).setdefault("phase", "Pending")


def _merged(old: JSON, new: JSON, subresource: str) -> JSON:
    """`new`, as far as the subresource lets it change `old`."""
    if subresource == "status":
        return {**old, "status": new.get("status", {}), "metadata": dict(old["metadata"])}
    if subresource == "finalize":
        return {**old, "spec": new.get("spec", {}), "metadata": dict(old["metadata"])}
    if subresource == "scale":
        spec = {**old.get("spec", {}), "replicas": new.get("spec", {}).get("replicas", 0)}
        return {**old, "spec": spec, "metadata": dict(old["metadata"])}
    tree = {**new, "metadata": dict(new["metadata"])}
    tree.pop("status", None)
    return {**tree, "status": old["status"]} if "status" in old else tree


def _spec_of(tree: JSON) -> JSON:
    return {name: value for name, value in tree.items() if name not in _NOT_SPEC}


def _check_preconditions(resource: api_pb2.Resource, tree: JSON, preconditions: JSON) -> None:
    meta = tree["metadata"]
    for name, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = preconditions.get(name)
        if wanted is not None and wanted != meta[name]:
            why = f"Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {meta[name]}"
            raise conflict(resource.group, resource.resource, meta["name"], why)


def _add_propagation_finalizer(meta: JSON, policy: str | None) -> None:
    finalizer = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}.get(policy or "")
    present = [
        one for one in meta.get("finalizers", ()) if policy is None or one not in ("orphan", "foregroundDeletion")
    ]
    if finalizer:
        present.append(finalizer)
    if present or "finalizers" in meta:
        meta["finalizers"] = present


def _grace_seconds(resource: api_pb2.Resource, tree: JSON, options: JSON) -> int:
    """Only pods that a node has to stop get time to do it."""
    spec, phase = tree.get("spec", {}), tree.get("status", {}).get("phase")
    if resource.resource != "pods" or not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    asked = options.get("gracePeriodSeconds")
    return int(spec.get("terminationGracePeriodSeconds", 30) if asked is None else asked)


def _stays(tree: JSON, grace: int) -> bool:
    return bool(grace or tree["metadata"].get("finalizers") or (tree.get("spec") or {}).get("finalizers"))
