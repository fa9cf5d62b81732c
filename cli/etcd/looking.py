"""`orrery etcd tree`, `get`, `history` and `watch`."""

from __future__ import annotations

import sys

from cli.errors import UserError
from cli.etcd import showing
from cli.etcd.connection import open_view
from cli.kinds import etcd_key
from proto import etcd_view_pb2 as view


async def tree(name: str, prefix: str, depth: int) -> str:
    async with open_view(name) as stub:
        keys: list[view.Key] = []
        revision = 0
        async for page in stub.Keys(view.KeysRequest(prefix=prefix)):
            keys.extend(page.keys)
            revision = page.revision
    return "\n".join(showing.tree(keys, revision, depth))


async def get(name: str, what: str, revision: int, *, secrets: bool) -> str:
    key = etcd_key(what)
    async with open_view(name) as stub:
        found = await stub.Get(view.GetRequest(key=key, revision=revision, secrets=secrets))
    return showing.value(found)


async def history(name: str, what: str, *, secrets: bool) -> str:
    key = etcd_key(what)
    async with open_view(name) as stub:
        found = [one async for one in stub.History(view.HistoryRequest(key=key, secrets=secrets))]
    if not found:
        raise UserError(f"{key} was not there as far back as etcd's history goes; orrery etcd tree shows what is")
    return "\n".join([key, "", *showing.revisions(found)])


async def watch(name: str, prefix: str, count: int, *, secrets: bool) -> str:
    """Prints as it goes; with `count`, ends after so many."""
    seen = 0
    async with open_view(name) as stub:
        print(f"--- watching {prefix or 'all keys'}; Ctrl-C ends", file=sys.stderr, flush=True)
        async for one in stub.Watch(view.WatchRequest(prefix=prefix, secrets=secrets)):
            print("\n".join(showing.event(one)), flush=True)
            seen += 1
            if seen == count:
                break
    return ""
