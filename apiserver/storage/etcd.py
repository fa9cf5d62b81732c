"""A connection to etcd: range reads, one-key transactions, compaction. Outages and refusals come out as ApiError.

Deadlines here are real time: they are about a process on the other end of a socket, not about the cluster.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeVar

import grpc
from aetcd import rpc

from apimachinery.errors import internal, too_large, unavailable
from apiserver.limits import ETCD_CALL_SECONDS
from apiserver.storage.keys import range_end
from apiserver.storage.told import tell_read, tell_txn
from wire.doubling import carry_out
from wire.gates import GateError, Subject, Verdict
from wire.limits import CONNECT_SECONDS
from wire.seams import Seams
from wire.tls import TlsFiles, channel_credentials

log = logging.getLogger(__name__)
R = TypeVar("R")

_OPTIONS: Final[list[tuple[str, str | int]]] = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_SECONDS * 1000)),  # how long one attempt may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]

_NOWHERE: Final = b"\x00orrery"
"""A key that nobody writes: reading it costs nothing and tells the current revision."""


class Compacted(Exception):
    """The revision asked for is gone from etcd's history."""


class Entry(NamedTuple):
    """One key as etcd holds it."""

    key: bytes
    value: bytes
    revision: int
    created_revision: int
    version: int = 0
    """Writes since it was created; 0 where it is not known."""


class Page(NamedTuple):
    """Part of a range, in order of keys."""

    entries: list[Entry]
    revision: int
    """Of the store, when it was read."""
    more: bool
    total: int
    """Keys from the first one asked for to the end of the range."""


class TxnResult(NamedTuple):
    """`entry` is what is there now: after a failed comparison what somebody else wrote, None if nothing."""

    succeeded: bool
    revision: int
    entry: Entry | None


