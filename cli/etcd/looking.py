"""`orrery etcd tree`, `get`, `history` and `watch`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Final

import grpc

from cli.errors import UserError
from cli.etcd import showing
from cli.etcd.connection import Stub, open_view
from cli.kinds import etcd_key, etcd_prefix, near_kinds
from proto import etcd_view_pb2 as view

RETRY_SECONDS: Final = 0.5


async def tree(name: str, what: str, depth: int) -> str:
    prefix = etcd_prefix(what)
    async with open_view(name) as stub:
        keys: list[view.Key] = []
        revision = 0
        async for page in stub.Keys(view.KeysRequest(prefix=prefix)):
            keys.extend(page.keys)
            revision = page.revision
    if not keys and prefix:
        raise UserError(f"there is no key below {prefix} (store at revision {revision}); orrery etcd tree --depth 2")
    return "\n".join(showing.tree(keys, revision, depth))


async def get(name: str, what: str, revision: int, *, secrets: bool) -> str:
    key = etcd_key(what)
    async with open_view(name) as stub:
        try:
            found = await stub.Get(view.GetRequest(key=key, revision=revision, secrets=secrets))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            then = f" at revision {revision}" if revision else ""
            raise UserError(f"there is no key {key}{then}{near_kinds(what)}; orrery etcd tree shows what is") from None
    return showing.value(found)


async def history(name: str, what: str, *, secrets: bool) -> str:
    key = etcd_key(what)
    async with open_view(name) as stub:
        found = [one async for one in stub.History(view.HistoryRequest(key=key, secrets=secrets))]
    if not found:
        raise UserError(
            f"{key} was not there as far back as etcd's history goes{near_kinds(what)}; orrery etcd tree shows what is"
        )
    return "\n".join([key, "", *showing.revisions(found)])


async def watch(name: str, what: str, count: int, *, secrets: bool) -> str:
    """Prints as it goes; with `count`, ends after so many. Goes on when the apiserver is back that went."""
    prefix = etcd_prefix(what)
    asked = view.WatchRequest(prefix=prefix, secrets=secrets)
    async with open_view(name) as stub:
        print(f"--- watching {prefix or 'all keys'}; Ctrl-C ends", file=sys.stderr, flush=True)
        seen = 0
        async for one in _kept_up(stub, asked):
            print("\n".join(showing.event(one)), flush=True)
            seen += 1
            if seen == count:
                break
    return ""


async def _kept_up(stub: Stub, asked: view.WatchRequest) -> AsyncIterator[view.Revision]:
    """Revisions for ever. Raises AioRpcError for a refusal, and where nobody answers from the beginning."""
    await stub.State(view.StateRequest())
    told = False
    while True:
        try:
            async for one in stub.Watch(asked):
                yield one
                told = False
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        if not told:
            print("--- the apiserver is away; what is written until it is back is missing here", file=sys.stderr)
            told = True
        await asyncio.sleep(RETRY_SECONDS)
