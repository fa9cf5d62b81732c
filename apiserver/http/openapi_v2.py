"""`/openapi/v2`: every group and kind in one document, as JSON or as protobuf.

It takes a second to make and half a megabyte to keep, few ask for it, and it is the same at every start. So it is made
when first asked for, by a thread, into a file of the cache directory, named after a hash of all that it is made of.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from apimachinery.errors import ApiError
from apimachinery.resources import GVK
from apiserver.http.discovery import Discovery
from apiserver.http.limits import V2_FILES
from apiserver.http.message import HeaderList, HttpRequest, Response
from apiserver.http.negotiate import JSON_TYPE, parse_accept
from apiserver.http.openapi_v2_document import Contents, as_json, as_protobuf, pieces
from apiserver.registry.resource import Resources
from apiserver.schema.definitions import source_path
from apiserver.schema.node import Schema
from apiserver.schema.resources import ResourceInfo, by_gvk
from apiserver.schema.store import SchemaStore

JSON = dict[str, Any]

FORMAT: Final = "1"
"""Part of every hash; raise it when documents are built differently."""
PROTOBUF_TYPE: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_PREFIX: Final = "openapi-v2-"


class Form(NamedTuple):
    media: str
    suffix: str
    write: Callable[[Iterator[JSON]], Iterator[bytes]]


_JSON_FORM: Final = Form(JSON_TYPE, "json", as_json)
_PROTOBUF_FORM: Final = Form(PROTOBUF_TYPE, "pb", as_protobuf)
_FORMS: Final = {
    "*/*": _JSON_FORM,
    "application/*": _JSON_FORM,
    JSON_TYPE: _JSON_FORM,
    PROTOBUF_TYPE: _PROTOBUF_FORM,
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf": _PROTOBUF_FORM,
}
"""By what clients ask for. The name with an `@` is no valid media type, so the answer's is another one."""


def negotiate(accept: str) -> Form:
    """Raises ApiError 406."""
    clauses = parse_accept(accept)
    if not clauses:
        return _JSON_FORM
    for clause in clauses:
        if clause.name in _FORMS and clause.quality > 0:
            return _FORMS[clause.name]
    raise ApiError("NotAcceptable", f"only the following media types are accepted: {JSON_TYPE}, {PROTOBUF_TYPE}")


class OpenApiV2:
    """Answers for `/openapi/v2`."""

    def __init__(self, discovery: Discovery, resources: Resources, schema: SchemaStore) -> None:
        self._discovery = discovery
        self._resources = resources
        self._schema = schema
        self._building = asyncio.Lock()
        self._served: dict[str, tuple[ResourceInfo, ...]] = {}
        self._custom: dict[GVK, Schema] = {}
        self._digest = ""

    async def answer(self, request: HttpRequest) -> Response:
        """Raises ApiError 406."""
        form = negotiate(request.header("accept"))
        contents = self._refresh()
        digest = self._digest
        etag = f'"{digest}-{form.suffix}"'
        headers: HeaderList = [("ETag", etag), ("Vary", "Accept-Encoding"), ("Vary", "Accept")]
        if etag in request.header("if-none-match"):
            return Response(304, b"", "", headers)
        body = await self._compressed(digest, form, contents)
        if "gzip" in request.header("accept-encoding"):
            return Response(200, body, form.media, [*headers, ("Content-Encoding", "gzip")])
        return Response(200, await asyncio.to_thread(zlib.decompress, body, 31), form.media, headers)

    async def _compressed(self, digest: str, form: Form, contents: Contents) -> bytes:
        path = self._schema.cache_dir / f"{_PREFIX}{digest[:32].lower()}.{form.suffix}.gz"
        async with self._building:  # whoever asks meanwhile waits for the same file
            return await asyncio.to_thread(_read_or_build, path, form, contents, self._schema)

    def _refresh(self) -> Contents:
        """What is served now; the hash is made anew only if that has changed."""
        versions = self._discovery.group_versions()
        served = {one: tuple(self._discovery.resources_of(*_split(one))) for one in versions}
        gvks = [info.gvk for infos in served.values() for info in infos if by_gvk(info.gvk) is None]
        custom = {gvk: schema for gvk in gvks if (schema := self._resources.schema(gvk)) is not None}
        contents = Contents(served, {gvk: schema.json for gvk, schema in custom.items()})
        # The schemas are compared by identity, which is quick and enough: a changed one is another object.
        if not self._digest or served != self._served or custom != self._custom:
            self._served, self._custom = served, custom
            self._digest = digest_of(contents)
        return contents


def _split(group_version: str) -> tuple[str, str]:
    group, _, version = group_version.rpartition("/")
    return group, version


def digest_of(contents: Contents) -> str:
    """The hash of all that the document is made of."""
    source = hashlib.sha512(source_path().read_bytes()).hexdigest()
    parts = (FORMAT, source, repr(contents.group_versions), repr(contents.custom))
    return hashlib.sha512("\n".join(parts).encode()).hexdigest().upper()


def _read_or_build(path: Path, form: Form, contents: Contents, schema: SchemaStore) -> bytes:
    """Whichever process comes second finds an equal file, or replaces it by one."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        _write(path, form.write(pieces(contents, schema)))
        _prune(path)
        return path.read_bytes()


def _write(path: Path, parts: Iterator[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    handle, scratch = tempfile.mkstemp(prefix=f".{_PREFIX}", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            for part in parts:
                file.write(compressor.compress(part))
            file.write(compressor.flush())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def _prune(written: Path) -> None:
    """Keep the newest files. Who still wants another makes it again."""
    files = [one for one in written.parent.glob(f"{_PREFIX}*") if one != written]
    for old in sorted(files, key=_modified, reverse=True)[V2_FILES - 1 :]:
        old.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    """0 for one that another process has just removed."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
