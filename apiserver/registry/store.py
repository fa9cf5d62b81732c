"""The generic registry: create, update and delete for every kind, by its strategy.

Each write is a loop: decide on the newest known state, write on condition that it is still the newest, else look again.
The first look is at the cache; what would be refused on a stale state is decided again on etcd's.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import orjson

from apimachinery import names
from apimachinery.errors import ApiError, FieldError, already_exists, conflict, invalid, not_found
from apiserver.limits import GENERATE_NAME_ATTEMPTS, WRITE_ATTEMPTS
from apiserver.registry import meta
from apiserver.registry.deletion import Action, Options, check_preconditions, is_finished, plan_deletion
from apiserver.registry.objects import ObjectStore, Written
from apiserver.registry.request import JSON, StoredObject
from apiserver.registry.resource import Resource
from apiserver.registry.strategy import Context, StatusStrategy, SubresourceStrategy
from apiserver.schema.node import Schema
from apiserver.schema.validate import validate

log = logging.getLogger(__name__)

Outcome = StoredObject | JSON
"""What was stored; a tree where nothing was (dry run)."""

Produce = Callable[[StoredObject], Awaitable[JSON]]
"""From what is stored to what shall be: the new object in the storage version, a tree of its own."""


class Admission(Protocol):
    """The admission chain, bound to one request."""

    async def mutate(self, new: JSON | None, old: JSON | None) -> None: ...

    async def validate(self, new: JSON | None, old: JSON | None) -> None: ...


class NoAdmission:
    """For the apiserver's own writes."""

    async def mutate(self, new: JSON | None, old: JSON | None) -> None:
        return

    async def validate(self, new: JSON | None, old: JSON | None) -> None:
        return


@dataclass(frozen=True, slots=True)
class Write:
    """One write: of which resource, in whose name, through which admission."""

    resource: Resource
    ctx: Context
    admission: Admission
    schema: Schema | None = None
    """Of the storage version."""
    dry_run: bool = False
    subresource: SubresourceStrategy | None = None
    """The part of the object that an update is about; None for the object without its status."""

    @property
    def writer(self) -> str:
        return self.ctx.user.name


