"""Namespace: empties a namespace that is being deleted, then lets it go.

Watches: Namespaces, Pods (to go on as soon as the last has ended), CustomResourceDefinitions. Owns: nothing. Writes:
deletes everything in a namespace on its way out, `namespaces/status`, and removes the finalizer `kubernetes`.
Invariant: the finalizer goes only after a look at every kind of resource found nothing left. Pods go before all else,
so that nothing they use is taken from under them.
Source of the rules: pkg/controller/namespace/deletion and KEP-5080 (ordered deletion), Kubernetes v1.36.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from api.core import Namespace
from api.meta import Condition, KubeObject
from apimachinery.errors import ApiError, qualified
from apimachinery.resources import GVR
from apimachinery.timestamps import format_time
from client.decode import decode
from client.informer import Event
from controller_manager.batches import for_all
from controller_manager.conditions import set_condition, status_patch
from controller_manager.context import Context, Managed
from controller_manager.decisions import decide, wait
from controller_manager.limits import NAMESPACE_RETRY_SECONDS
from controller_manager.pods import PodView
from controller_manager.resources import Resource, Resources
from proto import api_pb2

JSON = dict[str, Any]

FINALIZER: Final = "kubernetes"
_PODS: Final = PodView.RESOURCE
_SKIPPED: Final = frozenset((("events.k8s.io", "events"),))
"""A second name for what another group serves."""


@dataclass(frozen=True)
class Remains:
    """What is left of a namespace's content."""

    counts: Mapping[GVR, int] = field(default_factory=dict)
    finalizers: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not self.counts and not self.failures


class _Row(NamedTuple):
    """One condition: `trouble` is its message if it is true, and empty if not."""

    type: str
    trouble: str
    reason: str
    good_reason: str
    good: str


