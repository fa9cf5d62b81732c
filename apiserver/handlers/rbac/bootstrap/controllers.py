"""Cluster roles of the controllers, one each as upstream, for the service account of the same name.

Our controller manager runs all controllers as `system:kube-controller-manager`; `orrery:controllers`, the union of
them all, is bound to that.
"""

from __future__ import annotations

from apiserver.handlers.rbac.bootstrap.words import (
    ALL,
    AUTHORIZATION,
    CERTIFICATES,
    COORDINATION,
    DISCOVERY,
    JSON,
    NETWORKING,
    RBAC,
    READ,
    RESOURCE,
    STORAGE,
    cluster_role,
    events,
    rule,
)

UNION = "orrery:controllers"

_PODS = rule("create delete get list patch update watch", "core", "pods")
_REVISIONS = rule("create delete get list patch update watch", "apps", "controllerrevisions")
_EVERYTHING = rule("delete deletecollection get list patch update watch", "*", "*")


def _owner(group: str, resource: str) -> list[JSON]:
    """What every controller of a workload needs for its own kind."""
    return [
        rule("get list update patch watch", group, resource),
        rule("update patch get", group, f"{resource}/status"),
        rule("update", group, f"{resource}/finalizers"),
    ]


RULES: dict[str, list[JSON]] = {
    "attachdetach-controller": [
        rule("list watch", "core", "persistentvolumeclaims persistentvolumes pods"),
        rule("get list watch", "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("create delete get list watch", STORAGE, "volumeattachments"),
        rule(READ, STORAGE, "csidrivers csinodes"),
        events(),
    ],
    "certificate-controller": [
        rule("delete get list watch", CERTIFICATES, "certificatesigningrequests"),
        rule("update patch", CERTIFICATES, "certificatesigningrequests/approval certificatesigningrequests/status"),
        rule("approve", CERTIFICATES, "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
        rule(
            "sign",
            CERTIFICATES,
            "signers",
            "kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet "
            "kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown",
        ),
        rule("create", AUTHORIZATION, "subjectaccessreviews"),
        events(),
    ],
    "clusterrole-aggregation-controller": [
        rule("escalate get list patch update watch", RBAC, "clusterroles"),
    ],
    "cronjob-controller": [
        *_owner("batch", "cronjobs"),
        rule("create delete get list patch update watch", "batch", "jobs"),
        rule("delete list", "core", "pods"),
        events(),
    ],
    "daemon-set-controller": [
        *_owner("apps", "daemonsets"),
        rule("list watch", "core", "nodes"),
        _PODS,
        rule("create", "core", "pods/binding"),
        _REVISIONS,
        events(),
    ],
    "deployment-controller": [
        *_owner("apps", "deployments"),
        rule("create delete get list patch update watch", "apps", "replicasets"),
        rule("get list update watch", "core", "pods"),
        events(),
    ],
    "disruption-controller": [
        rule(READ, "apps", "deployments replicasets statefulsets"),
        rule(READ, "core", "replicationcontrollers pods"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule("update patch", "policy", "poddisruptionbudgets/status"),
        rule("get", "*", "*/scale"),
        rule("patch update", "core", "pods/status"),
        events(),
    ],
    "endpoint-controller": [
        rule(READ, "core", "pods services"),
        rule("create delete get list patch update watch", "core", "endpoints"),
        rule("create", "core", "endpoints/restricted"),
        events(),
    ],
    "endpointslice-controller": [
        rule(READ, "core", "nodes pods services"),
        rule("update", "core", "services/finalizers"),
        rule("create delete get list patch update watch", DISCOVERY, "endpointslices"),
        rule("create", DISCOVERY, "endpointslices/restricted"),
        events(),
    ],
    "endpointslicemirroring-controller": [
        rule(READ, "core", "endpoints services"),
        rule("update", "core", "endpoints/finalizers services/finalizers"),
        rule("create delete get list patch update watch", DISCOVERY, "endpointslices"),
        rule("create", DISCOVERY, "endpointslices/restricted"),
        events(),
    ],
    "ephemeral-volume-controller": [
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule("create get list watch", "core", "persistentvolumeclaims"),
        events(),
    ],
    "expand-controller": [
        rule("get list patch update watch", "core", "persistentvolumes"),
        rule("patch update", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "persistentvolumeclaims"),
        events(),
    ],
    "generic-garbage-collector": [_EVERYTHING, events()],
    "horizontal-pod-autoscaler": [
        rule(READ, "autoscaling", "horizontalpodautoscalers"),
        rule("update patch", "autoscaling", "horizontalpodautoscalers/status"),
        rule("get update patch", "*", "*/scale"),
        rule("list", "core", "pods"),
        rule("list", "metrics.k8s.io", "pods"),
        rule("get list", "custom.metrics.k8s.io external.metrics.k8s.io", "*"),
        events(),
    ],
    "job-controller": [*_owner("batch", "jobs"), _PODS, events()],
    "legacy-service-account-token-cleaner": [
        rule("get", "core", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"),
        rule("patch delete", "core", "secrets"),
    ],
    "namespace-controller": [
        rule("delete get list watch", "core", "namespaces"),
        rule("update patch", "core", "namespaces/finalize namespaces/status"),
        rule("delete deletecollection get list", "*", "*"),
    ],
    "node-controller": [
        rule("get list patch update watch delete", "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("patch update", "core", "pods/status"),
        rule("delete get list watch", "core", "pods"),
        rule(READ, COORDINATION, "leases"),
        events(),
    ],
    "persistent-volume-binder": [
        rule(ALL, "core", "persistentvolumes"),
        rule("patch update", "core", "persistentvolumes/status persistentvolumeclaims/status"),
        rule("get list patch update watch", "core", "persistentvolumeclaims"),
        rule("create delete get list watch", "core", "pods"),
        rule(READ, STORAGE, "storageclasses"),
        rule(READ, "core", "nodes"),
        rule("create delete get update", "core", "endpoints services"),
        rule("get list", "core", "secrets"),
        events(),
    ],
    "pod-garbage-collector": [
        rule("delete list watch", "core", "pods"),
        rule("get list watch", "core", "nodes"),
        rule("patch update", "core", "pods/status"),
    ],
    "pv-protection-controller": [rule("get list patch update watch", "core", "persistentvolumes"), events()],
    "pvc-protection-controller": [
        rule("get list patch update watch", "core", "persistentvolumeclaims"),
        rule(READ, "core", "pods"),
        events(),
    ],
    "replicaset-controller": [*_owner("apps", "replicasets"), _PODS, events()],
    "replication-controller": [*_owner("core", "replicationcontrollers"), _PODS, events()],
    "resource-claim-controller": [
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule("create delete get list watch update patch", RESOURCE, "resourceclaims"),
        rule("update patch", "core", "pods/status"),
        rule("update patch", RESOURCE, "resourceclaims/status"),
        events(),
    ],
    "resourcequota-controller": [
        rule("list watch", "*", "*"),
        rule("update patch", "core", "resourcequotas/status"),
        events(),
    ],
    "root-ca-cert-publisher": [rule("create get list patch update watch", "core", "configmaps"), events()],
    "route-controller": [
        rule("list watch", "core", "nodes"),
        rule("patch", "core", "nodes/status"),
        events(),
    ],
    "selinux-warning-controller": [rule(READ, "core", "pods persistentvolumes persistentvolumeclaims"), events()],
    "service-account-controller": [rule("create get list watch", "core", "serviceaccounts"), events()],
    "service-cidrs-controller": [
        rule("get list patch update watch", NETWORKING, "servicecidrs"),
        rule("update patch", NETWORKING, "servicecidrs/finalizers servicecidrs/status"),
        rule(READ, NETWORKING, "ipaddresses"),
        events(),
    ],
    "service-controller": [
        rule(READ, "core", "services"),
        rule("patch update", "core", "services/status"),
        rule("list watch", "core", "nodes"),
        events(),
    ],
    "statefulset-controller": [
        *_owner("apps", "statefulsets"),
        _PODS,
        rule("create get list patch update watch delete", "core", "persistentvolumeclaims"),
        _REVISIONS,
        events(),
    ],
    "storage-version-migrator-controller": [
        rule("list patch", "*", "*"),
        rule("get list watch", "storagemigration.k8s.io", "storageversionmigrations"),
        rule("update patch", "storagemigration.k8s.io", "storageversionmigrations/status"),
    ],
    "ttl-after-finished-controller": [rule("delete get list watch", "batch", "jobs"), events()],
    "ttl-controller": [rule("list patch update watch", "core", "nodes"), events()],
    "validatingadmissionpolicy-status-controller": [
        rule(READ, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        rule("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
    ],
    "volumeattributesclass-protection-controller": [
        rule("get list watch patch update", STORAGE, "volumeattributesclasses"),
        rule(READ, "core", "persistentvolumes persistentvolumeclaims"),
        events(),
    ],
}

_OWN = [
    rule("create delete get list patch update watch", COORDINATION, "leases"),
    rule("create delete get list patch update watch", "core", "configmaps secrets serviceaccounts"),
    rule("create", "core", "serviceaccounts/token pods/eviction"),
]
"""What the manager needs for itself: leader election, tokens, and the objects that it bootstraps."""


def _union() -> list[JSON]:
    found: list[JSON] = []
    for rules in (*RULES.values(), _OWN):
        found += [one for one in rules if one not in found]
    return found


def cluster_roles() -> list[JSON]:
    roles = [cluster_role(f"system:controller:{name}", rules) for name, rules in RULES.items()]
    return [*roles, cluster_role(UNION, _union())]
