"""Roles and bindings: their names may hold colons, a binding's role never changes, API groups have defaults."""

from __future__ import annotations

from apimachinery.names import path_segment
from apiserver.registry.checks import JSON, Errors, not_supported, required, unchanged
from apiserver.registry.strategy import Strategy

GROUP = "rbac.authorization.k8s.io"
_SUBJECT_GROUPS = {"ServiceAccount": "", "User": GROUP, "Group": GROUP}


class RoleStrategy(Strategy):
    """Role and ClusterRole."""

    allow_create_on_update = True

    def name_errors(self, name: str) -> list[str]:
        return path_segment(name)

    def validate(self, obj: JSON) -> Errors:
        errors: Errors = []
        for index, rule in enumerate(obj.get("rules") or ()):
            if not rule.get("verbs"):
                errors.append(required(f"rules[{index}].verbs", "verbs must contain at least one value"))
        return errors


class RoleBindingStrategy(Strategy):
    """RoleBinding and ClusterRoleBinding."""

    allow_create_on_update = True

    def name_errors(self, name: str) -> list[str]:
        return path_segment(name)

    def defaults(self, obj: JSON) -> None:
        (obj.get("roleRef") or {}).setdefault("apiGroup", GROUP)
        for subject in obj.get("subjects") or ():
            group = _SUBJECT_GROUPS.get(subject.get("kind") or "", "")
            if group:
                subject.setdefault("apiGroup", group)

    def validate(self, obj: JSON) -> Errors:
        errors: Errors = []
        ref = obj.get("roleRef") or {}
        if ref.get("kind") not in ("Role", "ClusterRole"):
            errors.append(not_supported("roleRef.kind", ref.get("kind") or "", ("Role", "ClusterRole")))
        for index, subject in enumerate(obj.get("subjects") or ()):
            errors += _subject_errors(f"subjects[{index}]", subject)
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return unchanged("roleRef", old.get("roleRef"), new.get("roleRef"), "cannot change roleRef")


def _subject_errors(path: str, subject: JSON) -> Errors:
    errors: Errors = []
    if subject.get("kind") not in _SUBJECT_GROUPS:
        errors.append(not_supported(f"{path}.kind", subject.get("kind") or "", tuple(_SUBJECT_GROUPS)))
    if not subject.get("name"):
        errors.append(required(f"{path}.name"))
    if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
        errors.append(required(f"{path}.namespace"))
    return errors
