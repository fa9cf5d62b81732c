"""Schemas of custom resources: the CRD's own, with what every object has put in where the author leaves it out."""

from __future__ import annotations

from typing import Any, Final

from apiserver.schema.node import Schema
from apiserver.schema.store import SchemaStore

JSON = dict[str, Any]

EMBEDDED: Final = "x-kubernetes-embedded-resource"
PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"

_OBJECT_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_EVERY_OBJECT: Final[JSON] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"$ref": _OBJECT_META},
}


def custom_schema(openapi: JSON | None, store: SchemaStore) -> Schema:
    """The node of an `openAPIV3Schema`; without one, a schema that keeps everything but knows metadata."""
    if openapi is None:
        openapi = {"type": "object", PRESERVE: True}
    return Schema(_as_object(_embed(openapi)), store.node)


def _as_object(schema: JSON) -> JSON:
    """Upstream checks apiVersion, kind and metadata by its own types, whatever the author wrote for them."""
    return {**schema, "type": "object", "properties": {**schema.get("properties", {}), **_EVERY_OBJECT}}


def _embed(schema: JSON) -> JSON:
    """The same schema with every embedded resource made an object of its own."""
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {name: _embed(field) for name, field in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            result[key] = _embed(schema[key])
    return _as_object(result) if schema.get(EMBEDDED) else result
