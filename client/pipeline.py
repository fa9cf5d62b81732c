"""One WriteMany stream shared by all writes of a client.

Results come in any order and find their caller by id. When the stream is lost, every write in flight fails with
ServiceUnavailable (it may or may not have happened: the caller looks again before it repeats), and the next write
opens a new stream.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable

import grpc

from apimachinery.errors import ApiError, unavailable
from client.limits import WRITES_IN_FLIGHT
from proto import api_pb2
from wire import trace
from wire.call_gate import pass_request_gate
from wire.doubling import carry_out
from wire.errors import from_rpc_error
from wire.seams import Seams

_EDGE = "rpc:/orrery.api.v1.Api/WriteMany"

Stream = grpc.aio.StreamStreamCall[api_pb2.WriteRequest, api_pb2.WriteResult]


class WritePipeline:
    """`open_call` begins a stream; it is called again after each loss."""

    def __init__(self, open_call: Callable[[], Stream], seams: Seams) -> None:
        self._open_call = open_call
        self._seams = seams
        self._activity = seams.tracer.activity
        self._slots = asyncio.Semaphore(WRITES_IN_FLIGHT)
        self._ids = itertools.count(1)
        self._in_flight: dict[int, asyncio.Future[api_pb2.WriteResult]] = {}
        self._outgoing: asyncio.Queue[api_pb2.WriteRequest] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def write(self, request: api_pb2.WriteRequest) -> api_pb2.WriteResult:
        """Send `request` and wait for its own result. Raises ApiError when the stream is lost first."""
        request.traceparent = request.traceparent or trace.sending()
        if self._seams.gates.passes_freely(_EDGE):
            return await self._write(request)
        verdict = await pass_request_gate(self._seams, _EDGE, request)
        return await carry_out(verdict, lambda: self._write(request))

    async def _write(self, request: api_pb2.WriteRequest) -> api_pb2.WriteResult:
        async with self._slots:
            request.id = next(self._ids)
            future: asyncio.Future[api_pb2.WriteResult] = asyncio.get_running_loop().create_future()
            self._in_flight[request.id] = future
            self._outgoing.put_nowait(request)
            if self._task is None:
                self._task = asyncio.create_task(self._run_stream(), name="write-pipeline")
            work = self._activity.begin(_EDGE, trace.current_span_id())
            try:
                if self._seams.capture.active:
                    return await self._told(request, future)
                return await future
            finally:
                self._activity.end(work)
                self._in_flight.pop(request.id, None)

    async def _told(
        self, request: api_pb2.WriteRequest, future: asyncio.Future[api_pb2.WriteResult]
    ) -> api_pb2.WriteResult:
        """The result, told to those who listen to the traffic."""
        from wire.traffic import tell_written

        began, result = time.perf_counter(), None
        problem: BaseException | None = None
        try:
            result = await future
            return result
        except (ApiError, asyncio.CancelledError) as error:
            problem = error
            raise
        finally:
            tell_written(self._seams, request, result, began, problem)

    async def aclose(self) -> None:
        """End the stream. Writes in flight fail."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run_stream(self) -> None:
        """One stream's life. A writer of its own, because cancelling a caller inside `write` would end the stream."""
        call = self._open_call()
        sender = asyncio.create_task(self._send(call), name="write-pipeline-sender")
        why = unavailable("apiserver: the stream of writes was closed")
        try:
            why = await self._receive(call)
        finally:
            sender.cancel()
            call.cancel()
            self._task = None
            self._fail_all(why)

    async def _send(self, call: Stream) -> None:
        try:
            while True:
                await call.write(await self._outgoing.get())
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the receiver learns the reason

    async def _receive(self, call: Stream) -> ApiError:
        """Hand out results until the stream ends; gives the reason."""
        try:
            async for result in call:
                future = self._in_flight.get(result.id)
                if future is not None and not future.done():
                    future.set_result(result)
        except grpc.aio.AioRpcError as error:
            refused = from_rpc_error(error)
            return refused if refused.code in (401, 403) else unavailable(f"apiserver: {refused.message}")
        return unavailable("apiserver: the stream of writes ended")

    def _fail_all(self, why: ApiError) -> None:
        """Requests still queued are in flight too, so nothing may be left to send on the next stream."""
        while not self._outgoing.empty():
            self._outgoing.get_nowait()
        for future in self._in_flight.values():
            if not future.done():
                future.set_exception(ApiError(why.reason, why.message))
