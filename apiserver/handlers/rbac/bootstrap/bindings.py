"""Who has the bootstrap roles, and the roles that live in kube-system and kube-public."""

from __future__ import annotations

from apiserver.handlers.rbac.bootstrap import controllers
from apiserver.handlers.rbac.bootstrap.words import (
    COORDINATION,
    JSON,
    READ,
    account,
    binding,
    cluster_binding,
    events,
    group,
    role,
    rule,
    user,
)

AUTHENTICATED = group("system:authenticated")
UNAUTHENTICATED = group("system:unauthenticated")
MANAGER = user("system:kube-controller-manager")
SCHEDULER = user("system:kube-scheduler")


def cluster_bindings() -> list[JSON]:
    return [
        cluster_binding("cluster-admin", group("system:masters")),
        cluster_binding("system:monitoring", group("system:monitoring")),
        cluster_binding("system:discovery", AUTHENTICATED),
        cluster_binding("system:basic-user", AUTHENTICATED),
        cluster_binding("system:public-info-viewer", AUTHENTICATED, UNAUTHENTICATED),
        cluster_binding("system:service-account-issuer-discovery", group("system:serviceaccounts")),
        cluster_binding("system:node-proxier", user("system:kube-proxy")),
        cluster_binding("system:kube-controller-manager", MANAGER),
        cluster_binding("system:kube-scheduler", SCHEDULER),
        cluster_binding("system:volume-scheduler", SCHEDULER),
        cluster_binding("system:kube-dns", account("kube-dns")),
        # Nobody: the Node authorizer grants this role to each kubelet, less what concerns other nodes.
        cluster_binding("system:node"),
        cluster_binding(controllers.UNION, MANAGER),
        cluster_binding("orrery:dns", user("orrery:dns"), group("orrery:dns")),
        *(
            cluster_binding(f"system:controller:{name}", account(name), name=f"system:controller:{name}")
            for name in controllers.RULES
        ),
    ]


_LEADER = "system::leader-locking-"


def roles() -> list[JSON]:
    return [
        role("kube-system", "extension-apiserver-authentication-reader",
             [rule(READ, "core", "configmaps", "extension-apiserver-authentication")]),
        role("kube-system", "system:controller:bootstrap-signer", [rule(READ, "core", "secrets")]),
        role("kube-system", "system:controller:cloud-provider",
             [rule("create get list watch update patch", "core", "configmaps")]),
        role("kube-system", "system:controller:token-cleaner",
             [rule("get list watch delete", "core", "secrets"), events()]),
        *(role("kube-system", f"{_LEADER}{name}", _lock(name)) for name in _LEADERS),
        role("kube-public", "system:controller:bootstrap-signer", [
            rule(READ, "core", "configmaps"), rule("update", "core", "configmaps", "cluster-info"), events()]),
    ]  # fmt: skip


_LEADERS = {"kube-controller-manager": MANAGER, "kube-scheduler": SCHEDULER}


def _lock(name: str) -> list[JSON]:
    return [
        rule("create watch", "core", "configmaps"),
        rule("get update", "core", "configmaps", name),
        rule("get list watch create update patch", COORDINATION, "leases"),
    ]


def role_bindings() -> list[JSON]:
    reader = "extension-apiserver-authentication-reader"
    return [
        binding("kube-system", reader, MANAGER, SCHEDULER, name=f"system::{reader}"),
        binding("kube-system", "system:controller:bootstrap-signer", account("bootstrap-signer")),
        binding("kube-system", "system:controller:cloud-provider", account("cloud-provider")),
        binding("kube-system", "system:controller:token-cleaner", account("token-cleaner")),
        *(
            binding("kube-system", f"{_LEADER}{name}", subject, account(name))
            for name, subject in _LEADERS.items()
        ),
        binding("kube-public", "system:controller:bootstrap-signer", account("bootstrap-signer")),
    ]  # fmt: skip
