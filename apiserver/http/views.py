"""Answers as bytes: objects and lists as themselves, as Tables, as metadata only; in JSON, YAML or protobuf.

The common case, JSON of the kind itself, is never decoded: an object goes out as it is stored, a list is a join.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import orjson

from apimachinery.resources import GVK, split_api_version
from apiserver.codec import protobuf
from apiserver.http.message import Response
from apiserver.http.negotiate import PROTOBUF_TYPE, YAML_TYPE, Form
from apiserver.registry.request import ListResult, StoredObject

JSON = dict[str, Any]

_META_GROUP: Final = "meta.k8s.io"
_PARTIAL: Final = "PartialObjectMetadata"


class TableSource(Protocol):
    """What `apiserver.registry.tables` offers."""

    def columns(self, gvk: GVK) -> Sequence[JSON]:
        """columnDefinitions."""

    def rows(self, gvk: GVK, obj: JSON, now: float) -> Sequence[Any]:
        """The cells of an object's row, one per column."""


class View(NamedTuple):
    """Everything that decides how an answer to one request looks."""

    form: Form
    gvk: GVK
    strip_items: bool
    """Items of a list go without apiVersion and kind, as upstream's typed lists do; custom resources keep them."""
    include_object: str
    """`None`, `Metadata` or `Object`: what a Table's row carries besides its cells."""
    tables: TableSource
    now: Callable[[], float]

    # --- one object

    def object_response(self, stored: StoredObject | JSON, status: int = 200) -> Response:
        raw = stored.raw if isinstance(stored, StoredObject) else orjson.dumps(stored)
        if self.form.kind and not _is_status(stored):
            revision = str(stored.revision) if isinstance(stored, StoredObject) else _revision_of(stored)
            if self.form.kind == "Table":
                return self.finish(self.table([raw], {"resourceVersion": revision}), self._meta_gvk("Table"), status)
            return self.finish(self.partial(raw), self._meta_gvk(_PARTIAL), status)
        return self.finish(raw, self.gvk if isinstance(stored, StoredObject) else _gvk_of(stored), status)

    def partial(self, raw: bytes) -> bytes:
        """The object's metadata alone."""
        return b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/%b","metadata":%b}' % (
            self.form.version.encode() if self.form.kind else b"v1",
            metadata_of(raw),
        )

    # --- lists

    def list_response(self, result: ListResult) -> Response:
        raws = [item.raw for item in result.items]
        metadata: JSON = {"resourceVersion": str(result.revision)}
        if result.continue_token:
            metadata["continue"] = result.continue_token
            if result.remaining is not None:
                metadata["remainingItemCount"] = result.remaining
        if self.form.kind == "Table":
            return self.finish(self.table(raws, metadata), self._meta_gvk("Table"))
        if self.form.kind:
            gvk = self._meta_gvk(f"{_PARTIAL}List")
            return self.finish(join_list(gvk, metadata, (self.partial(raw) for raw in raws)), gvk)
        gvk = self.gvk._replace(kind=f"{self.gvk.kind}List")
        items = strip_kind(self.gvk, raws) if self.strip_items else raws
        return self.finish(join_list(gvk, metadata, items), gvk)

    # --- Tables

    def table(self, raws: Iterable[bytes], metadata: JSON, *, with_columns: bool = True) -> bytes:
        gvk = self._meta_gvk("Table")
        body = {"kind": gvk.kind, "apiVersion": gvk.api_version, "metadata": metadata}
        columns = self.tables.columns(self.gvk) if with_columns else []
        now = self.now()
        rows = [self.row(self.tables.rows(self.gvk, orjson.loads(raw), now), raw) for raw in raws]
        return orjson.dumps({**body, "columnDefinitions": columns, "rows": rows})

    def row(self, cells: Sequence[Any], raw: bytes) -> JSON:
        return {"cells": cells, "object": self.row_object(raw)}

    def row_object(self, raw: bytes) -> Any:
        if self.include_object == "None":
            return None
        return orjson.Fragment(raw if self.include_object == "Object" else self.partial(raw))

    # --- the last step

    def finish(self, raw: bytes, gvk: GVK, status: int = 200) -> Response:
        """JSON into the media type that was asked for."""
        if self.form.media == YAML_TYPE:
            return Response(status, to_yaml(orjson.loads(raw)), YAML_TYPE)
        if self.form.media == PROTOBUF_TYPE:
            return Response(status, protobuf.encode(gvk, orjson.loads(raw)), PROTOBUF_TYPE)
        return Response(status, prettify(raw) if self.form.pretty else raw)

    def _meta_gvk(self, kind: str) -> GVK:
        return GVK(_META_GROUP, self.form.version, kind)


class _WithMetadata(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


_decode_metadata = msgspec.json.Decoder(_WithMetadata).decode


def metadata_of(raw: bytes) -> bytes:
    """The bytes of `metadata`, the rest being skipped over."""
    return bytes(_decode_metadata(raw).metadata)


def kind_prefix(gvk: GVK) -> bytes:
    """How every stored object of a kind begins."""
    return b'{"apiVersion":"%b","kind":"%b",' % (gvk.api_version.encode(), gvk.kind.encode())


def strip_kind(gvk: GVK, raws: Iterable[bytes]) -> list[bytes]:
    prefix = kind_prefix(gvk)
    length = len(prefix)
    return [b"{" + raw[length:] if raw.startswith(prefix) else raw for raw in raws]


def join_list(gvk: GVK, metadata: JSON, items: Iterable[bytes]) -> bytes:
    head = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
        gvk.kind.encode(),
        gvk.api_version.encode(),
        orjson.dumps(metadata),
    )
    return head + b",".join(items) + b"]}"


def prettify(raw: bytes) -> bytes:
    return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2)


def to_yaml(tree: Any) -> bytes:
    import yaml

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(
        tree, Dumper=dumper, default_flow_style=False, sort_keys=True, allow_unicode=True, encoding="utf-8"
    )


def _is_status(stored: StoredObject | JSON) -> bool:
    return isinstance(stored, dict) and stored.get("kind") == "Status" and stored.get("apiVersion") == "v1"


def _gvk_of(tree: JSON) -> GVK:
    return GVK(*split_api_version(tree.get("apiVersion", "v1")), tree.get("kind", ""))


def _revision_of(tree: JSON) -> str:
    return str((tree.get("metadata") or {}).get("resourceVersion", ""))
