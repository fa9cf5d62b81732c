"""The one request that both front doors build, and what they get back.

A front door decodes the body to a JSON tree (and nothing more), fills a `Request`, hands it to the pipeline, and
forwards the bytes of the `StoredObject`s that come back without decoding them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import msgspec
import orjson

from apimachinery.errors import ApiError
from apimachinery.resources import GVR

JSON = dict[str, Any]


class PatchType(Enum):
    """The patch formats, by their media type."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class FieldValidation(Enum):
    """What happens to fields that the schema does not know."""

    IGNORE = "Ignore"
    WARN = "Warn"
    STRICT = "Strict"


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, after authentication."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The query of list, watch and deletecollection, as sent: the registry checks it."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    """`Exact`, `NotOlderThan` or empty."""
    allow_watch_bookmarks: bool = False
    send_initial_events: bool | None = None
    timeout_seconds: float | None = None
    """A watch ends by itself after this long, in cluster time."""


NO_OPTIONS = ListOptions()


@dataclass(frozen=True, slots=True)
class Request:
    """One call on one resource. `verb` is the RBAC verb; what a `connect` needs is `get` or `create` there."""

    verb: str
    """get list watch create update patch delete deletecollection"""
    gvr: GVR
    user: User
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: ListOptions = NO_OPTIONS
    body: Any = None
    """Object of create and update, patch of patch (a list for JSON patch), DeleteOptions of delete; a JSON tree. The
    pipeline owns it from then on and may change it."""
    decode_errors: tuple[str, ...] = ()
    """What a strict decoder of the front door found (duplicate fields); counts as unknown fields do."""
    patch_type: PatchType | None = None
    force: bool = False
    """Server-side apply may take fields from others."""
    dry_run: bool = False
    field_manager: str = ""
    field_validation: FieldValidation = FieldValidation.WARN
    traceparent: str = ""
    in_span: bool = False
    """The span under way is this request's own: the front door has begun it."""


class _Meta(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}
    uid: str = ""


class _View(msgspec.Struct):
    metadata: _Meta


_view_of = msgspec.json.Decoder(_View).decode


class StoredObject:
    """One revision of one object as the cache keeps it. Immutable: share it, never change it.

    `raw` is the whole object as JSON, `resourceVersion` included, beginning with apiVersion, kind and metadata: what
    goes out on the wire. `key` is `namespace/name`, or `name` for what has no namespace.
    """

    __slots__ = ("_labels", "_tree", "created_revision", "fields", "key", "proto", "raw", "revision", "traceparent",
                 "writer")  # fmt: skip

    def __init__(
        self, key: str, revision: int, raw: bytes, *, created_revision: int = 0, traceparent: str = "", writer: str = ""
    ) -> None:
        self.key = key
        self.revision = revision
        self.raw = raw
        self.created_revision = created_revision
        self.traceparent = traceparent
        self.writer = writer
        self.fields: Mapping[str, str] | None = None
        """What field selectors can ask, once somebody asked."""
        self.proto: bytes | None = None
        """The object as a serialized `Object` of the gRPC front door, once somebody wanted it."""
        self._tree: JSON | None = None
        self._labels: dict[str, str] | None = None

    @property
    def namespace(self) -> str:
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def tree(self) -> JSON:
        """The object decoded, kept for the next one who asks. Treat it as immutable."""
        if self._tree is None:
            self._tree = orjson.loads(self.raw)
        return self._tree

    def copy(self) -> JSON:
        """The object decoded afresh, for who wants to change it."""
        tree: JSON = orjson.loads(self.raw)
        return tree

    @property
    def labels(self) -> dict[str, str]:
        if self._labels is None:
            self._labels = _view_of(self.raw).metadata.labels
        return self._labels

    @property
    def uid(self) -> str:
        return _view_of(self.raw).metadata.uid

    def __repr__(self) -> str:
        return f"StoredObject({self.key} at {self.revision})"


class ListResult(NamedTuple):
    """One page of one revision."""

    items: list[StoredObject]
    revision: int
    continue_token: str = ""
    remaining: int | None = None


class WatchEvent(NamedTuple):
    """One event for one watcher. A BOOKMARK has only a revision, an ERROR (the last event of its stream) an error."""

    type: str
    """ADDED MODIFIED DELETED BOOKMARK ERROR"""
    object: StoredObject | None
    revision: int
    initial_events_end: bool = False
    error: ApiError | None = None
    previous: StoredObject | None = None
    """Of a MODIFIED: the state before, to tell what it changes."""


class WriteOutcome(NamedTuple):
    """What a write gave. `object` is a tree where nothing was stored (dry run, reviews, Status of a deletion)."""

    object: StoredObject | JSON
    status_code: int = 200
    warnings: tuple[str, ...] = ()
    pending: bool = False
    """A deletion that has begun and waits: for its grace period, or for finalizers."""
    deleted: StoredObject | None = None
    """The last state of what was removed at once; `object` is a Status then."""

    @property
    def raw(self) -> bytes:
        """The object as JSON bytes."""
        return self.object.raw if isinstance(self.object, StoredObject) else orjson.dumps(self.object)

    @property
    def tree(self) -> JSON:
        return self.object.tree if isinstance(self.object, StoredObject) else self.object
