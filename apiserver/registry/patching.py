"""Patches: which format does what to a document."""

from __future__ import annotations

from typing import Any

from apimachinery import json_patch, merge_patch, strategic_merge
from apimachinery.errors import ApiError, bad_request
from apiserver.registry.request import JSON, PatchType
from apiserver.schema.node import Schema

_ACCEPTED = ", ".join((PatchType.JSON.value, PatchType.MERGE.value, PatchType.STRATEGIC.value))
_ACCEPTED_CUSTOM = ", ".join((PatchType.JSON.value, PatchType.MERGE.value))


def check_patch(kind: PatchType | None, patch: Any, *, builtin: bool, force: bool) -> None:
    """Refuse what will not do, whatever the object. Raises ApiError."""
    if kind is None or (kind is PatchType.STRATEGIC and not builtin):
        accepted = _ACCEPTED if builtin else _ACCEPTED_CUSTOM
        raise ApiError(
            "UnsupportedMediaType",
            f"the body of the request was in an unknown format - accepted media types include: {accepted}",
        )
    if kind is PatchType.APPLY:
        raise ApiError("UnsupportedMediaType", "server-side apply is not supported yet; use client-side apply")
    if force:
        cause = {"reason": "FieldValueForbidden", "message": "Forbidden: may not be specified for non-apply patch",
                 "field": "force"}  # fmt: skip
        text = 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch'
        raise ApiError("Invalid", text, details={"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause]})
    if kind is not PatchType.JSON and not isinstance(patch, dict):
        raise bad_request("json: cannot unmarshal the patch: an object is expected")


def apply_patch(kind: PatchType, document: JSON, patch: Any, schema: Schema | None) -> JSON:
    """The patched document; neither input changes. Raises ApiError."""
    if kind is PatchType.JSON:
        result = json_patch.apply(document, patch)
    elif kind is PatchType.MERGE:
        result = merge_patch.apply(document, patch)
    else:
        result = strategic_merge.apply(document, patch, schema)
    if not isinstance(result, dict):
        raise bad_request("the patch does not leave an object")
    return result


def names_revision(kind: PatchType, patch: Any) -> bool:
    """Whether the patch insists on the revision that it is made for: then a conflict is the client's to solve."""
    if kind is PatchType.JSON:
        return any(isinstance(one, dict) and one.get("path") == "/metadata/resourceVersion" for one in patch)
    metadata = patch.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("resourceVersion"))
