"""The node authorizer: a kubelet may read only what the pods on its node refer to.

Everything else a kubelet may do is the ClusterRole `system:node`, which is bound to nobody: this grants it, less the
objects below. Source: Kubernetes documentation, "Using Node Authorization".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from apimachinery.resources import GVR
from apiserver.handlers.authz import Attributes, Decision
from apiserver.handlers.rbac.authorizer import RbacAuthorizer
from apiserver.handlers.rbac.rules import Rule, compile_rule
from apiserver.registry.request import JSON, StoredObject, User
from apiserver.registry.strategy import Reader
from apiserver.watch.cacher import Cacher
from apiserver.watch.events import CacheEvent
from apiserver.watch.resource_cache import node_of_pod

NODES: Final = "system:nodes"
_PREFIX: Final = "system:node:"
_ROLE: Final = ("ClusterRole", "", "system:node")
_CLAIMS: Final = GVR("", "v1", "persistentvolumeclaims")
_GUARDED: Final = ("secrets", "configmaps", "persistentvolumeclaims", "persistentvolumes")
_READS: Final = ("get", "list", "watch")


def node_of(user: User) -> str:
    """The node whose kubelet this is, or ""."""
    return user.name.removeprefix(_PREFIX) if user.name.startswith(_PREFIX) and NODES in user.groups else ""


class NodeAuthorizer:
    """Implements `Authorizer`; says nothing about users that are no kubelets."""

    def __init__(self, rbac: RbacAuthorizer, reader: Reader) -> None:
        self._rbac = rbac
        self._reader = reader
        self._rules: tuple[Rule, ...] = ()
        self._sources: list[JSON] = []
        self._pods: dict[str, dict[str, StoredObject]] = {}
        """By node, then by key."""

    def follow(self, cacher: Cacher) -> None:
        """Learn of every pod from now on. Call it before the cache is filled."""
        cacher.resource("pods").listeners.append(self._on_pod)

    def _on_pod(self, event: CacheEvent) -> None:
        if event.previous is not None:
            self._pods.get(node_of_pod(event.previous), {}).pop(event.previous.key, None)
        if event.object is not None and (node := node_of_pod(event.object)):
            self._pods.setdefault(node, {})[event.object.key] = event.object

    async def authorize(self, attrs: Attributes) -> Decision:
        node = node_of(attrs.user)
        if not node:
            return Decision(False)
        if not any(rule.allows(attrs) for rule in self._role()):
            return Decision(False)
        if attrs.group == "" and attrs.resource in _GUARDED and not attrs.subresource:
            return self._guard(node, attrs)
        if attrs.resource == "serviceaccounts" and attrs.subresource == "token":
            return self._guard(node, attrs)
        return Decision(True)

    def _role(self) -> tuple[Rule, ...]:
        sources = self._rbac.grants().raw.get(_ROLE, [])
        if sources is not self._sources:
            self._sources, self._rules = sources, tuple(map(compile_rule, sources))
        return self._rules

    def _guard(self, node: str, attrs: Attributes) -> Decision:
        if attrs.resource != "serviceaccounts" and attrs.verb not in _READS:
            return Decision(False, f"node '{node}' cannot {attrs.verb} {attrs.resource}")
        if not attrs.name:
            return Decision(False, "No Object name found")
        namespace = "" if attrs.resource == "persistentvolumes" else attrs.namespace
        for pod in self._pods.get(node, {}).values():
            if namespace in ("", pod.namespace) and attrs.name in self._names(pod.copy(), attrs.resource):
                return Decision(True)
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def _names(self, pod: JSON, resource: str) -> set[str]:
        """Objects of one resource that a pod refers to."""
        spec = pod["spec"]
        if resource == "serviceaccounts":
            return {spec.get("serviceAccountName", "default")}
        if resource == "secrets":
            pulls = {one.get("name", "") for one in spec.get("imagePullSecrets") or ()}
            return pulls | set(_named(spec, _SECRET_FIELDS))
        if resource == "configmaps":
            return set(_named(spec, _CONFIG_MAP_FIELDS))
        claims = set(_claims(pod))
        if resource == "persistentvolumeclaims":
            return claims
        namespace = pod["metadata"]["namespace"]
        found = (self._reader.get(_CLAIMS, namespace, claim) for claim in claims)
        return {claim["spec"].get("volumeName", "") for claim in found if claim} - {""}


_SECRET_FIELDS: Final = {"secret", "secretRef", "secretKeyRef", "nodePublishSecretRef"}
_CONFIG_MAP_FIELDS: Final = {"configMap", "configMapRef", "configMapKeyRef"}


def _named(value: Any, fields: set[str]) -> Iterator[str]:
    """Names in any reference of these fields, wherever it stands in a pod's spec."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item, fields)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in fields and isinstance(item, dict):
                yield item.get("name") or item.get("secretName") or ""
            yield from _named(item, fields)


def _claims(pod: JSON) -> Iterator[str]:
    """Its claims, those made for its ephemeral volumes included."""
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"].get("claimName", "")
        elif "ephemeral" in volume:
            yield f"{pod['metadata']['name']}-{volume['name']}"
