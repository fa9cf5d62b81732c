"""The table of strategies: one line per kind that differs from the generic behaviour."""

from __future__ import annotations

from collections.abc import Mapping

from apiserver.registry.admissionregistration.policies import AdmissionPolicyBindingStrategy, AdmissionPolicyStrategy
from apiserver.registry.admissionregistration.webhooks import WebhookStrategy
from apiserver.registry.apiextensions.customresourcedefinition import CustomResourceDefinitionStrategy
from apiserver.registry.apiregistration.apiservice import APIServiceStrategy
from apiserver.registry.apps.controllerrevision import ControllerRevisionStrategy
from apiserver.registry.apps.daemonset import DaemonSetStrategy
from apiserver.registry.apps.deployment import DeploymentStrategy
from apiserver.registry.apps.replicaset import ReplicaSetStrategy
from apiserver.registry.apps.statefulset import StatefulSetStrategy
from apiserver.registry.autoscaling.horizontalpodautoscaler import HorizontalPodAutoscalerStrategy
from apiserver.registry.batch.cronjob import CronJobStrategy
from apiserver.registry.batch.job import JobStrategy
from apiserver.registry.certificates.signingrequest import CertificateSigningRequestStrategy
from apiserver.registry.coordination.lease import LeaseStrategy
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
from apiserver.registry.devices.claims import (
    DeviceClassStrategy,
    ResourceClaimStrategy,
    ResourceClaimTemplateStrategy,
    ResourceSliceStrategy,
)
from apiserver.registry.discovery.endpointslice import EndpointSliceStrategy
from apiserver.registry.flowcontrol.priority_and_fairness import FlowSchemaStrategy, PriorityLevelStrategy
from apiserver.registry.networking.ingress import IngressClassStrategy, IngressStrategy
from apiserver.registry.networking.networkpolicy import NetworkPolicyStrategy
from apiserver.registry.node.runtimeclass import RuntimeClassStrategy
from apiserver.registry.policy.poddisruptionbudget import PodDisruptionBudgetStrategy
from apiserver.registry.rbac.roles import BindingStrategy, RoleStrategy
from apiserver.registry.scheduling.priorityclass import PriorityClassStrategy
from apiserver.registry.storage.classes import StorageClassStrategy, VolumeAttributesClassStrategy
from apiserver.registry.storage.csi import CSIDriverStrategy, CSINodeStrategy, VolumeAttachmentStrategy
from apiserver.registry.strategy import Strategy

ADMISSION = "admissionregistration.k8s.io"
DEVICES = "resource.k8s.io"
FLOWS = "flowcontrol.apiserver.k8s.io"
RBAC = "rbac.authorization.k8s.io"
STORAGE = "storage.k8s.io"

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
        ("autoscaling", "horizontalpodautoscalers"): HorizontalPodAutoscalerStrategy(),
        ("batch", "cronjobs"): CronJobStrategy(),
        ("batch", "jobs"): JobStrategy(),
        ("policy", "poddisruptionbudgets"): PodDisruptionBudgetStrategy(),
        (ADMISSION, "mutatingadmissionpolicies"): AdmissionPolicyStrategy(mutating=True),
        (ADMISSION, "mutatingadmissionpolicybindings"): AdmissionPolicyBindingStrategy(mutating=True),
        (ADMISSION, "mutatingwebhookconfigurations"): WebhookStrategy(mutating=True),
        (ADMISSION, "validatingadmissionpolicies"): AdmissionPolicyStrategy(mutating=False),
        (ADMISSION, "validatingadmissionpolicybindings"): AdmissionPolicyBindingStrategy(mutating=False),
        (ADMISSION, "validatingwebhookconfigurations"): WebhookStrategy(mutating=False),
        ("apiextensions.k8s.io", "customresourcedefinitions"): CustomResourceDefinitionStrategy(),
        ("apiregistration.k8s.io", "apiservices"): APIServiceStrategy(),
        ("certificates.k8s.io", "certificatesigningrequests"): CertificateSigningRequestStrategy(),
        ("coordination.k8s.io", "leases"): LeaseStrategy(),
        ("discovery.k8s.io", "endpointslices"): EndpointSliceStrategy(),
        (FLOWS, "flowschemas"): FlowSchemaStrategy(),
        (FLOWS, "prioritylevelconfigurations"): PriorityLevelStrategy(),
        ("networking.k8s.io", "ingressclasses"): IngressClassStrategy(),
        ("networking.k8s.io", "ingresses"): IngressStrategy(),
        ("networking.k8s.io", "networkpolicies"): NetworkPolicyStrategy(),
        ("node.k8s.io", "runtimeclasses"): RuntimeClassStrategy(),
        (RBAC, "clusterrolebindings"): BindingStrategy(namespaced=False),
        (RBAC, "clusterroles"): RoleStrategy(namespaced=False),
        (RBAC, "rolebindings"): BindingStrategy(namespaced=True),
        (RBAC, "roles"): RoleStrategy(namespaced=True),
        (DEVICES, "deviceclasses"): DeviceClassStrategy(),
        (DEVICES, "resourceclaims"): ResourceClaimStrategy(),
        (DEVICES, "resourceclaimtemplates"): ResourceClaimTemplateStrategy(),
        (DEVICES, "resourceslices"): ResourceSliceStrategy(),
        ("scheduling.k8s.io", "priorityclasses"): PriorityClassStrategy(),
        (STORAGE, "csidrivers"): CSIDriverStrategy(),
        (STORAGE, "csinodes"): CSINodeStrategy(),
        (STORAGE, "storageclasses"): StorageClassStrategy(),
        (STORAGE, "volumeattachments"): VolumeAttachmentStrategy(),
        (STORAGE, "volumeattributesclasses"): VolumeAttributesClassStrategy(),
    }


STRATEGIES: Mapping[Key, Strategy] = build_strategies()
"""Those of a cluster with the usual ranges."""
