"""Cluster roles for people and for everybody: cluster-admin, admin, edit, view, discovery."""

from __future__ import annotations

from apiserver.handlers.rbac.bootstrap.words import (
    ALL,
    AUTHENTICATION,
    AUTHORIZATION,
    CERTIFICATES,
    DISCOVERY,
    JSON,
    NETWORKING,
    RBAC,
    READ,
    RESOURCE,
    WRITE,
    aggregated,
    cluster_role,
    rule,
    urls,
)

_AGGREGATE = f"{RBAC}/aggregate-to-"
TO_ADMIN, TO_EDIT, TO_VIEW = (_AGGREGATE + name for name in ("admin", "edit", "view"))

_HEALTH = "/healthz /livez /readyz /version /version/"
_APPS = "daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale"
_APPS_STATUS = "controllerrevisions daemonsets/status deployments/status replicasets/status statefulsets/status"

_VIEW = (
    rule(READ, "core",
         "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
         "replicationcontrollers/scale serviceaccounts services services/status"),
    rule(READ, "core",
         "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
         "resourcequotas resourcequotas/status"),
    rule(READ, "core", "namespaces"),
    rule(READ, DISCOVERY, "endpointslices"),
    rule(READ, "apps", f"{_APPS} {_APPS_STATUS}"),
    rule(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    rule(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    rule(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    rule(READ, NETWORKING, "ingresses ingresses/status networkpolicies"),
    rule(READ, RESOURCE, "resourceclaims resourceclaims/status resourceclaimtemplates"),
)  # fmt: skip

_EDIT = (
    rule(READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    rule("impersonate", "core", "serviceaccounts"),
    rule(WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    rule("create", "core", "pods/eviction"),
    rule(WRITE, "core",
         "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
         "serviceaccounts services services/proxy"),
    rule("create", "core", "serviceaccounts/token"),
    rule(WRITE, "apps",
         "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets "
         "statefulsets/scale"),
    rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
    rule(WRITE, "batch", "cronjobs jobs"),
    rule(WRITE, "policy", "poddisruptionbudgets"),
    rule(WRITE, NETWORKING, "ingresses networkpolicies"),
    rule(ALL, "coordination.k8s.io", "leases"),
    rule(WRITE, RESOURCE, "resourceclaims resourceclaimtemplates"),
)  # fmt: skip

_ADMIN = (
    rule("create", AUTHORIZATION, "localsubjectaccessreviews"),
    rule(ALL, RBAC, "rolebindings roles"),
)


def cluster_roles() -> list[JSON]:
    return [
        cluster_role("cluster-admin", [rule("*", "*", "*"), urls("*", "*")]),
        cluster_role(
            "system:discovery",
            [urls("get", f"/api /api/* /apis /apis/* /openapi /openapi/* {_HEALTH}")],
        ),
        cluster_role(
            "system:basic-user",
            [
                rule("create", AUTHORIZATION, "selfsubjectaccessreviews selfsubjectrulesreviews"),
                rule("create", AUTHENTICATION, "selfsubjectreviews"),
            ],
        ),
        cluster_role("system:public-info-viewer", [urls("get", _HEALTH)]),
        cluster_role(
            "system:monitoring",
            [
                urls("get", "/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*"),
                urls("get", "/statusz /flagz"),
            ],
        ),
        cluster_role("system:service-account-issuer-discovery", [
            urls("get", "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks "
                        "/openid/v1/jwks/")]),
        aggregated("admin", TO_ADMIN),
        aggregated("edit", TO_EDIT, {TO_ADMIN: "true"}),
        aggregated("view", TO_VIEW, {TO_EDIT: "true"}),
        cluster_role("system:aggregate-to-admin", _ADMIN, {TO_ADMIN: "true"}),
        cluster_role("system:aggregate-to-edit", _EDIT, {TO_EDIT: "true"}),
        cluster_role("system:aggregate-to-view", _VIEW, {TO_VIEW: "true"}),
        *_certificates(),
    ]  # fmt: skip


def _certificates() -> list[JSON]:
    """Who may ask for a certificate of a kind, and who may approve one."""
    prefix = "system:certificates.k8s.io:"
    requests = f"{prefix}certificatesigningrequests:"
    asking = [
        cluster_role(requests + name, [rule("create", CERTIFICATES, f"certificatesigningrequests/{name}")])
        for name in ("nodeclient", "selfnodeclient")
    ]
    signers = {
        "kube-apiserver-client-approver": "kubernetes.io/kube-apiserver-client",
        "kube-apiserver-client-kubelet-approver": "kubernetes.io/kube-apiserver-client-kubelet",
        "kubelet-serving-approver": "kubernetes.io/kubelet-serving",
        "legacy-unknown-approver": "kubernetes.io/legacy-unknown",
    }
    approving = [
        cluster_role(prefix + name, [rule("approve", CERTIFICATES, "signers", signer)])
        for name, signer in signers.items()
    ]
    return asking + approving
