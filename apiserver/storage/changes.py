"""etcd's stream of changes over its whole keyspace, so that no revision passes unseen.

Whoever watches everything knows how far it is from the changes alone: each revision of etcd changed some key, so the
last change's revision is exact. No progress notifications are needed, and those of etcd 3.4 cannot be relied on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import grpc
from aetcd import rpc

from apimachinery.errors import internal, unavailable
from apiserver.storage.etcd import Compacted, Etcd, translate

_EVERYTHING: Final = b"\x00"
_DELETE: Final = 1


class Change(NamedTuple):
    """One key at one revision; `value` None if it was removed."""

    key: bytes
    value: bytes | None
    revision: int
    created_revision: int


async def changes(etcd: Etcd, start: int) -> AsyncIterator[list[Change]]:
    """Every change from revision `start` on, in batches that never split a revision.

    Raises Compacted if `start` is gone from history, ApiError when the stream breaks. It never ends by itself.
    """
    call = etcd.watch_stub.Watch()
    create = rpc.WatchCreateRequest(key=_EVERYTHING, range_end=_EVERYTHING, start_revision=start)
    try:
        await call.write(rpc.WatchRequest(create_request=create))
        while True:
            response = await call.read()
            if response is grpc.aio.EOF:
                raise unavailable(f"etcd at {etcd.address} ended the watch")
            _refuse_cancelled(response, etcd.address)
            if response.events:
                yield [_change(event) for event in response.events]
    except grpc.aio.AioRpcError as error:
        raise translate(error, etcd.address) from None
    except grpc.aio.UsageError:
        raise unavailable(f"etcd at {etcd.address} ended the watch") from None
    finally:
        call.cancel()


def _refuse_cancelled(response: Any, address: str) -> None:
    if response.compact_revision:
        raise Compacted(f"history begins at {response.compact_revision}")
    if response.canceled:
        raise internal(f"etcd at {address} cancelled the watch: {response.cancel_reason}")


def _change(event: Any) -> Change:
    kv = event.kv
    if event.type == _DELETE:
        return Change(kv.key, None, kv.mod_revision, 0)
    return Change(kv.key, kv.value, kv.mod_revision, kv.create_revision)
