"""Rules shared by everything that makes pods from a template by a selector."""

from __future__ import annotations

from apiserver.registry.checks import (
    JSON,
    Errors,
    empty_selector,
    forbidden,
    invalid,
    label_selector,
    not_supported,
    required,
    selects,
)
from apiserver.registry.core.pod_validation import validate_template


def validate_selected_template(spec: JSON, kind: str = "deployment") -> Errors:
    """`spec.selector` is there and selects what `spec.template` makes; the template's pods restart always."""
    selector = spec.get("selector")
    template = spec.get("template") or {}
    errors: Errors = []
    if selector is None:
        errors.append(required("spec.selector"))
    else:
        errors += label_selector("spec.selector", selector)
        if empty_selector(selector):
            errors.append(invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
    if selector is None or not empty_selector(selector):
        labels = (template.get("metadata") or {}).get("labels") or {}
        if not selects(selector, labels):
            why = "`selector` does not match template `labels`"
            errors.append(invalid("spec.template.metadata.labels", labels, why))
    errors += validate_template("spec.template", template)
    return errors + only_always("spec.template", template)


def only_always(path: str, template: JSON) -> Errors:
    spec = template.get("spec") or {}
    errors: Errors = []
    if spec.get("restartPolicy") not in ("Always", None, ""):
        errors.append(not_supported(f"{path}.spec.restartPolicy", spec["restartPolicy"], ("Always",)))
    if spec.get("activeDeadlineSeconds") is not None:
        errors.append(
            forbidden(f"{path}.spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported")
        )
    return errors
