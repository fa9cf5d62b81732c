"""Objects of any resource, read from the cache and written to etcd. Knows keys and revisions, but no rules."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from apimachinery.errors import too_large
from apiserver.limits import ETCD_PAGE_KEYS, OBJECT_BYTES
from apiserver.registry.request import JSON, StoredObject
from apiserver.registry.resource import Resource
from apiserver.storage.envelope import canonical, pack, splice, unpack
from apiserver.storage.etcd import Entry, Etcd
from apiserver.storage.keys import etcd_key, parse
from apiserver.watch.cacher import Cacher
from apiserver.watch.resource_cache import ResourceCache
from wire import trace
from wire.gates import Subject

log = logging.getLogger(__name__)


class Written(NamedTuple):
    """A conditional write. If it was refused, `object` is what stands there instead, None if nothing."""

    succeeded: bool
    object: StoredObject | None
    revision: int = 0


class ScanResult(NamedTuple):
    items: list[StoredObject]
    revision: int
    more: bool


class ObjectStore:
    """Every write is conditional on the revision that its writer read."""

    def __init__(self, etcd: Etcd, cacher: Cacher) -> None:
        self.etcd = etcd
        self.cacher = cacher

    def cache(self, resource: Resource) -> ResourceCache:
        return self.cacher.resource(resource.prefix)

    def cached(self, resource: Resource, key: str) -> StoredObject | None:
        """What the cache knows, which may be a moment old."""
        return self.cache(resource).get(key)

    async def fetch(self, resource: Resource, key: str) -> StoredObject | None:
        """What etcd holds."""
        entry = await self.etcd.get(etcd_key(resource.prefix, key))
        return _object(entry, key) if entry else None

    async def read(self, resource: Resource, key: str) -> StoredObject | None:
        """Every write acknowledged before this call is in what it gives. Usually one etcd read for many readers."""
        try:
            await self.cacher.catch_up()
        except TimeoutError:
            log.warning("the watch cache lags behind (revision %d): reading etcd", self.cacher.revision)
            return await self.fetch(resource, key)
        return self.cached(resource, key)

    async def insert(self, resource: Resource, key: str, obj: JSON, writer: str) -> Written:
        return await self._put(resource, key, obj, writer, expected=0, created=0)

    async def replace(self, resource: Resource, old: StoredObject, obj: JSON, writer: str) -> Written:
        created = old.created_revision
        return await self._put(resource, old.key, obj, writer, expected=old.revision, created=created)

    async def remove(self, resource: Resource, old: StoredObject) -> Written:
        """If it succeeds, `revision` is that of the removal."""
        subject = Subject(resource.kind, old.namespace, old.name)
        key = etcd_key(resource.prefix, old.key)
        self.cache(resource).expect_removal(old.key, trace.current())
        result = await self.etcd.delete(key, expected=old.revision, subject=subject)
        standing = _object(result.entry, old.key) if result.entry else None
        return Written(result.succeeded, standing, result.revision)

    async def _put(
        self, resource: Resource, key: str, obj: JSON, writer: str, *, expected: int, created: int
    ) -> Written:
        raw = canonical(obj)
        if len(raw) > OBJECT_BYTES:
            raise too_large(f"the object has {len(raw)} bytes, the limit is {OBJECT_BYTES}")
        traceparent = trace.sending()
        namespace, _, name = key.rpartition("/")
        result = await self.etcd.put(
            etcd_key(resource.prefix, key),
            pack(raw, traceparent, writer),
            expected=expected,
            subject=Subject(resource.kind, namespace, name),
        )
        if not result.succeeded:
            return Written(False, _object(result.entry, key) if result.entry else None, result.revision)
        stored = StoredObject(
            key,
            result.revision,
            splice(raw, result.revision),
            created_revision=created or result.revision,
            traceparent=traceparent,
            writer=writer,
        )
        return Written(True, stored, result.revision)

    async def scan(
        self,
        resource: Resource,
        namespace: str,
        matches: Callable[[StoredObject], bool],
        *,
        start: str,
        limit: int,
        revision: int,
    ) -> ScanResult:
        """Objects as they were at `revision` (0: now), straight from etcd. Raises Compacted."""
        prefix = etcd_key(resource.prefix, f"{namespace}/" if namespace else "")
        begin = etcd_key(resource.prefix, start) if start else b""
        found: list[StoredObject] = []
        while True:
            page = await self.etcd.page(prefix, start=begin, limit=ETCD_PAGE_KEYS, revision=revision)
            revision = revision or page.revision
            for entry in page.entries:
                obj = _of_entry(entry)
                if obj is None or not matches(obj):
                    continue
                if limit and len(found) == limit:
                    return ScanResult(found, revision, True)
                found.append(obj)
            if not page.more:
                return ScanResult(found, revision, False)
            begin = page.entries[-1].key + b"\x00"
            await asyncio.sleep(0)


def _object(entry: Entry, key: str) -> StoredObject:
    return unpack(entry.value, key, entry.revision, entry.created_revision)


def _of_entry(entry: Entry) -> StoredObject | None:
    place = parse(entry.key)
    return _object(entry, place.key) if place else None
