"""The one OpenAPI v2 document, piece by piece, so that nobody ever holds the whole as a tree. Pure but for reading.

A piece is a part of the document under the document's own keys: `{"paths": {...}}`. Pieces of one key follow one
another, and none is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from apimachinery.resources import GVK, split_api_version
from apiserver.codec import gnostic
from apiserver.http.openapi import custom_component
from apiserver.http.openapi_paths import META, PathWriter
from apiserver.http.openapi_v2_paths import SharedParameters, custom_definition, path_item
from apiserver.schema.definitions import GVK_EXTENSION
from apiserver.schema.resources import ResourceInfo, by_gvk
from apiserver.schema.store import V2_PREFIX, SchemaStore

JSON = dict[str, Any]

_DEFINITIONS_AT_A_TIME: Final = 32
_ABOUT: Final[JSON] = {"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.0"}}
_SECURITY: Final[JSON] = {
    "securityDefinitions": {
        "BearerToken": {
            "description": "Bearer Token authentication",
            "type": "apiKey",
            "name": "authorization",
            "in": "header",
        }
    },
    "security": [{"BearerToken": []}],
}
_MEDIA: Final = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


class Contents(NamedTuple):
    """What a document is made of: nothing here changes any more."""

    group_versions: dict[str, tuple[ResourceInfo, ...]]
    """By `apps/v1` or `v1`."""
    custom: dict[GVK, JSON]
    """Schemas of custom resources."""


def pieces(contents: Contents, store: SchemaStore) -> Iterator[JSON]:
    """The document's pieces in order."""
    yield _ABOUT
    shared = SharedParameters()
    yield {"paths": _discovery_paths(contents)}
    for group_version in sorted(contents.group_versions, key=_base_path):
        yield {"paths": _paths(group_version, contents, store, shared)}
    yield {"parameters": dict(sorted(shared.found.items()))}
    definitions = store.openapi_v2()
    while chunk := dict(islice(definitions, _DEFINITIONS_AT_A_TIME)):
        yield {"definitions": chunk}
    for gvk, schema in contents.custom.items():
        yield {"definitions": {custom_component(gvk): custom_definition(schema) | {GVK_EXTENSION: [gvk._asdict()]}}}
    yield _SECURITY


def _paths(group_version: str, contents: Contents, store: SchemaStore, shared: SharedParameters) -> JSON:
    def component(gvk: GVK) -> str | None:
        return custom_component(gvk) if gvk in contents.custom else store.component_name(gvk)

    writer = PathWriter(*split_api_version(group_version), component)
    found: JSON = {}
    for info in contents.group_versions[group_version]:
        for path, item in writer.paths(info, builtin=by_gvk(info.gvk) is not None).items():
            found[path] = path_item(item, shared)
    return dict(sorted(found.items()))


# --- discovery


def _base_path(group_version: str) -> str:
    return f"/apis/{group_version}/" if "/" in group_version else f"/api/{group_version}/"


def _discovery_paths(contents: Contents) -> JSON:
    """`/api/`, `/apis/`, `/apis/apps/` and `/apis/apps/v1/`."""
    groups = {one.partition("/")[0] for one in contents.group_versions if "/" in one}
    kinds = {"/api/": "APIVersions", "/apis/": "APIGroupList"}
    kinds |= {f"/apis/{group}/": "APIGroup" for group in groups}
    kinds |= {_base_path(one): "APIResourceList" for one in contents.group_versions}
    return {path: {"get": _discovery(path, kind)} for path, kind in sorted(kinds.items())}


def _discovery(path: str, kind: str) -> JSON:
    words = "".join(part.capitalize() for part in path.replace(".", "/").split("/"))
    answer = {"description": "OK", "schema": {"$ref": f"{V2_PREFIX}{META}{kind}"}}
    return {
        "description": f"get the {kind}",
        "operationId": f"get{words}{kind}",
        "consumes": list(_MEDIA),
        "produces": list(_MEDIA),
        "schemes": ["https"],
        "responses": {"200": answer, "401": {"description": "Unauthorized"}},
    }


# --- forms


def as_protobuf(parts: Iterator[JSON]) -> Iterator[bytes]:
    """The document as gnostic's message, in pieces."""
    return map(gnostic.encode, parts)


def as_json(parts: Iterator[JSON]) -> Iterator[bytes]:
    """The document as JSON text, in pieces."""
    before, section = b"{", ""
    for key, value in (item for part in parts for item in part.items()):
        if key == section:
            yield b"," + _inside(value)
            continue
        section = key if isinstance(value, dict) else ""
        yield before + orjson.dumps(key) + b":" + (b"{" + _inside(value) if section else orjson.dumps(value))
        before = b"}," if section else b","
    yield b"}}" if section else b"}"


def _inside(value: JSON) -> bytes:
    """An object's text without its braces."""
    return orjson.dumps(value)[1:-1]
