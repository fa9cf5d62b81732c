"""Admission policies and their bindings, validating and mutating."""

from __future__ import annotations

from apiserver.registry.admissionregistration.webhooks import default_rules, rule_errors
from apiserver.registry.checks import JSON, Errors, enum, label_selector, required
from apiserver.registry.strategy import Context, Strategy


def _default_match(match: JSON | None) -> None:
    if match is None:
        return
    if not match.get("matchPolicy"):
        match["matchPolicy"] = "Equivalent"
    for key in ("namespaceSelector", "objectSelector"):
        if match.get(key) is None:
            match[key] = {}
    for key in ("resourceRules", "excludeResourceRules"):
        default_rules(match.get(key))


def _match_errors(path: str, match: JSON | None) -> Errors:
    if match is None:
        return []
    errors = label_selector(f"{path}.namespaceSelector", match.get("namespaceSelector"))
    errors += label_selector(f"{path}.objectSelector", match.get("objectSelector"))
    for key in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(match.get(key) or ()):
            errors += rule_errors(f"{path}.{key}[{index}]", rule)
    return errors


class AdmissionPolicyStrategy(Strategy):
    tracks_generation = True

    def __init__(self, *, mutating: bool) -> None:
        self._mutating = mutating

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        if not spec.get("failurePolicy"):
            spec["failurePolicy"] = "Fail"
        if self._mutating and not spec.get("reinvocationPolicy"):
            spec["reinvocationPolicy"] = "Never"
        _default_match(spec.get("matchConstraints"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        if not self._mutating:
            obj["status"] = {}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = enum("spec.failurePolicy", spec.get("failurePolicy"), ("Fail", "Ignore"))
        if not (spec.get("matchConstraints") or {}).get("resourceRules"):
            errors.append(required("spec.matchConstraints.resourceRules"))
        errors += _match_errors("spec.matchConstraints", spec.get("matchConstraints"))
        if self._mutating and not spec.get("mutations"):
            errors.append(required("spec.mutations", "mutations must contain at least one item"))
        if not self._mutating and not spec.get("validations") and not spec.get("auditAnnotations"):
            why = "validations or auditAnnotations must contain at least one item"
            errors.append(required("spec.validations", why))
        for index, validation in enumerate(spec.get("validations") or ()):
            if not (validation.get("expression") or "").strip():
                errors.append(required(f"spec.validations[{index}].expression", "expression is not specified"))
        return errors


class AdmissionPolicyBindingStrategy(Strategy):
    tracks_generation = True

    def __init__(self, *, mutating: bool) -> None:
        self._mutating = mutating

    def defaults(self, obj: JSON) -> None:
        _default_match((obj.get("spec") or {}).get("matchResources"))

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = [] if spec.get("policyName") else [required("spec.policyName")]
        if not self._mutating and not spec.get("validationActions"):
            errors.append(required("spec.validationActions", "at least one validation action is required"))
        for index, action in enumerate(spec.get("validationActions") or ()):
            errors += enum(f"spec.validationActions[{index}]", action, ("Audit", "Deny", "Warn"))
        return errors + _match_errors("spec.matchResources", spec.get("matchResources"))
