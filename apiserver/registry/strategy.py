"""The base strategy: what one kind may override of the generic behaviour, and the defaults for those that do not.

A strategy is stateless and synchronous except where it says `async`. Trees are plain JSON dicts; hooks that change a
tree do it in place. The generic registry calls the hooks in this order:

    create: defaults -> (mutating admission) -> defaults -> prepare_for_create -> validate -> (validating admission)
            -> allocate -> etcd -> after_create, or `rollback` if etcd refused
    update: defaults -> prepare_for_update -> (mutating admission) -> validate_update -> (validating admission)
            -> allocate -> etcd -> after_update, or `rollback`
    delete: check_graceful_delete -> etcd -> after_delete once the object is really gone

Metadata (names, uid, timestamps, generation, owner references, finalizers) is the registry's affair, not a
strategy's, and so is the check against the published schema (types, required fields, enums).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from apimachinery import names
from apimachinery.errors import FieldError
from apimachinery.resources import GVR
from apiserver.registry.request import JSON, Request, User


class Reader(Protocol):
    """Read access to the cache: what it knows now, which may be a moment old. Any version of a resource will do;
    the trees are shared and must not be changed."""

    def get(self, gvr: GVR, namespace: str, name: str) -> JSON | None: ...

    def list(self, gvr: GVR, namespace: str = "") -> list[JSON]: ...


class Objects(Reader, Protocol):
    """What `allocate` and the `after_` hooks may do to other objects: the apiserver's own writes, past admission."""

    async def fetch(self, gvr: GVR, namespace: str, name: str) -> JSON | None:
        """The newest state, straight from etcd, for checks that must not be a moment old."""

    async def create(self, gvr: GVR, obj: JSON) -> JSON:
        """Raises ApiError AlreadyExists."""

    async def delete(self, gvr: GVR, namespace: str, name: str) -> bool:
        """Remove at once, without grace or finalizers. False if it was not there."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a hook may know about the write that it is part of."""

    request: Request
    gvr: GVR
    """The storage version of the resource."""
    now: float
    """Cluster time, Unix seconds."""
    objects: Objects
    subresource: str = ""

    @property
    def user(self) -> User:
        return self.request.user


