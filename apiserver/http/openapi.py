"""`/openapi/v3`: an index of hashed URLs, and a document per group-version behind them.

A document is built when first asked for and kept compressed. Its hash is that of what it is built from, so the index
costs nothing.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from typing import Any, Final

import orjson

from apimachinery.errors import ApiError
from apimachinery.resources import GVK, split_api_version
from apiserver.http.discovery import Discovery
from apiserver.http.limits import DOCUMENTS
from apiserver.http.message import HeaderList, HttpRequest, Response
from apiserver.http.negotiate import JSON_TYPE, parse_accept
from apiserver.http.openapi_paths import ALWAYS_REFERRED, PathWriter
from apiserver.http.protocol import gzip_compress
from apiserver.registry.resource import Resources
from apiserver.schema.definitions import source_path
from apiserver.schema.resources import ResourceInfo, by_gvk
from apiserver.schema.store import V3_PREFIX, SchemaStore, references

JSON = dict[str, Any]

_FORMAT: Final = "1"
"""Part of every hash; raise it when documents are built differently."""
_JSON_TYPES: Final = frozenset({JSON_TYPE, "*/*", "application/*"})
_GVK_EXTENSION: Final = "x-kubernetes-group-version-kind"
_FOREVER: Final = ("Cache-Control", "public, immutable")
_EXPIRES: Final = ("Expires", "Fri, 31 Dec 2100 00:00:00 GMT")


class OpenApi:
    """Answers for everything under `/openapi/v3`."""

    def __init__(self, discovery: Discovery, resources: Resources, schema: SchemaStore) -> None:
        self._discovery = discovery
        self._resources = resources
        self._schema = schema
        self._source = ""
        self._documents: OrderedDict[str, bytes] = OrderedDict()

    def answer(self, request: HttpRequest, rest: str) -> Response | None:
        """`rest` is empty for the index, else `api/v1` or `apis/apps/v1`. None for group-versions there are not.

        Raises ApiError 406.
        """
        accepted = {clause.name for clause in parse_accept(request.header("accept"))}
        if accepted and not accepted & _JSON_TYPES:
            raise ApiError("NotAcceptable", f"only the following media types are accepted: {JSON_TYPE}")
        if not rest:
            return self._index()
        infos = self._infos(rest)
        return self._document(request, rest, infos) if infos else None

    def _index(self) -> Response:
        paths = [_path_of(group_version) for group_version in self._discovery.group_versions()]
        body = {path: {"serverRelativeURL": self._url(path, self._hash(self._infos(path)))} for path in paths}
        return Response(200, orjson.dumps({"paths": body}))

    def _infos(self, path: str) -> list[ResourceInfo]:
        match path.split("/"):
            case ["api", version]:
                return self._discovery.resources_of("", version)
            case ["apis", group, version]:
                return self._discovery.resources_of(group, version)
        return []

    def _url(self, path: str, digest: str) -> str:
        return f"/openapi/v3/{path}?hash={digest}"

    def _document(self, request: HttpRequest, path: str, infos: list[ResourceInfo]) -> Response:
        digest = self._hash(infos)
        asked = request.param("hash")
        if asked and asked != digest:
            return Response(301, b"", "", [("Location", self._url(path, digest))])
        etag = f'"{digest}"'
        headers: HeaderList = [("ETag", etag), ("Vary", "Accept-Encoding"), ("Vary", "Accept")]
        headers += [_FOREVER, _EXPIRES] if asked else []
        if request.header("if-none-match") == etag:
            return Response(304, b"", "", headers)
        body = self._compressed(digest, infos)
        if "gzip" in request.header("accept-encoding"):
            return Response(200, body, JSON_TYPE, [*headers, ("Content-Encoding", "gzip")])
        return Response(200, zlib.decompress(body, 31), JSON_TYPE, headers)

    def _hash(self, infos: list[ResourceInfo]) -> str:
        if not self._source:
            self._source = hashlib.sha512(source_path().read_bytes()).hexdigest()
        parts = [_FORMAT, self._source, repr(infos)]
        parts += [repr(schema.json) for info in infos if (schema := self._custom(info)) is not None]
        return hashlib.sha512("\n".join(parts).encode()).hexdigest().upper()

    def _compressed(self, digest: str, infos: list[ResourceInfo]) -> bytes:
        found = self._documents.get(digest)
        if found is None:
            found = self._documents[digest] = gzip_compress(orjson.dumps(self._build(infos)), 6)
            while len(self._documents) > DOCUMENTS:
                self._documents.popitem(last=False)
        self._documents.move_to_end(digest)
        return found

    # --- building

    def _build(self, infos: list[ResourceInfo]) -> JSON:
        group, version = infos[0].gvr.group, infos[0].gvr.version
        writer = PathWriter(group, version, self._component_name)
        paths: JSON = {}
        for info in infos:
            paths |= writer.paths(info, builtin=by_gvk(info.gvk) is not None)
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.36.0"},
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": self._components(infos, f"{group}/{version}" if group else version)},
        }

    def _components(self, infos: list[ResourceInfo], group_version: str) -> JSON:
        components = self._schema.openapi_v3(group_version)
        wanted = [*ALWAYS_REFERRED]
        for info in infos:
            schema = self._custom(info)
            if schema is not None:
                wanted += references(schema.json)
                gvk = info.gvk._asdict()
                components[custom_component(info.gvk)] = {**_with_prefix(schema.json), _GVK_EXTENSION: [gvk]}
        return components | self._schema.documents(wanted, V3_PREFIX)

    def _custom(self, info: ResourceInfo) -> Any:
        return None if by_gvk(info.gvk) else self._resources.schema(info.gvk)

    def _component_name(self, gvk: GVK) -> str | None:
        name = self._schema.component_name(gvk)
        if name is not None or by_gvk(gvk) is not None:
            return name
        return custom_component(gvk) if self._resources.schema(gvk) else None


def custom_component(gvk: GVK) -> str:
    """`stable.example.com/v1 CronTab` -> `com.example.stable.v1.CronTab`."""
    return ".".join([*reversed(gvk.group.split(".")), gvk.version, gvk.kind])


def _path_of(group_version: str) -> str:
    group, version = split_api_version(group_version)
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _with_prefix(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_prefix(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _with_prefix(value) for key, value in schema.items()}
    if isinstance(found.get("$ref"), str):
        found["$ref"] = V3_PREFIX + found["$ref"]
    return found