class Registry:
    """Stateless: everything is in the object store."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    # --- create ---

    async def create(self, write: Write, obj: JSON) -> Outcome:
        """Raises ApiError AlreadyExists, Invalid, or what admission says."""
        resource, strategy = write.resource, write.resource.strategy
        strategy.defaults(obj)
        await write.admission.mutate(obj, None)
        strategy.defaults(obj)
        meta.fill(obj, resource, write.ctx.now)
        if resource.has_status and strategy.resets_status:
            obj.pop("status", None)
        metadata = obj["metadata"]
        if metadata.get("name") or not metadata.get("generateName"):
            return await self._create_once(write, obj)
        for _ in range(GENERATE_NAME_ATTEMPTS):
            # Before `prepare_for_create`, which may put the name elsewhere too (labels of jobs and namespaces).
            metadata["name"] = names.generate_name(metadata["generateName"])
            try:
                return await self._create_once(write, obj)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                last = error
        last.message += ", the server was not able to generate a unique name for the object"
        raise last

    async def _create_once(self, write: Write, obj: JSON) -> Outcome:
        resource, strategy, ctx = write.resource, write.resource.strategy, write.ctx
        strategy.prepare_for_create(ctx, obj)
        meta.drop_empty(obj)
        self._refuse(write, obj, meta.check(obj, resource), lambda: strategy.validate(obj))
        await write.admission.validate(obj, None)
        key = key_of(obj)
        if write.dry_run:
            present = await self.store.read(resource, key)
            if present is not None:
                raise _exists(resource, present)
            strategy.preview_allocation(ctx, None, obj)
            return obj
        await strategy.allocate(ctx, None, obj)
        written = await self._store(write, None, obj, lambda: self.store.insert(resource, key, obj, write.writer))
        if not written.succeeded:
            assert written.object is not None
            raise _exists(resource, written.object)
        assert written.object is not None
        await strategy.after_create(ctx, obj)
        return written.object

    # --- update ---

    async def update(self, write: Write, key: str, produce: Produce, *, retry: bool = True) -> Outcome:
        """Raises ApiError NotFound, Conflict, Invalid, or what `produce` and admission say.

        Without `retry`, losing a race is a Conflict at once.
        """
        current, fresh = await self._first_look(write.resource, key)
        for _ in range(WRITE_ATTEMPTS):
            if current is None:
                raise not_found(write.resource.group, write.resource.name, key.rpartition("/")[2])
            try:
                old, new = await self._next_state(write, current, produce)
                unchanged = _same(new, old)
            except ApiError:
                newest = current if fresh else await self.store.fetch(write.resource, key)
                if newest is not None and newest.revision == current.revision:
                    raise
                current, fresh = newest, True
                continue
            if unchanged and not fresh:
                newest = await self.store.fetch(write.resource, key)
                fresh, unchanged = True, newest is not None and newest.revision == current.revision
                if not unchanged:
                    current = newest
                    continue
            if unchanged or write.dry_run:
                return current if unchanged else _unwritten(current, new)
            written = await self._commit(write, current, old, new)
            if written.succeeded:  # without an object: the write that took the last finalizer off, as it was asked for
                return written.object or _unwritten(current, new)
            if not retry:
                break
            current, fresh = written.object, True
        raise conflict(write.resource.group, write.resource.name, key.rpartition("/")[2])

    async def _first_look(self, resource: Resource, key: str) -> tuple[StoredObject | None, bool]:
        """The cached state and False, or etcd's and True."""
        cached = self.store.cached(resource, key)
        return (cached, False) if cached is not None else (await self.store.fetch(resource, key), True)

    async def _next_state(self, write: Write, current: StoredObject, produce: Produce) -> tuple[JSON, JSON]:
        """What is stored and what would be stored now, checked in every way. Both trees are of this write alone."""
        resource, strategy, ctx = write.resource, write.resource.strategy, write.ctx
        old = current.copy()
        new = await produce(current)
        _check_revision(resource, current, new)
        if write.subresource is None:
            strategy.defaults(new)
        meta.keep(old, new, resource)
        self._separate(write, old, new)
        await write.admission.mutate(new, old)
        meta.keep(old, new, resource)
        meta.drop_empty(new)
        part = write.subresource
        bumps = part is None or not isinstance(part, StatusStrategy)
        if bumps and old["metadata"].get("generation") and strategy.bumps_generation(old, new):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        errors = meta.check_update(old, new)
        if part is None:
            errors = [*meta.check(new, resource), *errors]
        check = (lambda: strategy.validate_update(old, new)) if part is None else lambda: part.validate_update(old, new)
        self._refuse(write, new, errors, check)
        await write.admission.validate(new, old)
        if write.dry_run:
            strategy.preview_allocation(ctx, old, new)
        return old, new

    def _separate(self, write: Write, old: JSON, new: JSON) -> None:
        """Let only that part change which the request is about."""
        if write.subresource is not None:
            write.subresource.prepare_for_update(write.ctx, old, new)
            return
        if write.resource.has_status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        write.resource.strategy.prepare_for_update(write.ctx, old, new)

    async def _commit(self, write: Write, current: StoredObject, old: JSON, new: JSON) -> Written:
        resource, strategy, ctx = write.resource, write.resource.strategy, write.ctx
        if is_finished(resource, new) and old["metadata"].get("deletionTimestamp"):
            return await self._remove(write, current)
        await strategy.allocate(ctx, old, new)
        replace = lambda: self.store.replace(resource, current, new, write.writer)  # noqa: E731
        written = await self._store(write, old, new, replace)
        if written.succeeded:
            await strategy.after_update(ctx, old, new)
        return written

    # --- delete ---

    async def delete(self, write: Write, key: str, options: Options) -> tuple[StoredObject | JSON, bool]:
        """What was deleted and True; or what now waits for its end, and False. Raises ApiError."""
        resource = write.resource
        current, fresh = await self._first_look(resource, key)
        for _ in range(WRITE_ATTEMPTS):
            if current is None:
                raise not_found(resource.group, resource.name, key.rpartition("/")[2])
            try:
                check_preconditions(resource, current.tree, current.revision, options)
                await write.admission.mutate(None, current.tree)
                await write.admission.validate(None, current.tree)
                plan = plan_deletion(resource, write.ctx, current.copy(), options)
            except ApiError:
                newest = current if fresh else await self.store.fetch(resource, key)
                if newest is not None and newest.revision == current.revision:
                    raise
                current, fresh = newest, True
                continue
            if write.dry_run or plan.action is Action.WAIT:
                return (plan.object if write.dry_run else current), plan.action is Action.REMOVE
            if plan.action is Action.REMOVE:
                written = await self._remove(write, current)
            else:
                written = await self.store.replace(resource, current, plan.object, write.writer)
            if written.succeeded:
                return written.object or current, plan.action is Action.REMOVE
            current, fresh = written.object, True
        raise conflict(resource.group, resource.name, key.rpartition("/")[2])

    async def _remove(self, write: Write, current: StoredObject) -> Written:
        written = await self.store.remove(write.resource, current)
        if written.succeeded:
            await write.resource.strategy.after_delete(write.ctx, current.tree)
        return written

    # --- both ---

    async def _store(self, write: Write, old: JSON | None, new: JSON, put: Callable[[], Awaitable[Written]]) -> Written:
        """Write, and give back what was allocated for it if that fails."""
        try:
            written = await put()
        except ApiError:
            await write.resource.strategy.rollback(write.ctx, old, new)
            raise
        if not written.succeeded:
            await write.resource.strategy.rollback(write.ctx, old, new)
        return written

    def _refuse(self, write: Write, obj: JSON, errors: list[FieldError], rules: Callable[[], list[FieldError]]) -> None:
        """Raises ApiError 422. The kind's rules may rely on what the schema demands, so they come second."""
        if write.schema is not None:
            errors = [*errors, *validate(write.schema, obj)]
        if not errors:
            errors = rules()
        if errors:
            metadata = obj["metadata"]
            name = metadata.get("name") or metadata.get("generateName") or ""
            raise invalid(write.resource.group, write.resource.kind, name, list(dict.fromkeys(errors)))


