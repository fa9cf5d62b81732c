"""The table of strategies: one line per kind that differs from the generic behaviour."""

from __future__ import annotations

from collections.abc import Mapping

from apiserver.registry.apps.controllerrevision import ControllerRevisionStrategy
from apiserver.registry.apps.daemonset import DaemonSetStrategy
from apiserver.registry.apps.deployment import DeploymentStrategy
from apiserver.registry.apps.replicaset import ReplicaSetStrategy
from apiserver.registry.apps.statefulset import StatefulSetStrategy
from apiserver.registry.core.configmap import ConfigMapStrategy
from apiserver.registry.core.endpoints import EndpointsStrategy
from apiserver.registry.core.event import EventStrategy
from apiserver.registry.core.namespace import NamespaceStrategy
from apiserver.registry.core.node import NodeStrategy
from apiserver.registry.core.persistentvolume import PersistentVolumeStrategy
from apiserver.registry.core.persistentvolumeclaim import PersistentVolumeClaimStrategy
from apiserver.registry.core.pod import PodStrategy
from apiserver.registry.core.replicationcontroller import ReplicationControllerStrategy
from apiserver.registry.core.resourcequota import ResourceQuotaStrategy
from apiserver.registry.core.secret import SecretStrategy
from apiserver.registry.core.service import ServiceStrategy
from apiserver.registry.core.service_allocation import Allocator
from apiserver.registry.core.serviceaccount import ServiceAccountStrategy
from apiserver.registry.core.simple import LimitRangeStrategy, PodTemplateStrategy
from apiserver.registry.rbac.roles import GROUP as RBAC
from apiserver.registry.rbac.roles import RoleBindingStrategy, RoleStrategy
from apiserver.registry.strategy import Strategy

Key = tuple[str, str]
"""(group, resource): a strategy serves all versions of a resource, on the tree of its storage version."""


def build_strategies(
    service_cidr: str = "10.96.0.0/12", node_ports: tuple[int, int] = (30000, 32767)
) -> Mapping[Key, Strategy]:
    """All strategies of a cluster with these ranges for its Services."""
    return {
        ("", "configmaps"): ConfigMapStrategy(),
        ("", "endpoints"): EndpointsStrategy(),
        ("", "events"): EventStrategy(),
        ("", "limitranges"): LimitRangeStrategy(),
        ("", "namespaces"): NamespaceStrategy(),
        ("", "nodes"): NodeStrategy(),
        ("", "persistentvolumeclaims"): PersistentVolumeClaimStrategy(),
        ("", "persistentvolumes"): PersistentVolumeStrategy(),
        ("", "pods"): PodStrategy(),
        ("", "podtemplates"): PodTemplateStrategy(),
        ("", "replicationcontrollers"): ReplicationControllerStrategy(),
        ("", "resourcequotas"): ResourceQuotaStrategy(),
        ("", "secrets"): SecretStrategy(),
        ("", "serviceaccounts"): ServiceAccountStrategy(),
        ("", "services"): ServiceStrategy(Allocator(service_cidr, node_ports)),
        ("apps", "controllerrevisions"): ControllerRevisionStrategy(),
        ("apps", "daemonsets"): DaemonSetStrategy(),
        ("apps", "deployments"): DeploymentStrategy(),
        ("apps", "replicasets"): ReplicaSetStrategy(),
        ("apps", "statefulsets"): StatefulSetStrategy(),
        ("events.k8s.io", "events"): EventStrategy(),
        (RBAC, "clusterrolebindings"): RoleBindingStrategy(),
        (RBAC, "clusterroles"): RoleStrategy(),
        (RBAC, "rolebindings"): RoleBindingStrategy(),
        (RBAC, "roles"): RoleStrategy(),
    }


STRATEGIES: Mapping[Key, Strategy] = build_strategies()
"""Those of a cluster with the usual ranges."""
