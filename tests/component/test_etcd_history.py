"""One key's history out of a real etcd: writes, deletions, compaction; and what a restored etcd does to the cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from apiserver.storage import history as module
from apiserver.storage.etcd import Etcd, connect_etcd
from apiserver.storage.history import Past, history, written
from apiserver.watch.cacher import Cacher
from proto.debug_pb2 import WireRequest
from tests.support.etcd import EtcdProcess
from wire.seams import Seams, make_seams
from wire.tls import TlsFiles

KEY, OTHER = b"/registry/pods/default/a", b"/registry/pods/default/b"


@pytest.fixture
def seams() -> Seams:
    return make_seams("test")


@pytest.fixture
async def store(etcd: EtcdProcess, pki_dir: Path, seams: Seams) -> AsyncIterator[Etcd]:
    tls = TlsFiles.in_directory(pki_dir, "apiserver-etcd-client")
    async with connect_etcd(etcd.address, seams, tls) as store:
        yield store


async def write(store: Etcd, key: bytes, *values: bytes) -> int:
    """Gives the last revision."""
    entry = await store.get(key)
    revision = entry.revision if entry else 0
    for value in values:
        revision = (await store.put(key, value, expected=revision)).revision
    return revision


def values(found: list[Past]) -> list[bytes | None]:
    return [one.value for one in found]


async def test_all_writes_of_a_key_in_order(store: Etcd) -> None:
    await write(store, KEY, b"1", b"2")
    await write(store, OTHER, b"x")
    last = await write(store, KEY, b"3")
    found = await history(store, KEY)
    assert values(found) == [b"1", b"2", b"3"]
    assert [one.version for one in found] == [1, 2, 3]
    assert found[-1].revision == last
    assert await history(store, b"/registry/pods/default/never") == []


async def test_deletions_are_in_it_also_when_the_key_is_gone(store: Etcd) -> None:
    revision = await write(store, KEY, b"1")
    await store.delete(KEY, expected=revision)
    await write(store, OTHER, b"x", b"y")
    assert values(await history(store, KEY)) == [b"1", None]
    await write(store, KEY, b"2")
    assert values(await history(store, KEY)) == [b"1", None, b"2"]


async def test_after_compaction_it_begins_with_what_was_there(store: Etcd) -> None:
    await write(store, KEY, b"1", b"2")
    middle = await write(store, OTHER, b"x")
    await write(store, KEY, b"3")
    await store.compact(middle)
    found = await history(store, KEY)
    assert values(found) == [b"2", b"3"]
    assert [one.before_history for one in found] == [True, False]
    only = await history(store, OTHER)
    assert (values(only), only[0].before_history) == ([b"x"], True)


async def test_of_very_many_the_latest_are_kept(store: Etcd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY_REVISIONS", 3)
    await write(store, KEY, *(str(n).encode() for n in range(10)))
    found = await history(store, KEY)
    assert values(found) == [b"7", b"8", b"9"]
    assert found[0].omitted == 7


async def test_live_writes_come_with_what_was_there_before(store: Etcd) -> None:
    await write(store, KEY, b"1")
    async with aclosing(written(store, b"/registry/pods/")) as stream:  # type: ignore[type-var]
        first = asyncio.ensure_future(anext(stream))
        while not first.done():  # until the watch stands, there is nothing that it must show
            await write(store, KEY, b"2")
            await asyncio.wait((first,), timeout=0.02)
        one = await first
    assert (one.key, one.value) == (KEY, b"2")
    assert one.previous in (b"1", b"2")


async def test_transactions_are_told_to_who_listens_with_what_was_there(store: Etcd, seams: Seams) -> None:
    await write(store, KEY, b'{"a":1}')
    with seams.capture.listen(WireRequest(method="Txn", bodies=True)) as listener:
        revision = await write(store, KEY, b'{"a":2}')
        await store.put(KEY, b'{"a":3}', expected=1)
        stream = listener.messages()
        written, refused = await anext(stream), await anext(stream)
    assert (written.detail, written.kind, written.name, written.revision) == ("PUT", "pods", "a", revision)
    assert (written.before, written.request) == (b'{"a":1}', b'{"a":2}')
    assert (refused.status, refused.failed) == ("Conflict", True)


async def test_an_etcd_of_another_cluster_id_is_read_anew_whatever_its_revision(store: Etcd, seams: Seams) -> None:
    cacher = Cacher(store, seams)
    await write(store, OTHER, b"{}")
    await cacher._check_history()
    assert cacher.cluster_id == store.cluster_id != 0
    cacher.cluster_id += 1  # as if what it was filled from had been another
    cacher.revision = 1
    await cacher._check_history()
    assert cacher.cluster_id == store.cluster_id
    assert cacher.revision == await store.revision()
