"""The cache of everything: loads etcd, follows its changes, and survives its loss.

After a gap the stream goes on where it broke. If the gap is longer than etcd's history, everything is read again and
the difference is told to watchers as events, so that nobody misses a deletion. If etcd's past is not ours any more (it
was restored from a snapshot), watchers are told to list again.
"""

from __future__ import annotations

import asyncio
import logging

from apimachinery.errors import ApiError, unavailable
from apiserver.limits import CACHE_WAIT_SECONDS, ETCD_PAGE_KEYS, ETCD_RETRY_MAX_SECONDS, ETCD_RETRY_MIN_SECONDS
from apiserver.registry.request import StoredObject
from apiserver.storage.changes import Change, changes
from apiserver.storage.envelope import unpack
from apiserver.storage.etcd import Compacted, Entry, Etcd
from apiserver.storage.keys import ROOT, Place, parse
from apiserver.storage.told import tell_change
from apiserver.watch.read_index import ReadIndex
from apiserver.watch.resource_cache import ResourceCache
from wire.gates import TIMES, GateError, Subject, Verdict
from wire.seams import Seams

log = logging.getLogger(__name__)


class Cacher:
    """`run` is its one task. `revision` is exact: every change up to it is in the caches, none after."""

    def __init__(self, etcd: Etcd, seams: Seams) -> None:
        self.revision = 0
        self.ready = asyncio.Event()
        """The first load is complete."""
        self.connected = False
        """etcd's changes are coming in."""
        self.cluster_id = 0
        """Of the etcd that it was filled from."""
        self.watching = 0
        """Watches open now."""
        self._etcd = etcd
        self._seams = seams
        self._caches: dict[str, ResourceCache] = {}
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._read_index = ReadIndex(etcd.revision)

    def resource(self, prefix: str) -> ResourceCache:
        """The cache of one resource, which may be empty."""
        cache = self._caches.get(prefix)
        if cache is None:
            cache = self._caches[prefix] = ResourceCache(prefix, self.revision)
        return cache

    # --- waiting for a revision ---

    async def catch_up(self) -> int:
        """Return once the cache holds every write acknowledged before this call; gives that revision.

        Raises TimeoutError if the cache lags too far behind, ApiError if etcd cannot be asked.
        """
        revision = await self._read_index.get()
        await self.wait_for(revision)
        return revision

    async def wait_for(self, revision: int) -> None:
        """Raises TimeoutError (real time) if the cache does not get there."""
        if not self.ready.is_set():
            raise unavailable("the watch cache is not filled yet")
        if self.revision >= revision:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (revision, future)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(CACHE_WAIT_SECONDS):
                await future
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _reached(self, revision: int) -> None:
        self.revision = revision
        if not self._waiters:
            return
        for wanted, future in self._waiters:
            if wanted <= revision and not future.done():
                future.set_result(None)
        self._waiters = [waiter for waiter in self._waiters if not waiter[1].done()]

    # --- following etcd ---

    async def run(self) -> None:
        """Load, then follow, for ever."""
        delay = ETCD_RETRY_MIN_SECONDS
        try:
            while True:
                before = self.revision
                try:
                    await self._follow()
                except ApiError as error:
                    log.warning("%s", error.message)
                finally:
                    self.connected = False
                delay = ETCD_RETRY_MIN_SECONDS if self.revision > before else min(delay * 2, ETCD_RETRY_MAX_SECONDS)
                await asyncio.sleep(delay)  # real time: this waits for a process, not for the cluster
        finally:
            await self._read_index.close()

    async def _follow(self) -> None:
        await self._check_history()
        try:
            self.connected = True
            async for batch in changes(self._etcd, self.revision + 1):
                await self._apply_all(batch)
        except Compacted as error:
            log.warning("etcd forgot what came after revision %d (%s): reading everything again", self.revision, error)
            await self._resync()

    async def _check_history(self) -> None:
        """Load if there is nothing yet, or if etcd is not the one that we knew."""
        current = await self._etcd.revision()
        same = self._etcd.cluster_id == self.cluster_id
        if self.ready.is_set() and same and current >= self.revision:
            return
        if self.ready.is_set():
            log.warning("etcd at revision %d is not the one of our %d: it was restored", current, self.revision)
            self._forget()
        self.cluster_id = self._etcd.cluster_id
        await self._load()

    def _forget(self) -> None:
        self.ready.clear()
        self.revision = 0
        for cache in self._caches.values():
            for watcher in cache.watchers():
                watcher.end(expired=True)
            for key in list(cache.objects):
                cache.remove(key, 0)
        listeners = {prefix: cache.listeners for prefix, cache in self._caches.items() if cache.listeners}
        self._caches.clear()
        for prefix, kept in listeners.items():
            self.resource(prefix).listeners = kept

    async def _load(self) -> None:
        revision, entries = await self._read_everything()
        for cache in self._caches.values():
            cache.changed = cache.horizon = revision
        self.revision = revision
        for entry in entries:
            found = self._decode(entry.key, entry.value, entry.revision, entry.created_revision)
            if found is not None:
                place, obj = found
                cache = self.resource(place.prefix)
                # Listeners (indexes) must see these too; nobody watches yet.
                cache.put(obj) if cache.listeners else cache.load(obj)
        for cache in self._caches.values():
            cache.changed = cache.horizon = revision
        self.ready.set()
        self._reached(revision)
        log.info("watch cache holds %d objects at revision %d", len(entries), revision)

    async def _read_everything(self) -> tuple[int, list[Entry]]:
        """All objects at one revision."""
        root = ROOT.encode()
        page = await self._etcd.page(root, limit=ETCD_PAGE_KEYS)
        revision, entries = page.revision, page.entries
        while page.more:
            start = entries[-1].key + b"\x00"
            page = await self._etcd.page(root, start=start, limit=ETCD_PAGE_KEYS, revision=revision)
            entries.extend(page.entries)
        return revision, entries

    async def _resync(self) -> None:
        """Find out what happened in a gap by comparing, and tell it as if it happened just now, oldest first."""
        try:
            revision, entries = await self._read_everything()
        except Compacted:
            return
        places = {parse(entry.key): entry for entry in entries}
        changed = [entry for entry in entries if entry.revision > self.revision]
        for entry in sorted(changed, key=lambda entry: entry.revision):
            self._put(entry.key, entry.value, entry.revision, entry.created_revision)
        for cache in self._caches.values():
            for key in [key for key in cache.objects if Place(cache.prefix, key) not in places]:
                cache.remove(key, revision)
        self._reached(revision)

    # --- applying changes ---

    async def _apply_all(self, batch: list[Change]) -> None:
        for index, change in enumerate(batch):
            await self._apply(change)
            # A revision with several changes is reached with its last one.
            if index + 1 == len(batch) or batch[index + 1].revision != change.revision:
                self._reached(change.revision)

    async def _apply(self, change: Change) -> None:
        place = parse(change.key)
        if place is None:
            return
        if self._seams.gates.passes_freely("etcd:watch"):
            self._take(place, change)
            return
        for _ in range(TIMES[await self._pass_gate(place)]):
            self._take(place, change)

    def _take(self, place: Place, change: Change) -> None:
        if self._seams.capture.active:
            tell_change(self._seams, change)
        if change.value is None:
            self.resource(place.prefix).remove(place.key, change.revision)
        else:
            self._put(change.key, change.value, change.revision, change.created_revision)

    async def _pass_gate(self, place: Place) -> Verdict:
        namespace, _, name = place.key.rpartition("/")
        try:
            return await self._seams.gates.pass_through("etcd:watch", Subject(place.prefix, namespace, name))
        except GateError as error:
            raise unavailable(str(error)) from None

    def _put(self, key: bytes, value: bytes, revision: int, created_revision: int) -> None:
        found = self._decode(key, value, revision, created_revision)
        if found is not None:
            self.resource(found[0].prefix).put(found[1])

    def _decode(
        self, key: bytes, value: bytes, revision: int, created_revision: int
    ) -> tuple[Place, StoredObject] | None:
        place = parse(key)
        if place is None:
            return None
        try:
            return place, unpack(value, place.key, revision, created_revision)
        except (ValueError, KeyError) as error:
            log.error("%s in etcd is left out: %s", key.decode("utf-8", "replace"), error)
            return None