class Etcd:
    """One channel for all calls. Every method raises ApiError 503 while etcd cannot be reached."""

    def __init__(self, channel: grpc.aio.Channel, address: str, seams: Seams) -> None:
        self.address = address
        self.cluster_id = 0
        """As last heard; a restored etcd has another."""
        self._seams = seams
        self._kv = rpc.KVStub(channel)
        self._maintenance = rpc.MaintenanceStub(channel)
        self.watch_stub = rpc.WatchStub(channel)

    async def status(self) -> Any:
        """etcd's own StatusResponse: version, database size, leader. Answers only if it is alive right now."""
        return await self._call(self._maintenance.Status(rpc.StatusRequest(), timeout=1.0))

    async def revision(self) -> int:
        """The store's current revision, linearizable: every write that was acknowledged before is in it."""
        request = rpc.RangeRequest(key=_NOWHERE, count_only=True)
        response = await self._call(self._kv.Range(request, timeout=ETCD_CALL_SECONDS, wait_for_ready=True))
        self.cluster_id = int(response.header.cluster_id)
        return int(response.header.revision)

    async def get(self, key: bytes, revision: int = 0) -> Entry | None:
        """What is under a key, or was as of `revision`. Raises Compacted."""
        response = await self._range(rpc.RangeRequest(key=key, revision=revision))
        return _entry(response.kvs[0]) if response.kvs else None

    async def page(self, prefix: bytes, *, start: bytes = b"", limit: int = 0, revision: int = 0) -> Page:
        """Up to `limit` keys under `prefix` from `start` on, as of `revision`. Raises Compacted."""
        start = start or prefix or b"\x00"
        request = rpc.RangeRequest(key=start, range_end=range_end(prefix), limit=limit, revision=revision)
        response = await self._range(request)
        entries = [_entry(one) for one in response.kvs]
        return Page(entries, int(response.header.revision), bool(response.more), int(response.count))

    async def put(self, key: bytes, value: bytes, *, expected: int, subject: Subject = Subject()) -> TxnResult:
        """Write, if the key's revision is still `expected` (0: if it is not there)."""
        operation = rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=value))
        result = await self._txn(key, operation, expected, subject)
        if not result.succeeded:
            return result
        return result._replace(entry=Entry(key, value, result.revision, 0))

    async def delete(self, key: bytes, *, expected: int, subject: Subject = Subject()) -> TxnResult:
        """Remove, if the key's revision is still `expected`."""
        operation = rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=key))
        return await self._txn(key, operation, expected, subject)

    async def compact(self, revision: int) -> None:
        """Forget history before `revision`. Another apiserver may have done so already."""
        try:
            await self._call(self._kv.Compact(rpc.CompactionRequest(revision=revision), timeout=ETCD_CALL_SECONDS))
        except Compacted:
            log.debug("history before %d is gone already", revision)

    async def _txn(self, key: bytes, operation: Any, expected: int, subject: Subject) -> TxnResult:
        compare = rpc.Compare(
            result=rpc.Compare.EQUAL, target=rpc.Compare.MOD, key=key, mod_revision=expected
        )  # fmt: skip
        otherwise = rpc.RequestOp(request_range=rpc.RangeRequest(key=key))
        request = rpc.TxnRequest(compare=[compare], success=[operation], failure=[otherwise])
        with self._seams.tracer.step("etcd txn", key=key.decode("utf-8", "replace")) as step:
            if self._seams.gates.passes_freely("etcd:txn"):
                response = await self._send(request, subject)
            else:
                response = await carry_out(await self._pass_gate(subject), lambda: self._send(request, subject))
            step.attributes["outcome"] = "written" if response.succeeded else "refused: changed by another"
            step.attributes["revision"] = str(response.header.revision)
        found = None if response.succeeded else next(iter(response.responses[0].response_range.kvs), None)
        return TxnResult(response.succeeded, response.header.revision, _entry(found) if found is not None else None)

    async def _range(self, request: Any) -> Any:
        began = time.perf_counter()
        response = await self._call(self._kv.Range(request, timeout=ETCD_CALL_SECONDS, wait_for_ready=True))
        if self._seams.capture.active:
            tell_read(self._seams, request, response, began)
        return response

    async def _send(self, request: Any, subject: Subject) -> Any:
        began, response = time.perf_counter(), None
        problem: BaseException | None = None
        if self._seams.capture.bodies and request.success[0].WhichOneof("request") == "request_put":
            request.success[0].request_put.prev_kv = True  # a listener sees what was there before
        try:
            response = await self._call(self._kv.Txn(request, timeout=ETCD_CALL_SECONDS, wait_for_ready=True))
            return response
        except BaseException as error:
            problem = error
            raise
        finally:
            if self._seams.capture.active:
                tell_txn(self._seams, request, response, subject, began, problem)

    async def _pass_gate(self, subject: Subject) -> Verdict:
        try:
            verdict = await self._seams.gates.pass_through("etcd:txn", subject)
        except GateError as error:
            raise unavailable(f"etcd at {self.address}: {error}") from None
        if verdict is Verdict.DROP:
            raise unavailable(f"etcd at {self.address}: the transaction was dropped at a gate")
        return verdict

    async def _call(self, call: Awaitable[R]) -> R:
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise translate(error, self.address) from None


def translate(error: grpc.aio.AioRpcError, address: str) -> Exception:
    """What an error of etcd is to us: `Compacted`, or an ApiError."""
    text = error.details() or ""
    code = error.code()
    if "compacted" in text:
        return Compacted(text)
    if "request is too large" in text:
        return too_large(text)
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
        return unavailable(f"etcd at {address} cannot be reached: {text or code.name}")
    return internal(f"etcd at {address}: {text or code.name}")


def _entry(kv: Any) -> Entry:
    return Entry(kv.key, kv.value, kv.mod_revision, kv.create_revision, kv.version)


@asynccontextmanager
async def connect_etcd(address: str, seams: Seams, tls: TlsFiles | None) -> AsyncIterator[Etcd]:
    """An `Etcd` for the body's time. It need not be up yet. Without `tls` the connection is in clear text (tests)."""
    if tls is None:
        channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
    else:
        options = [*_OPTIONS, ("grpc.ssl_target_name_override", "orrery")]
        channel = grpc.aio.secure_channel(address, channel_credentials(tls), options=options)
    try:
        yield Etcd(channel, address, seams)
    finally:
        await channel.close()