def _rows(remains: Remains) -> tuple[_Row, ...]:
    counts = ", ".join(
        f"{qualified(gvr.group, gvr.resource)} has {count} resource instances"
        for gvr, count in sorted(remains.counts.items(), key=lambda item: item[0].resource)
    )
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(remains.finalizers.items()))
    failures = "; ".join(remains.failures)
    return (
        _Row(
            "NamespaceDeletionDiscoveryFailure",
            "",
            "DiscoveryFailed",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        _Row(
            "NamespaceDeletionGroupVersionParsingFailure",
            "",
            "GroupVersionParsingFailed",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        _Row(
            "NamespaceDeletionContentFailure",
            failures and f"Failed to delete all resource types, {len(remains.failures)} remaining: {failures}",
            "ContentDeletionFailed",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        _Row(
            "NamespaceContentRemaining",
            counts and f"Some resources are remaining: {counts}",
            "SomeResourcesRemain",
            "ContentRemoved",
            "All content successfully removed",
        ),
        _Row(
            "NamespaceFinalizersRemaining",
            held and f"Some content in the namespace has finalizers remaining: {held}",
            "SomeFinalizersRemain",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    )


def _told(remains: Remains) -> str:
    return f"remove finalizer {FINALIZER}" if remains.nothing else wait(NAMESPACE_RETRY_SECONDS)


def compute_conditions(present: tuple[Condition, ...], remains: Remains, now: float) -> tuple[Condition, ...]:
    """The five conditions that say why a namespace is still there."""
    for row in _rows(remains):
        new = Condition(
            type=row.type,
            status="True" if row.trouble else "False",
            reason=row.reason if row.trouble else row.good_reason,
            message=row.trouble or row.good,
            last_transition_time=format_time(now),
        )
        present = _with(present, new)
    return present


def _with(present: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    """Messages name what is left, so they change while the reason stays."""
    updated = set_condition(present, new)
    return tuple(msgspec.structs.replace(one, message=new.message) if one.type == new.type else one for one in updated)


class NamespaceController:
    name = "namespace"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._clock = context.clock
        self._namespaces = context.informers.get(Namespace)
        self._resources = Resources(context.informers)
        self.queue = context.queue(self.name)
        self._namespaces.add_handler(self._on_namespace)
        context.pods.add_handler(self._on_pod)

    def _on_namespace(self, event: Event[Namespace]) -> None:
        if event.new is not None and event.new.metadata.deletion_timestamp is not None:
            self.queue.add(event.new.name)

    def _on_pod(self, event: Event[PodView]) -> None:
        namespace = self._namespaces.get(event.object.namespace)
        if event.type == "DELETED" and namespace is not None and namespace.metadata.deletion_timestamp is not None:
            self.queue.add(namespace.name)

    async def reconcile(self, key: str) -> float | None:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.metadata.deletion_timestamp is None:
            return None
        if FINALIZER not in namespace.spec.finalizers:
            decide(why="others hold it")
            return None
        remains = await self._empty(key)
        decide(_told(remains), why="; ".join(row.trouble for row in _rows(remains) if row.trouble))
        if remains.nothing:
            await self._finalize(namespace)
            return None
        await self._report(namespace, remains)
        return NAMESPACE_RETRY_SECONDS

    async def _empty(self, namespace: str) -> Remains:
        """Delete everything, pods first; gives what is still there."""
        resources = [one for one in self._resources.all() if one.namespaced]
        wanted = [one for one in resources if (one.gvr.group, one.gvr.resource) not in _SKIPPED]
        pods = await self._empty_all(namespace, [one for one in wanted if one.gvr == _PODS])
        if not pods.nothing:
            return pods
        return await self._empty_all(namespace, [one for one in wanted if one.gvr != _PODS])

    async def _empty_all(self, namespace: str, resources: list[Resource]) -> Remains:
        looks = await asyncio.gather(*(self._empty_one(namespace, one.gvr) for one in resources))
        counts: dict[GVR, int] = {}
        finalizers: dict[str, int] = {}
        failures: list[str] = []
        for resource, (left, failure) in zip(resources, looks, strict=True):
            if left:
                counts[resource.gvr] = len(left)
            if failure is not None:
                failures.append(failure.message)
            for name in (name for obj in left for name in decode(KubeObject, obj).metadata.finalizers):
                finalizers[name] = finalizers.get(name, 0) + 1
        return Remains(counts, finalizers, tuple(failures))

    async def _empty_one(self, namespace: str, gvr: GVR) -> tuple[list[api_pb2.Object], ApiError | None]:
        """Delete what there is of one resource, then look what stayed."""
        try:
            found, _ = await self._api.list_objects(gvr, namespace=namespace)
            if not found:
                return [], None
            failure = await for_all(found, lambda obj: self._delete(gvr, obj))
            left, _ = await self._api.list_objects(gvr, namespace=namespace)
        except ApiError as error:
            # A resource that is not served has no objects.
            return [], None if error.code == 404 else error
        return left, failure

    async def _delete(self, gvr: GVR, obj: api_pb2.Object) -> None:
        options = {"propagationPolicy": "Background", "preconditions": {"uid": obj.uid}}
        try:
            await self._api.delete_raw(gvr, obj.name, namespace=obj.namespace, options=options)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    async def _report(self, namespace: Namespace, remains: Remains) -> None:
        conditions = compute_conditions(namespace.status.conditions, remains, self._clock.time())
        status = msgspec.structs.replace(namespace.status, phase="Terminating", conditions=conditions)
        patch = status_patch(namespace.status, status)
        if patch:
            await self._api.patch(Namespace, namespace.name, patch, subresource="status")

    async def _finalize(self, namespace: Namespace) -> None:
        try:
            tree = await self._api.get_raw(Namespace.RESOURCE, namespace.name)
            if tree["metadata"]["uid"] != namespace.uid:
                return
            kept = [name for name in tree["spec"].get("finalizers", ()) if name != FINALIZER]
            tree["spec"]["finalizers"] = kept
            await self._api.update_raw(Namespace.RESOURCE, tree, subresource="finalize")
        except ApiError as error:
            if error.code != 404:
                raise


def build(context: Context) -> Managed:
    controller = NamespaceController(context)
    return Managed(controller, controller.queue)
