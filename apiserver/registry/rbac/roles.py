"""Roles and bindings: what may be done, and by whom."""

from __future__ import annotations

from typing import Final

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, enum, invalid, label_selector, not_supported, required
from apiserver.registry.strategy import Strategy

GROUP: Final = "rbac.authorization.k8s.io"


class _PathNamed(Strategy):
    allow_create_on_update = True

    def name_errors(self, name: str) -> list[str]:
        """These names contain colons."""
        return names.path_segment(name)


class RoleStrategy(_PathNamed):
    def __init__(self, *, namespaced: bool) -> None:
        self._namespaced = namespaced

    def validate(self, obj: JSON) -> Errors:
        errors: Errors = []
        for index, rule in enumerate(obj.get("rules") or ()):
            errors += _rule(f"rules[{index}]", rule, namespaced=self._namespaced)
        aggregation = obj.get("aggregationRule")
        if aggregation is not None:
            selectors = aggregation.get("clusterRoleSelectors") or []
            if not selectors:
                why = "at least one clusterRoleSelector required if aggregationRule is non-nil"
                errors.append(required("aggregationRule.clusterRoleSelectors", why))
            for index, selector in enumerate(selectors):
                errors += label_selector(f"aggregationRule.clusterRoleSelectors[{index}]", selector)
        return errors


def _rule(path: str, rule: JSON, *, namespaced: bool) -> Errors:
    errors: Errors = []
    if not rule.get("verbs"):
        errors.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    paths = rule.get("nonResourceURLs")
    if paths:
        if namespaced:
            why = "namespaced rules cannot apply to non-resource URLs"
            errors.append(invalid(f"{path}.nonResourceURLs", paths, why))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(invalid(f"{path}.nonResourceURLs", paths, why))
        return errors
    if not rule.get("apiGroups"):
        errors.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        errors.append(required(f"{path}.resources", "resource rules must supply at least one resource"))
    return errors


class BindingStrategy(_PathNamed):
    def __init__(self, *, namespaced: bool) -> None:
        self._namespaced = namespaced

    def defaults(self, obj: JSON) -> None:
        reference = obj.get("roleRef")
        if reference is not None and not reference.get("apiGroup"):
            reference["apiGroup"] = GROUP
        for subject in obj.get("subjects") or ():
            if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
                subject["apiGroup"] = GROUP

    def validate(self, obj: JSON) -> Errors:
        reference = obj.get("roleRef") or {}
        errors: Errors = []
        if reference.get("apiGroup") != GROUP:
            errors.append(not_supported("roleRef.apiGroup", reference.get("apiGroup"), (GROUP,)))
        kinds = ("Role", "ClusterRole") if self._namespaced else ("ClusterRole",)
        if reference.get("kind") not in kinds:
            errors.append(not_supported("roleRef.kind", reference.get("kind") or "", kinds))
        if not reference.get("name"):
            errors.append(required("roleRef.name"))
        for index, subject in enumerate(obj.get("subjects") or ()):
            errors += self._subject(f"subjects[{index}]", subject)
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        errors = self.validate(new)
        if old.get("roleRef") != new.get("roleRef"):
            errors.append(invalid("roleRef", new.get("roleRef"), "cannot change roleRef"))
        return errors

    def _subject(self, path: str, subject: JSON) -> Errors:
        kind, group = subject.get("kind"), subject.get("apiGroup") or ""
        errors = [] if subject.get("name") else [required(f"{path}.name")]
        if kind == "ServiceAccount":
            if subject.get("name"):
                errors += [
                    invalid(f"{path}.name", subject["name"], text) for text in names.dns1123_subdomain(subject["name"])
                ]
            if group:
                errors.append(not_supported(f"{path}.apiGroup", group, ("",)))
            if not self._namespaced and not subject.get("namespace"):
                errors.append(required(f"{path}.namespace"))
        elif kind in ("User", "Group"):
            if group != GROUP:
                errors.append(not_supported(f"{path}.apiGroup", group, (GROUP,)))
        else:
            errors += enum(f"{path}.kind", kind, ("ServiceAccount", "User", "Group"))
        return errors
