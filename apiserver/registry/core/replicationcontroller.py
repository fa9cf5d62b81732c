"""ReplicationControllers: ReplicaSets' ancestor, with a plain map for a selector."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, empty_selector, invalid, non_negative, required
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.core.pod_validation import validate_template
from apiserver.registry.core.workload import only_always
from apiserver.registry.strategy import Context, Strategy


class ReplicationControllerStrategy(Strategy):
    tracks_generation = True
    selectable_fields = ("status.replicas",)

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        if spec.get("replicas") is None:
            spec["replicas"] = 1
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            metadata = obj.setdefault("metadata", {})
            if not metadata.get("labels"):
                metadata["labels"] = dict(labels)
        default_template(spec.get("template"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"replicas": 0}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = non_negative("spec.replicas", spec.get("replicas"))
        if empty_selector({"matchLabels": spec.get("selector")}):
            errors.append(required("spec.selector"))
        template = spec.get("template")
        if template is None:
            return [*errors, required("spec.template")]
        labels = (template.get("metadata") or {}).get("labels") or {}
        if any(labels.get(key) != value for key, value in (spec.get("selector") or {}).items()):
            why = "`selector` does not match template `labels`"
            errors.append(invalid("spec.template.metadata.labels", labels, why))
        return errors + validate_template("spec.template", template) + only_always("spec.template", template)

    def field_get(self, obj: JSON, path: str) -> str:
        return super().field_get(obj, path) or ("0" if path == "status.replicas" else "")
