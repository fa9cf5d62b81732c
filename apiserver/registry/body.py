"""From a JSON tree that a client sent to an object that the rules may rely on: types right, unknown fields gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apimachinery.errors import ApiError, bad_request
from apimachinery.resources import GVK
from apiserver.registry.request import JSON, FieldValidation
from apiserver.schema.node import Schema
from apiserver.schema.validate import decode_errors, find_unknown, prune


def check_body(
    body: Any,
    gvk: GVK,
    schema: Schema | None,
    validation: FieldValidation,
    *,
    decode_warnings: Iterable[str] = (),
    patched: bool = False,
) -> tuple[JSON, list[str]]:
    """The object as Go would have decoded it, and warnings. Raises ApiError 400; 422 for a strict error in a patch.

    apiVersion and kind may be missing: the URL has said them.
    """
    if not isinstance(body, dict):
        raise bad_request(f"{gvk.kind}: an object is expected")
    _check_type(body, gvk)
    if schema is None:
        return body, []
    problem = decode_errors(schema, body, gvk.kind, gvk.version)
    if problem:
        raise bad_request(problem)
    unknown = [*decode_warnings, *(f'unknown field "{path}"' for path in find_unknown(schema, body))]
    if unknown and validation is FieldValidation.STRICT:
        raise _strict(gvk, unknown, patched=patched)
    obj: JSON = prune(schema, body)
    return obj, unknown if validation is FieldValidation.WARN else []


def _check_type(body: JSON, gvk: GVK) -> None:
    api_version = body.setdefault("apiVersion", gvk.api_version) or gvk.api_version
    kind = body.setdefault("kind", gvk.kind) or gvk.kind
    if kind != gvk.kind:
        shown = f'{kind} in version "{api_version}"'
        raise bad_request(
            f"{shown} cannot be handled as a {gvk.kind}: converting ({kind}) to ({gvk.kind}): unknown conversion"
        )
    if api_version != gvk.api_version:
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({gvk.api_version})"
        )
    body["apiVersion"], body["kind"] = gvk.api_version, gvk.kind


def _strict(gvk: GVK, unknown: list[str], *, patched: bool) -> ApiError:
    text = "strict decoding error: " + ", ".join(unknown)
    if patched:
        cause = {"reason": "FieldValueInvalid", "message": f"Invalid value: {text}", "field": "patch"}
        details = {"name": "", "kind": gvk.kind, "causes": [cause]}
        return ApiError("Invalid", f'{gvk.kind} "" is invalid: patch: Invalid value: {text}', details=details)
    shown = f'{gvk.kind} in version "{gvk.version}"'
    return bad_request(f"{shown} cannot be handled as a {gvk.kind}: {text}")
