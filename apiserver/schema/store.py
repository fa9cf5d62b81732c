"""Schemas of the built-in kinds: nodes for the request pipeline, documents for OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from apimachinery.resources import GVK, split_api_version
from apiserver.schema.definitions import Definitions, open_definitions
from apiserver.schema.node import Schema
from apiserver.schema.resources import in_group_version

JSON = dict[str, Any]

V3_PREFIX: Final = "#/components/schemas/"
V2_PREFIX: Final = "#/definitions/"

_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"

_V3_FORMS: Final[dict[str, JSON]] = {
    _INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    _QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
}
_V2_FORMS: Final[dict[str, JSON]] = {
    _INT_OR_STRING: {"type": "string", "format": "int-or-string"},
    _QUANTITY: {"type": "string"},
}
"""OpenAPI v2 has no `oneOf`."""


class SchemaStore:
    """Everything is read when first asked for; `cache_dir` holds what was derived from the published definitions."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._definitions: Definitions | None = None
        self._nodes: dict[str, Schema] = {}

    @property
    def cache_dir(self) -> Path:
        """Where what is derived from schemas may be kept. Others keep files there too."""
        return self._cache_dir

    @property
    def definitions(self) -> Definitions:
        if self._definitions is None:
            self._definitions = open_definitions(self._cache_dir)
        return self._definitions

    def for_kind(self, gvk: GVK) -> Schema | None:
        """The schema of a built-in kind; None where there is none (custom resources, kinds that are only options)."""
        name = self.definitions.name_of(gvk)
        return self.node(name) if name else None

    def node(self, name: str) -> Schema:
        """The node of a definition. At most one per definition is ever made, so this holds some 800 at most."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = Schema(self.definitions.lean(name), self.node, name)
        return node

    def component_name(self, gvk: GVK) -> str | None:
        """What the kind is called among an OpenAPI document's components."""
        return self.definitions.name_of(gvk)

    def openapi_v3(self, group_version: str) -> dict[str, JSON]:
        """Component schemas of `apps/v1` or `v1`, complete: all that its kinds and subresources refer to."""
        group, version = split_api_version(group_version)
        names = self.definitions.names_in(group, version)
        for info in in_group_version(group, version):
            kinds = [sub.kind for sub in info.subresources.values()]
            names += [name for kind in kinds if (name := self.definitions.name_of(kind))]
        return self.documents(names, V3_PREFIX)

    definitions_for = openapi_v3

    def openapi_v2(self) -> Iterator[tuple[str, JSON]]:
        """All definitions for the one OpenAPI v2 document, by name, read one at a time."""
        for name in sorted(self.definitions.names()):
            yield name, _document(name, self.definitions.whole(name), V2_PREFIX)

    def documents(self, names: list[str], prefix: str) -> dict[str, JSON]:
        """Definitions with all they refer to, references written with `prefix`, sorted by name."""
        found: dict[str, JSON] = {}
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                whole = self.definitions.whole(name)
                todo.extend(references(whole))
                found[name] = _document(name, whole, prefix)
        return dict(sorted(found.items()))


def references(schema: JSON) -> Iterator[str]:
    """Names of the definitions a schema refers to."""
    if "$ref" in schema:
        yield schema["$ref"]
    for field in schema.get("properties", {}).values():
        yield from references(field)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from references(schema[key])


def _document(name: str, schema: JSON, prefix: str) -> JSON:
    form = (_V3_FORMS if prefix == V3_PREFIX else _V2_FORMS).get(name)
    if form is not None:
        return {"description": schema.get("description", ""), **form}
    return _published(schema, prefix)


def _published(schema: JSON, prefix: str) -> JSON:
    result: JSON = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: _published(field, prefix) for name, field in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _published(value, prefix)
        elif key != "$ref":
            result[key] = value
    if "$ref" in schema:
        reference = {"$ref": prefix + schema["$ref"]}
        # OpenAPI v3 ignores what stands beside a reference; upstream wraps it there, and leaves it bare in v2.
        if result and prefix == V3_PREFIX:
            result["allOf"] = [reference]
        else:
            result.update(reference)
    return result