class Strategy:
    """Every kind without a strategy of its own is served by this class as it stands."""

    allow_create_on_update: ClassVar[bool] = False
    """PUT to a name that does not exist creates it (leases, endpoints, events, ...)."""
    allow_unconditional_update: ClassVar[bool] = True
    """PUT without a resourceVersion overwrites whatever is there."""
    tracks_generation: ClassVar[bool] = False
    """`metadata.generation` is 1 at first and grows when anything but metadata and status changes."""
    resets_status: ClassVar[bool] = True
    """A status given on create is thrown away (if the resource has a status subresource at all)."""
    status_metadata: ClassVar[frozenset[str]] = frozenset()
    """Fields of metadata that a write to `status` may change, such as `labels`; all others stay as they are."""
    selectable_fields: ClassVar[tuple[str, ...]] = ()
    """Paths that field selectors may name besides metadata.name and metadata.namespace."""
    subresources: ClassVar[Mapping[str, SubresourceStrategy]] = {}
    """Subresources which are updates of a part of the object (`approval`, `finalize`, `resize`). `status` need not be
    given; `scale`, `binding`, `eviction` and `token` are handlers in `registry/subresources`."""

    # --- names ---

    def name_errors(self, name: str) -> list[str]:
        """What is wrong with `metadata.name`."""
        return names.dns1123_subdomain(name)

    # --- create and update ---

    def defaults(self, obj: JSON) -> None:
        """Fill in what the API fills in, as far as the object alone says. Must be idempotent."""

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        """Drop what a client may not set; set what the server sets."""

    def validate(self, obj: JSON) -> list[FieldError]:
        """Rules beyond the schema, for a new object. Also called by `validate_update` unless overridden."""
        return []

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        """Keep in `new` what an update may not touch. The registry has kept `status` already."""

    def validate_update(self, old: JSON, new: JSON) -> list[FieldError]:
        return self.validate(new)

    def warnings(self, obj: JSON) -> list[str]:
        """Texts for the `Warning` header: deprecated fields and the like."""
        return []

    def bumps_generation(self, old: JSON, new: JSON) -> bool:
        """Whether an update counts as one of the desired state. Asked only where `tracks_generation`."""
        return desired(old) != desired(new)

    # --- what lies outside the object ---

    async def allocate(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        """Claim what the object needs elsewhere (a cluster IP, a node port), writing it into `new`. Raises ApiError.

        Not called on a dry run: `preview_allocation` is.
        """

    async def rollback(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        """Give back what `allocate` claimed for `new` and `old` did not have: etcd refused the write."""

    def preview_allocation(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        """On a dry run: show what `allocate` would give, claiming nothing."""

    async def after_create(self, ctx: Context, obj: JSON) -> None:
        """The object is stored."""

    async def after_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        """The update is stored: give back what only `old` needed."""

    async def after_delete(self, ctx: Context, obj: JSON) -> None:
        """The object is gone: give back all it had."""

    # --- deletion ---

    def check_graceful_delete(self, ctx: Context, obj: JSON, grace_seconds: int | None) -> int:
        """How long the object stays, marked as deleted, for somebody to shut it down. 0: it goes at once.

        `grace_seconds` is what the client asked for, if it did. Negative values have been made 1 already.
        """
        return 0

    def prepare_for_deletion(self, ctx: Context, obj: JSON) -> None:
        """The object has just been marked as deleted and stays for a while: what else changes in it."""

    def deletion_finalizers(self, obj: JSON) -> list[str]:
        """Finalizers outside metadata which keep the object too (`spec.finalizers` of a Namespace)."""
        return []

    # --- selection ---

    def field_get(self, obj: JSON, path: str) -> str:
        """The text of a field for selectors, "" if absent. Override it where the field is computed."""
        return text_at(obj, path)


class SubresourceStrategy:
    """An update of a part of the object: which part, and what must hold."""

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        """Make `new` differ from `old` only where this subresource may."""
        raise NotImplementedError

    def validate_update(self, old: JSON, new: JSON) -> list[FieldError]:
        return []


class PartStrategy(SubresourceStrategy):
    """Only the named top-level fields, and the named fields of metadata, are taken from the request."""

    def __init__(
        self,
        *parts: str,
        metadata: frozenset[str] = frozenset(),
        validate: Callable[[JSON, JSON], list[FieldError]] | None = None,
    ) -> None:
        self._parts = parts
        self._metadata = metadata
        self._validate = validate

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        taken = {part: new[part] for part in self._parts if part in new}
        metadata = merged_metadata(old["metadata"], new["metadata"], self._metadata)
        kept = {key: value for key, value in old.items() if key not in self._parts}
        new.clear()
        new.update(kept)
        new["metadata"] = metadata
        new.update(taken)

    def validate_update(self, old: JSON, new: JSON) -> list[FieldError]:
        return self._validate(old, new) if self._validate else []


class StatusStrategy(PartStrategy):
    """`status`: everything else stays, except the metadata that the kind's strategy lets through."""

    def __init__(self, main: Strategy) -> None:
        super().__init__("status", metadata=main.status_metadata)
        self._main = main

    def validate_update(self, old: JSON, new: JSON) -> list[FieldError]:
        check: Callable[[JSON, JSON], list[FieldError]] | None = getattr(self._main, "validate_status_update", None)
        return check(old, new) if check else []


def merged_metadata(old: JSON, new: JSON, may_change: frozenset[str]) -> JSON:
    """Metadata of `old` with those fields of `new` that may change (the resourceVersion is a precondition, so kept)."""
    merged = {key: value for key, value in old.items() if key not in may_change}
    merged.update({key: new[key] for key in may_change if key in new})
    if "resourceVersion" in new:
        merged["resourceVersion"] = new["resourceVersion"]
    return merged


def desired(obj: JSON) -> JSON:
    """The object without metadata and status."""
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def text_at(obj: JSON, path: str) -> str:
    """The scalar at a dotted path as selectors see it: booleans as `true` and `false`, absent as ""."""
    value: Any = obj
    for part in path.split("."):
        if not isinstance(value, dict):
            return ""
        value = value.get(part)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or isinstance(value, dict | list) else str(value)
