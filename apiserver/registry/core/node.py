"""Nodes. A kubelet registers its own, status included, so a status given on create is kept."""

from __future__ import annotations

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, duplicate, each, enum, forbidden, invalid, labels, required
from apiserver.registry.core.canonical import canonicalize
from apiserver.registry.core.pod_validation import TAINT_EFFECTS
from apiserver.registry.strategy import Strategy


class NodeStrategy(Strategy):
    resets_status = False
    status_metadata = frozenset(("labels", "annotations", "finalizers"))
    selectable_fields = ("spec.unschedulable",)

    def defaults(self, obj: JSON) -> None:
        obj.setdefault("spec", {})
        status = obj.setdefault("status", {})
        canonicalize(status, "capacity", "allocatable")
        if status.get("capacity") and status.get("allocatable") is None:
            status["allocatable"] = dict(status["capacity"])

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = labels("metadata.labels", obj["metadata"].get("labels"))
        errors += each("spec.taints", spec.get("taints"), _taint)
        return errors + _unique_taints(spec.get("taints") or [])

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = (node.get("spec") or {} for node in (old, new))
        errors = self.validate(new)
        if was.get("podCIDRs") and was.get("podCIDRs") != now.get("podCIDRs"):
            errors.append(forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'))
        if was.get("providerID") and was.get("providerID") != now.get("providerID"):
            why = 'node updates may not change providerID except from "" to valid'
            errors.append(forbidden("spec.providerID", why))
        return errors

    def field_get(self, obj: JSON, path: str) -> str:
        if path == "spec.unschedulable":
            return "true" if (obj.get("spec") or {}).get("unschedulable") else "false"
        return super().field_get(obj, path)


def _taint(path: str, taint: JSON) -> Errors:
    key = taint.get("key") or ""
    errors = [invalid(f"{path}.key", key, message) for message in names.qualified_name(key)]
    wrong = names.label_value(taint.get("value") or "")
    errors += [invalid(f"{path}.value", taint["value"], "; ".join(wrong))] if wrong else []
    if not taint.get("effect"):
        return [*errors, required(f"{path}.effect")]
    return errors + enum(f"{path}.effect", taint.get("effect"), TAINT_EFFECTS)


def _unique_taints(taints: list[JSON]) -> Errors:
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        identity = (taint.get("key") or "", taint.get("effect") or "")
        if identity in seen:
            errors.append(duplicate(f"spec.taints[{index}]", "taints must be unique by key and effect pair"))
        seen.add(identity)
    return errors
