"""Which pods a pod without constraints of its own is spread against: those of its Services and its controller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from api.apps import ReplicaSet, StatefulSet
from api.core import ReplicationController
from api.pod import Pod
from apimachinery.selectors import NOTHING, LabelSelector, from_labels
from scheduler.pod_terms import Labels, parse

_CONTROLLERS: Final = {
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "ReplicationController": "v1",
}
"""Kinds whose selector counts, and their API version."""


class DefaultSelectors:
    """Bounded by the cluster's Services and controllers."""

    def __init__(self) -> None:
        self._services: defaultdict[str, dict[str, Labels]] = defaultdict(dict)
        self._controllers: dict[tuple[str, str, str], LabelSelector] = {}

    def set_service(self, namespace: str, name: str, selector: Mapping[str, str] | None) -> None:
        """Without a selector, or None: it selects no pods, or is gone."""
        if selector:
            self._services[namespace][name] = selector
        else:
            self._services[namespace].pop(name, None)
            if not self._services[namespace]:
                del self._services[namespace]

    def set_controller(
        self, kind: str, namespace: str, name: str, controller: ReplicaSet | StatefulSet | ReplicationController | None
    ) -> None:
        """None: it is gone."""
        if controller is None:
            self._controllers.pop((kind, namespace, name), None)
        elif isinstance(controller, ReplicationController):
            self._controllers[kind, namespace, name] = from_labels(controller.spec.selector)
        else:
            self._controllers[kind, namespace, name] = parse(controller.spec.selector)

    def of(self, pod: Pod) -> LabelSelector:
        """NOTHING if no Service selects the pod and none of those kinds controls it."""
        merged: dict[str, str] = {}
        for selector in self._services.get(pod.namespace, {}).values():
            if selector.items() <= pod.metadata.labels.items():
                merged.update(selector)
        services = from_labels(merged)
        found = (*services.requirements, *self._controller(pod).requirements)
        return LabelSelector(found) if found else NOTHING

    def _controller(self, pod: Pod) -> LabelSelector:
        for owner in pod.metadata.owner_references:
            if owner.controller and _CONTROLLERS.get(owner.kind) == owner.api_version:
                return self._controllers.get((owner.kind, pod.namespace, owner.name), NOTHING)
        return NOTHING
