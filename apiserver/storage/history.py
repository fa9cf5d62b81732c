"""What a key held, revision by revision, as far as etcd's history reaches; and what is written from now on."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import grpc
from aetcd import rpc

from apimachinery.errors import internal, unavailable
from apiserver.limits import HISTORY_REVISIONS
from apiserver.storage.etcd import Compacted, Entry, Etcd, translate
from apiserver.storage.keys import range_end

_EVERYTHING: Final = b"\x00"
_DELETE: Final = 1


@dataclass(frozen=True, slots=True)
class Past:
    """One key as one revision left it; `value` None if it was removed then."""

    key: bytes
    value: bytes | None
    revision: int
    created_revision: int = 0
    version: int = 0
    before_history: bool = False
    """It is older than the oldest revision in etcd's history."""
    omitted: int = 0
    """Older ones that were left out before this one."""
    previous: bytes | None = None


async def history(etcd: Etcd, key: bytes) -> list[Past]:
    """The key's revisions, oldest first; of very many, the latest. Empty if it was not there since history began."""
    revision = await etcd.revision()
    current = await etcd.get(key)
    found: deque[Past] = deque(maxlen=HISTORY_REVISIONS)
    base, start = await _base(etcd, key, revision)
    total = len(base)
    found.extend(base)
    # A key that is there ends its own history. One that is gone does not say when: then everything is read up to now.
    alone = current is not None
    end = current.revision if current is not None else revision
    if start <= end and not (alone and base and base[0].revision == end):
        async with aclosing(_events(etcd, key if alone else _EVERYTHING, b"" if alone else _EVERYTHING, start)) as past:
            async for one in past:
                if one.key == key and one.revision >= start and not (base and one.revision <= base[0].revision):
                    found.append(one)
                    total += 1
                if one.revision >= end:
                    break
    entries = list(found)
    if entries and total > len(entries):
        entries[0] = replace(entries[0], omitted=total - len(entries))
    return entries


async def written(etcd: Etcd, prefix: bytes) -> AsyncIterator[Past]:
    """What is written below `prefix` from now on, with what was there before. Never ends by itself."""
    revision = await etcd.revision()
    end = range_end(prefix)
    async with aclosing(_events(etcd, prefix or _EVERYTHING, end, revision + 1, previous=True)) as events:
        async for one in events:
            yield one


async def _base(etcd: Etcd, key: bytes, now: int) -> tuple[list[Past], int]:
    """What the key held when history begins, if anything, and the revision at which that is."""
    begins = await _oldest(etcd, key, now)
    if begins <= 1:
        return [], 1
    entry = await etcd.get(key, begins)
    return ([_past(entry)] if entry is not None else []), begins


async def _oldest(etcd: Etcd, key: bytes, now: int) -> int:
    """The first revision that can still be read. etcd does not say; so it is searched for, by halves."""
    low, high = 1, now
    while low < high:
        middle = (low + high) // 2 if low > 1 else 1  # most often nothing is compacted yet
        try:
            await etcd.get(key, middle)
        except Compacted:
            low = middle + 1
        else:
            high = middle
    return low


def _past(entry: Entry) -> Past:
    return Past(entry.key, entry.value, entry.revision, entry.created_revision, entry.version, before_history=True)


async def _events(
    etcd: Etcd, key: bytes, end: bytes, start: int, *, previous: bool = False
) -> AsyncGenerator[Past, None]:
    call = etcd.watch_stub.Watch()
    create = rpc.WatchCreateRequest(key=key, range_end=end, start_revision=start, prev_kv=previous)
    try:
        await call.write(rpc.WatchRequest(create_request=create))
        while True:
            response = await call.read()
            if response is grpc.aio.EOF:
                raise unavailable(f"etcd at {etcd.address} ended the watch")
            if response.compact_revision:
                raise Compacted(f"history begins at {response.compact_revision}")
            if response.canceled:
                raise internal(f"etcd at {etcd.address} cancelled the watch: {response.cancel_reason}")
            for event in response.events:
                yield _of_event(event)
    except grpc.aio.AioRpcError as error:
        raise translate(error, etcd.address) from None
    finally:
        call.cancel()


def _of_event(event: Any) -> Past:
    kv, before = event.kv, event.prev_kv.value if event.HasField("prev_kv") else None
    if event.type == _DELETE:
        return Past(kv.key, None, kv.mod_revision, previous=before)
    return Past(kv.key, kv.value, kv.mod_revision, kv.create_revision, kv.version, previous=before)
