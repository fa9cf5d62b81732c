"""Namespaces: they stay, terminating, until their controller has emptied them and lifts the `kubernetes` finalizer."""

from __future__ import annotations

from typing import ClassVar

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, invalid
from apiserver.registry.strategy import Context, Strategy, SubresourceStrategy, merged_metadata

NAME_LABEL = "kubernetes.io/metadata.name"
FINALIZER = "kubernetes"


class Finalize(SubresourceStrategy):
    """`namespaces/finalize`: only `spec.finalizers` is taken from the request."""

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        finalizers = (new.get("spec") or {}).get("finalizers")
        metadata = merged_metadata(old["metadata"], new["metadata"], frozenset())
        new.clear()
        new.update(old)
        new["metadata"] = metadata
        spec = {key: value for key, value in (old.get("spec") or {}).items() if key != "finalizers"}
        new["spec"] = {**spec, "finalizers": finalizers} if finalizers else spec

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return validate_finalizers(new)


def validate_finalizers(obj: JSON) -> Errors:
    errors: Errors = []
    for index, finalizer in enumerate((obj.get("spec") or {}).get("finalizers") or ()):
        at = f"spec.finalizers[{index}]"
        errors += [invalid(at, finalizer, message) for message in names.qualified_name(finalizer)]
        if "/" not in finalizer and finalizer not in (FINALIZER, "foregroundDeletion", "orphan"):
            errors.append(invalid(at, finalizer, "name is neither a standard finalizer name nor is it fully qualified"))
    return errors


class NamespaceStrategy(Strategy):
    allow_unconditional_update = False
    status_metadata = frozenset(("labels", "annotations", "finalizers"))
    selectable_fields = ("status.phase",)
    subresources: ClassVar[dict[str, SubresourceStrategy]] = {"finalize": Finalize()}

    def name_errors(self, name: str) -> list[str]:
        return names.dns1123_label(name)

    def defaults(self, obj: JSON) -> None:
        metadata = obj.setdefault("metadata", {})
        if metadata.get("name"):
            metadata["labels"] = {**(metadata.get("labels") or {}), NAME_LABEL: metadata["name"]}

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        self.defaults(obj)
        spec = obj.get("spec") or {}
        finalizers = list(spec.get("finalizers") or ())
        obj["spec"] = {**spec, "finalizers": finalizers if FINALIZER in finalizers else [*finalizers, FINALIZER]}
        obj["status"] = {"phase": "Active"}

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        """Finalizers are changed through `finalize` only."""
        new["spec"] = old.get("spec") or {}

    def validate(self, obj: JSON) -> Errors:
        return validate_finalizers(obj)

    def validate_status_update(self, old: JSON, new: JSON) -> Errors:
        phase = (new.get("status") or {}).get("phase")
        deleting = bool(new["metadata"].get("deletionTimestamp"))
        if deleting and phase != "Terminating":
            return [invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")]
        if not deleting and phase == "Terminating":
            return [invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")]
        return []

    def prepare_for_deletion(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}

    def deletion_finalizers(self, obj: JSON) -> list[str]:
        return list((obj.get("spec") or {}).get("finalizers") or ())
