"""ReplicaSets: a number of pods from one template."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, non_negative, unchanged
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.core.workload import validate_selected_template
from apiserver.registry.strategy import Context, Strategy


class ReplicaSetStrategy(Strategy):
    tracks_generation = True
    selectable_fields = ("status.replicas",)

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        if spec.get("replicas") is None:
            spec["replicas"] = 1
        default_template(spec.get("template"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"replicas": 0}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = non_negative("spec.replicas", spec.get("replicas"))
        errors += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
        return errors + validate_selected_template(spec)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return self.validate(new) + unchanged("spec.selector", old["spec"].get("selector"), new["spec"].get("selector"))

    def field_get(self, obj: JSON, path: str) -> str:
        return super().field_get(obj, path) or ("0" if path == "status.replicas" else "")