def key_of(obj: JSON) -> str:
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def _exists(resource: Resource, present: StoredObject) -> ApiError:
    error = already_exists(resource.group, resource.name, present.name)
    if present.tree["metadata"].get("deletionTimestamp"):
        error.message = f"object is being deleted: {error.message}"
    return error


def _check_revision(resource: Resource, current: StoredObject, new: JSON) -> None:
    wanted = new["metadata"].get("resourceVersion")
    if not wanted:
        if not resource.strategy.allow_unconditional_update:
            error = FieldError("invalid", "metadata.resourceVersion", "must be specified for an update", 0)
            raise invalid(resource.group, resource.kind, current.name, [error])
    elif wanted != str(current.revision):
        raise conflict(resource.group, resource.name, current.name)


def _same(new: JSON, old: JSON) -> bool:
    """Whether there is nothing to write. Compared as bytes, since Python takes True for 1."""
    return _comparable(new) == _comparable(old)


def _comparable(tree: JSON) -> bytes:
    metadata = {key: value for key, value in tree["metadata"].items() if key != "resourceVersion"}
    text: bytes = orjson.dumps({**tree, "metadata": metadata}, option=orjson.OPT_SORT_KEYS)
    return text


def _unwritten(current: StoredObject, new: JSON) -> JSON:
    new["metadata"]["resourceVersion"] = str(current.revision)
    return new
