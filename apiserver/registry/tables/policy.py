"""Tables of access control and admission: roles, bindings, webhooks, admission policies, device claims."""

from __future__ import annotations

from apiserver.registry.tables.cells import (
    AGE,
    CREATED_AT,
    JSON,
    NAME,
    UNSET,
    Cells,
    Column,
    Table,
    age,
    joined,
    metadata,
    name,
    number,
    spec,
    status,
    wide,
)


def _role(obj: JSON, now: float) -> Cells:
    return [name(obj), metadata(obj).get("creationTimestamp") or ""]


def _binding(obj: JSON, now: float) -> Cells:
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or ()
    users, groups = (
        joined((one["name"] for one in subjects if one.get("kind") == kind), ", ") for kind in ("User", "Group")
    )
    accounts = joined(
        (f"{one.get('namespace')}/{one['name']}" for one in subjects if one.get("kind") == "ServiceAccount"), ", "
    )
    return [name(obj), f"{role.get('kind')}/{role.get('name')}", age(obj, now), users, groups, accounts]


def _webhooks(obj: JSON, now: float) -> Cells:
    return [name(obj), len(obj.get("webhooks") or ()), age(obj, now)]


def _validating_policy(obj: JSON, now: float) -> Cells:
    return [name(obj), len(spec(obj).get("validations") or ()), _param_kind(obj), age(obj, now)]


def _mutating_policy(obj: JSON, now: float) -> Cells:
    return [name(obj), len(spec(obj).get("mutations") or ()), _param_kind(obj), age(obj, now)]


def _param_kind(obj: JSON) -> str:
    kind = spec(obj).get("paramKind")
    return f"{kind.get('apiVersion')}/{kind.get('kind')}" if kind else UNSET


def _policy_binding(obj: JSON, now: float) -> Cells:
    reference = spec(obj).get("paramRef")
    shown = UNSET
    if reference:
        target = reference.get("name") or "*"
        shown = f"{reference['namespace']}/{target}" if reference.get("namespace") else target
    return [name(obj), spec(obj).get("policyName") or "", shown, age(obj, now)]


def _claim(obj: JSON, now: float) -> Cells:
    found = status(obj)
    words = ["deleted"] if metadata(obj).get("deletionTimestamp") else []
    words += ["allocated" if found.get("allocation") else "pending"]
    words += ["reserved"] if found.get("reservedFor") else []
    return [name(obj), ",".join(words), age(obj, now)]


def _slice(obj: JSON, now: float) -> Cells:
    found = spec(obj)
    pool = (found.get("pool") or {}).get("name") or ""
    return [name(obj), found.get("nodeName") or "", found.get("driver") or "", pool, age(obj, now)]


_BINDING = Table(
    (
        NAME,
        Column("Role", "What is granted."),
        AGE,
        wide("Users", "Users that have it."),
        wide("Groups", "Groups that have it."),
        wide("ServiceAccounts", "Service accounts that have it."),
    ),
    _binding,
)
_ROLE = Table((NAME, CREATED_AT), _role)
_WEBHOOKS = Table((NAME, number("Webhooks", "How many are called."), AGE), _webhooks)
_PARAM_KIND = Column("ParamKind", "Kind of the policy's parameters.")
_POLICY_BINDING = Table(
    (NAME, Column("PolicyName", "The policy put to use."), Column("ParamRef", "Its parameters."), AGE), _policy_binding
)
_ADMISSION = "admissionregistration.k8s.io"

TABLES = {
    ("rbac.authorization.k8s.io", "Role"): _ROLE,
    ("rbac.authorization.k8s.io", "ClusterRole"): _ROLE,
    ("rbac.authorization.k8s.io", "RoleBinding"): _BINDING,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _BINDING,
    (_ADMISSION, "MutatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingWebhookConfiguration"): _WEBHOOKS,
    (_ADMISSION, "ValidatingAdmissionPolicy"): Table(
        (NAME, number("Validations", "How many expressions must hold."), _PARAM_KIND, AGE), _validating_policy
    ),
    (_ADMISSION, "MutatingAdmissionPolicy"): Table(
        (NAME, number("Mutations", "How many changes are made."), _PARAM_KIND, AGE), _mutating_policy
    ),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _POLICY_BINDING,
    (_ADMISSION, "MutatingAdmissionPolicyBinding"): _POLICY_BINDING,
    ("resource.k8s.io", "ResourceClaim"): Table(
        (NAME, Column("State", "Whether devices are allocated and reserved."), AGE), _claim
    ),
    ("resource.k8s.io", "ResourceSlice"): Table(
        (
            NAME,
            Column("Node", "Where the devices are."),
            Column("Driver", "Who manages them."),
            Column("Pool", "The pool that they are part of."),
            AGE,
        ),
        _slice,
    ),
}
