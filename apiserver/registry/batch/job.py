"""Jobs: pods that run to completion. Their selector is made by the server from the job's uid."""

from __future__ import annotations

import copy
from typing import Final

from apiserver.registry.checks import (
    JSON,
    Errors,
    empty_selector,
    enum,
    invalid,
    non_negative,
    not_supported,
    required,
    selects,
    unchanged,
)
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.core.pod_validation import validate_template
from apiserver.registry.strategy import Context, Strategy

UNLIMITED: Final = 2**31 - 1
UID_LABEL: Final = "batch.kubernetes.io/controller-uid"
NAME_LABEL: Final = "batch.kubernetes.io/job-name"
OLD_LABELS: Final = {"controller-uid": UID_LABEL, "job-name": NAME_LABEL}
_NUMBERS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "ttlSecondsAfterFinished",
)


def default_job_spec(spec: JSON) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    limit = UNLIMITED if spec.get("backoffLimitPerIndex") is not None else 6
    replacement = "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    for key, value in (
        ("parallelism", 1),
        ("backoffLimit", limit),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
        ("podReplacementPolicy", replacement),
    ):
        if spec.get(key) is None:
            spec[key] = value
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            if not pattern.get("status"):
                pattern["status"] = "True"
    default_template(spec.get("template"))


class JobStrategy(Strategy):
    tracks_generation = True
    selectable_fields = ("status.successful",)

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        default_job_spec(spec)
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
        metadata = obj.setdefault("metadata", {})
        if labels and not metadata.get("labels"):
            metadata["labels"] = dict(labels)

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}
        if not obj["spec"].get("manualSelector"):
            _generate_selector(obj)
            # Upstream defaults labels again as it reads the job back, so these too come from the template.
            self.defaults(obj)

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = validate_job_spec("spec", spec)
        if spec.get("selector") is None:
            return [*errors, required("spec.selector")]
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        if empty_selector(spec["selector"]) or not selects(spec["selector"], labels):
            why = "`selector` does not match template `labels`"
            errors.append(invalid("spec.template.metadata.labels", labels, why))
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = old["spec"], new["spec"]
        errors = self.validate(new)
        errors += unchanged("spec.selector", was.get("selector"), now.get("selector"))
        errors += _template_unchanged(old, was, now)
        for field in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
            errors += unchanged(f"spec.{field}", was.get(field), now.get(field))
        # An indexed job may be made larger or smaller while parallelism follows (KEP-3715).
        elastic = now.get("completionMode") == "Indexed" and now.get("completions") == now.get("parallelism")
        if not elastic:
            errors += unchanged("spec.completions", was.get("completions"), now.get("completions"))
        return errors

    def field_get(self, obj: JSON, path: str) -> str:
        if path == "status.successful":
            return str((obj.get("status") or {}).get("succeeded") or 0)
        return super().field_get(obj, path)


def validate_job_spec(path: str, spec: JSON) -> Errors:
    """What holds for a job and for the job template of a cron job."""
    errors: Errors = []
    for field in _NUMBERS:
        errors += non_negative(f"{path}.{field}", spec.get(field))
    mode = spec.get("completionMode")
    errors += enum(f"{path}.completionMode", mode, ("NonIndexed", "Indexed"), needed=False)
    if mode == "Indexed" and spec.get("completions") is None:
        errors.append(required(f"{path}.completions", "when completion mode is Indexed"))
    if mode != "Indexed" and spec.get("backoffLimitPerIndex") is not None:
        why = "requires indexed completion mode"
        errors.append(invalid(f"{path}.backoffLimitPerIndex", spec["backoffLimitPerIndex"], why))
    errors += validate_template(f"{path}.template", spec.get("template"))
    at = f"{path}.template.spec.restartPolicy"
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy == "Always":
        errors.append(required(at, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        errors.append(not_supported(at, policy, ("OnFailure", "Never")))
    if spec.get("podFailurePolicy") and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        errors.append(invalid(at, policy, why))
    return errors


def _generate_selector(job: JSON) -> None:
    """Labels that only this job's pods have, on the template and in the selector."""
    metadata, spec = job["metadata"], job["spec"]
    labels = {UID_LABEL: metadata.get("uid", ""), NAME_LABEL: metadata.get("name", "")}
    template = spec.setdefault("template", {})
    given = template.setdefault("metadata", {}).get("labels") or {}
    old = {name: labels[new] for name, new in OLD_LABELS.items()}
    template["metadata"]["labels"] = {**given, **labels, **old}
    selector = copy.deepcopy(spec.get("selector") or {})
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), UID_LABEL: labels[UID_LABEL]}
    spec["selector"] = selector


_SCHEDULING: Final = ("nodeSelector", "affinity", "tolerations", "schedulingGates")


def _template_unchanged(old: JSON, was: JSON, now: JSON) -> Errors:
    """Immutable; but a suspended job that has not started may still be steered to other nodes (KEP-2926)."""
    before, after = copy.deepcopy(was.get("template") or {}), copy.deepcopy(now.get("template") or {})
    if was.get("suspend") and not (old.get("status") or {}).get("startTime"):
        for template in (before, after):
            template.pop("metadata", None)
            for field in _SCHEDULING:
                (template.get("spec") or {}).pop(field, None)
            for container in (template.get("spec") or {}).get("containers") or ():
                container.pop("resources", None)
    return unchanged("spec.template", before, after)
