"""Cluster roles of the components: kubelet, scheduler, controller manager, kube-proxy, DNS and their helpers.

`system:node` is bound to nobody: the Node authorizer (`handlers.authz_node`) grants it to each kubelet, less the
reading of what no pod of its node refers to. NodeRestriction guards a kubelet's writes.
"""

from __future__ import annotations

from apiserver.handlers.rbac.bootstrap.words import (
    AUTHENTICATION,
    AUTHORIZATION,
    CERTIFICATES,
    COORDINATION,
    DISCOVERY,
    JSON,
    NETWORKING,
    NODE,
    READ,
    RESOURCE,
    STORAGE,
    cluster_role,
    events,
    rule,
    urls,
)

_REVIEWS = (
    rule("create", AUTHENTICATION, "tokenreviews"),
    rule("create", AUTHORIZATION, "subjectaccessreviews"),
)

_NODE = (
    *_REVIEWS,
    rule("create", AUTHORIZATION, "localsubjectaccessreviews"),
    rule(READ, "core", "services"),
    rule("create get list watch", "core", "nodes"),
    rule("patch update", "core", "nodes/status"),
    rule("patch update delete", "core", "nodes"),
    events(),
    rule(READ, "core", "pods"),
    rule("create delete", "core", "pods"),
    rule("patch update", "core", "pods/status"),
    rule("create", "core", "pods/eviction"),
    rule(READ, "core", "configmaps secrets"),
    rule("get", "core", "persistentvolumeclaims persistentvolumes"),
    rule("get list watch", "core", "endpoints"),
    rule("create get list watch", CERTIFICATES, "certificatesigningrequests"),
    rule("create get update patch delete", COORDINATION, "leases"),
    rule("get", STORAGE, "volumeattachments"),
    rule("create", "core", "serviceaccounts/token"),
    rule("get list watch", "core", "serviceaccounts"),
    rule("get update patch", "core", "persistentvolumeclaims/status"),
    rule(READ, STORAGE, "csidrivers"),
    rule("get create update patch delete", STORAGE, "csinodes"),
    rule(READ, NODE, "runtimeclasses"),
    rule("get list watch", RESOURCE, "resourceclaims"),
    rule("create delete deletecollection get list patch update watch", RESOURCE, "resourceslices"),
    rule(READ, CERTIFICATES, "clustertrustbundles"),
    rule("create get list watch", CERTIFICATES, "podcertificaterequests"),
)

_SCHEDULER = (
    events(),
    rule("create", COORDINATION, "leases"),
    rule("get list watch", COORDINATION, "leases"),
    rule("get patch update", COORDINATION, "leases", "kube-scheduler"),
    rule(READ, "core", "nodes"),
    rule("delete get list watch", "core", "pods"),
    rule("create", "core", "bindings pods/binding"),
    rule("patch update", "core", "pods/status"),
    rule(READ, "core", "replicationcontrollers services namespaces"),
    rule(READ, "apps", "replicasets statefulsets"),
    rule(READ, "policy", "poddisruptionbudgets"),
    rule("get list patch update watch", "core", "persistentvolumeclaims persistentvolumes"),
    *_REVIEWS,
    rule(READ, STORAGE, "csidrivers csinodes csistoragecapacities storageclasses volumeattachments"),
    rule(READ, RESOURCE, "deviceclasses resourceslices devicetaintrules"),
    rule("get list watch patch update", RESOURCE, "resourceclaims"),
    rule("patch update", RESOURCE, "resourceclaims/status"),
    rule(READ, "scheduling.k8s.io", "podgroups workloads priorityclasses"),
)

_CONTROLLER_MANAGER = (
    events(),
    rule("create", COORDINATION, "leases"),
    rule("get patch update", COORDINATION, "leases", "kube-controller-manager"),
    rule("create", "core", "secrets serviceaccounts serviceaccounts/token"),
    rule("delete", "core", "secrets"),
    rule("get", "core", "configmaps namespaces secrets serviceaccounts"),
    rule("update", "core", "secrets serviceaccounts"),
    *_REVIEWS,
    rule("list watch", "*", "*"),
)

_PROXIER = (
    rule("list watch", "core", "endpoints services"),
    rule(READ, "core", "nodes"),
    events(),
    rule("list watch", DISCOVERY, "endpointslices"),
    rule("list watch", NETWORKING, "servicecidrs"),
)

_BOOTSTRAPPER = (rule("create get list watch", CERTIFICATES, "certificatesigningrequests"),)

_DNS_UPSTREAM = (rule("list watch", "core", "endpoints services"),)

_DNS = (
    rule(READ, "core", "endpoints namespaces pods services nodes"),
    rule(READ, DISCOVERY, "endpointslices"),
)

_AGGREGATOR = (rule(READ, "core", "endpoints services"),)

_KUBELET_API = (
    rule("get list watch", "core", "nodes"),
    rule("proxy", "core", "nodes"),
    rule("*", "core", "nodes/log nodes/metrics nodes/proxy nodes/stats nodes/configz nodes/healthz nodes/pods"),
)

_PROBLEM_DETECTOR = (rule("get", "core", "nodes"), rule("patch", "core", "nodes/status"), events())

_PROVISIONER = (
    rule("create delete get list watch", "core", "persistentvolumes"),
    rule("get list update watch", "core", "persistentvolumeclaims"),
    rule(READ, STORAGE, "storageclasses"),
    rule("watch", "core", "events"),
    events(),
)

_VOLUME_SCHEDULER = (
    rule("get list patch update watch", "core", "persistentvolumes"),
    rule(READ, STORAGE, "storageclasses"),
    rule("get list patch update watch", "core", "persistentvolumeclaims"),
)

_HEAPSTER = (rule("get list watch", "core", "events namespaces nodes pods"), rule(READ, "extensions", "deployments"))


def cluster_roles() -> list[JSON]:
    return [
        cluster_role("system:node", _NODE),
        cluster_role("system:kube-scheduler", _SCHEDULER),
        cluster_role("system:kube-controller-manager", _CONTROLLER_MANAGER),
        cluster_role("system:node-proxier", _PROXIER),
        cluster_role("system:node-bootstrapper", _BOOTSTRAPPER),
        cluster_role("system:kube-dns", _DNS_UPSTREAM),
        cluster_role("system:kube-aggregator", _AGGREGATOR),
        cluster_role("system:auth-delegator", _REVIEWS),
        cluster_role("system:kubelet-api-admin", _KUBELET_API),
        cluster_role("system:node-problem-detector", _PROBLEM_DETECTOR),
        cluster_role("system:persistent-volume-provisioner", _PROVISIONER),
        cluster_role("system:volume-scheduler", _VOLUME_SCHEDULER),
        cluster_role("system:heapster", _HEAPSTER),
        cluster_role("orrery:dns", _DNS),
        cluster_role("orrery:runtime", [urls("get", "/healthz /livez /readyz /version")]),
    ]
