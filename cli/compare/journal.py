"""Every write to a side's etcd, as it happens: who wrote, what was before and after."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from apimachinery.resources import GVR
from cli.compare.arena import Arena, open_channel
from cli.compare.kinds import key_of
from cli.compare.limits import POLL_SECONDS, START_SECONDS, WRITES
from cli.compare.model import JSON, Key, Write
from cli.errors import UserError
from cli.etcd.connection import Stub
from cli.kinds import REGISTRY
from proto import etcd_view_pb2 as view
from proto import etcd_view_pb2_grpc
from wire.errors import from_rpc_error

PULSES = frozenset({"leases"})  # written for ever, and by themselves no decision
PROBE_IN = "kube-public"
CONFIG_MAPS = GVR("", "v1", "configmaps")
KEPT_BY_APISERVER = frozenset({"events", "ipaddresses"})  # it deletes them by itself


class Journal:
    """`writes` is in order of revisions. `step` is said by whoever puts things in."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self.writes: list[Write] = []
        self.now: dict[Key, JSON] = {}
        """Every object as it is."""
        self.revision = 0
        self.step = 0
        self.last = time.monotonic()
        """When the last write came that counts as its."""
        self.deleting: set[Key] = set()
        """Objects whose next deletion is ours: etcd does not say who deletes."""
        self._moved = asyncio.Event()
        self._failed: str = ""

    async def follow(self, stub: Stub) -> None:
        """Never returns by itself. What goes wrong is raised by whoever waits for a revision."""
        try:
            async for one in stub.Watch(view.WatchRequest(prefix=REGISTRY)):
                self._take(one)
            self._failed = "the watch of etcd ended"
        except grpc.aio.AioRpcError as error:
            self._failed = from_rpc_error(error).message
        except _Stop as stop:
            self._failed = str(stop)
        self._moved.set()

    async def catch_up(self, etcd: Stub) -> int:
        """Until all that was written by now is here, and in the apiserver's watch cache, too. Gives its revision.

        Raises UserError if it does not come.
        """
        state = await etcd.State(view.StateRequest())
        revision = state.revision
        try:
            async with asyncio.timeout(START_SECONDS):
                while self.revision < revision:
                    self.require()
                    self._moved.clear()
                    await self._moved.wait()
                while state.cache_revision < revision:
                    await asyncio.sleep(POLL_SECONDS)
                    state = await etcd.State(view.StateRequest())
        except TimeoutError:
            raise UserError("what is written cannot be followed: nothing comes") from None
        return revision

    def require(self) -> None:
        """Raises UserError if nothing will come any more."""
        if self._failed:
            raise UserError(f"what is written cannot be followed: {self._failed}")

    def _take(self, one: view.Revision) -> None:
        self.revision = max(self.revision, one.revision)
        self._moved.set()
        tree, before = _tree(one.raw), _tree(one.previous)
        key = key_of(tree or before or {})
        if key is None or key.resource in PULSES or (one.deleted and key.resource in KEPT_BY_APISERVER):
            return
        ours = key in self.deleting if one.deleted else one.writer != self._identity
        if one.deleted:
            self.deleting.discard(key)
        if not ours:
            self.last = time.monotonic()
        if len(self.writes) >= WRITES:
            raise _Stop(f"more than {WRITES} writes: somebody is out of control")
        after = None if one.deleted else tree
        if after is None:
            self.now.pop(key, None)
        else:
            self.now[key] = after
        self.writes.append(Write(key, one.revision, ours, after, before, self.step, one.traceparent))


class _Stop(Exception):
    """Enough has been seen."""


async def _stands(arena: Arena, journal: Journal) -> None:
    """Until the watch shows what is written: only then nothing is missed."""
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "orrery-compare", "namespace": PROBE_IN}}
    made = await arena.api.create_raw(CONFIG_MAPS, probe)
    while journal.revision < made.resource_version:
        journal.require()
        tick = {"data": {"revision": str(made.resource_version)}}
        made = await arena.api.patch_raw(CONFIG_MAPS, "orrery-compare", tick, namespace=PROBE_IN)
        await asyncio.sleep(POLL_SECONDS)


def _tree(raw: bytes) -> JSON | None:
    try:
        found = json.loads(raw) if raw else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


@asynccontextmanager
async def open_journal(arena: Arena, identity: str) -> AsyncIterator[tuple[Journal, Stub]]:
    """Following when the body begins. `identity` is the name that whom we watch writes under."""
    async with open_channel(arena, "apiserver-rpc") as channel:
        stub = etcd_view_pb2_grpc.EtcdViewStub(channel)
        journal = Journal(identity)
        following = asyncio.create_task(journal.follow(stub))
        try:
            await _stands(arena, journal)
            yield journal, stub
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
