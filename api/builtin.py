"""Every built-in resource that can be listed and deleted, in its best version: what works on all kinds goes by it.

From the published v1.36 discovery documents. The garbage collector and namespace deletion walk this table, and add to
it what CustomResourceDefinitions define.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from apimachinery.resources import GVR


class Builtin(NamedTuple):
    gvr: GVR
    kind: str
    namespaced: bool


def _group(group: str, version: str, namespaced: dict[str, str], cluster: dict[str, str]) -> list[Builtin]:
    return [Builtin(GVR(group, version, resource), kind, True) for resource, kind in namespaced.items()] + [
        Builtin(GVR(group, version, resource), kind, False) for resource, kind in cluster.items()
    ]


BUILTIN: Final[tuple[Builtin, ...]] = (
    *_group(
        "",
        "v1",
        {
            "configmaps": "ConfigMap",
            "endpoints": "Endpoints",
            "events": "Event",
            "limitranges": "LimitRange",
            "persistentvolumeclaims": "PersistentVolumeClaim",
            "pods": "Pod",
            "podtemplates": "PodTemplate",
            "replicationcontrollers": "ReplicationController",
            "resourcequotas": "ResourceQuota",
            "secrets": "Secret",
            "serviceaccounts": "ServiceAccount",
            "services": "Service",
        },
        {"namespaces": "Namespace", "nodes": "Node", "persistentvolumes": "PersistentVolume"},
    ),
    *_group(
        "admissionregistration.k8s.io",
        "v1",
        {},
        {
            "mutatingadmissionpolicies": "MutatingAdmissionPolicy",
            "mutatingadmissionpolicybindings": "MutatingAdmissionPolicyBinding",
            "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
            "validatingadmissionpolicies": "ValidatingAdmissionPolicy",
            "validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding",
            "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
        },
    ),
    *_group("apiextensions.k8s.io", "v1", {}, {"customresourcedefinitions": "CustomResourceDefinition"}),
    *_group("apiregistration.k8s.io", "v1", {}, {"apiservices": "APIService"}),
    *_group(
        "apps",
        "v1",
        {
            "controllerrevisions": "ControllerRevision",
            "daemonsets": "DaemonSet",
            "deployments": "Deployment",
            "replicasets": "ReplicaSet",
            "statefulsets": "StatefulSet",
        },
        {},
    ),
    *_group("autoscaling", "v2", {"horizontalpodautoscalers": "HorizontalPodAutoscaler"}, {}),
    *_group("batch", "v1", {"cronjobs": "CronJob", "jobs": "Job"}, {}),
    *_group("certificates.k8s.io", "v1", {}, {"certificatesigningrequests": "CertificateSigningRequest"}),
    *_group(
        "certificates.k8s.io",
        "v1beta1",
        {"podcertificaterequests": "PodCertificateRequest"},
        {"clustertrustbundles": "ClusterTrustBundle"},
    ),
    *_group("coordination.k8s.io", "v1", {"leases": "Lease"}, {}),
    *_group("coordination.k8s.io", "v1beta1", {"leasecandidates": "LeaseCandidate"}, {}),
    *_group("discovery.k8s.io", "v1", {"endpointslices": "EndpointSlice"}, {}),
    *_group("events.k8s.io", "v1", {"events": "Event"}, {}),
    *_group(
        "flowcontrol.apiserver.k8s.io",
        "v1",
        {},
        {"flowschemas": "FlowSchema", "prioritylevelconfigurations": "PriorityLevelConfiguration"},
    ),
    *_group("internal.apiserver.k8s.io", "v1alpha1", {}, {"storageversions": "StorageVersion"}),
    *_group(
        "networking.k8s.io",
        "v1",
        {"ingresses": "Ingress", "networkpolicies": "NetworkPolicy"},
        {"ingressclasses": "IngressClass", "ipaddresses": "IPAddress", "servicecidrs": "ServiceCIDR"},
    ),
    *_group("node.k8s.io", "v1", {}, {"runtimeclasses": "RuntimeClass"}),
    *_group("policy", "v1", {"poddisruptionbudgets": "PodDisruptionBudget"}, {}),
    *_group(
        "rbac.authorization.k8s.io",
        "v1",
        {"rolebindings": "RoleBinding", "roles": "Role"},
        {"clusterrolebindings": "ClusterRoleBinding", "clusterroles": "ClusterRole"},
    ),
    *_group(
        "resource.k8s.io",
        "v1",
        {"resourceclaims": "ResourceClaim", "resourceclaimtemplates": "ResourceClaimTemplate"},
        {"deviceclasses": "DeviceClass", "resourceslices": "ResourceSlice"},
    ),
    *_group("resource.k8s.io", "v1alpha3", {}, {"resourcepoolstatusrequests": "ResourcePoolStatusRequest"}),
    *_group("resource.k8s.io", "v1beta2", {}, {"devicetaintrules": "DeviceTaintRule"}),
    *_group("scheduling.k8s.io", "v1", {}, {"priorityclasses": "PriorityClass"}),
    *_group("scheduling.k8s.io", "v1alpha2", {"podgroups": "PodGroup", "workloads": "Workload"}, {}),
    *_group(
        "storage.k8s.io",
        "v1",
        {"csistoragecapacities": "CSIStorageCapacity"},
        {
            "csidrivers": "CSIDriver",
            "csinodes": "CSINode",
            "storageclasses": "StorageClass",
            "volumeattachments": "VolumeAttachment",
            "volumeattributesclasses": "VolumeAttributesClass",
        },
    ),
    *_group("storagemigration.k8s.io", "v1beta1", {}, {"storageversionmigrations": "StorageVersionMigration"}),
)

NAMESPACED: Final = tuple(one for one in BUILTIN if one.namespaced)
KINDS: Final = {(one.gvr.group, one.gvr.resource): one.kind for one in BUILTIN}
