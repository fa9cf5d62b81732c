"""Seams of the calls that a process makes: trace context in metadata, a gate, capture.

Edges are named `rpc:/package.Service/Method`. gRPC's own interceptors would cost a task and a second call object per
call, so a channel hands out calls that look for themselves: while no rule is set and nobody listens they go straight
to gRPC. Bidirectional streams carry their context per message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from types import TracebackType
from typing import Any

import grpc

from wire import trace
from wire.activity import Call
from wire.call_gate import EXEMPT, pass_request_gate
from wire.gates import Verdict
from wire.seams import Seams


class SeamedChannel(grpc.aio.Channel):
    """`inner` with seams on its calls. `peer` is the callee's address."""

    def __init__(self, inner: grpc.aio.Channel, seams: Seams, peer: str = "") -> None:
        self._inner = inner
        self._seams = seams
        self._peer = peer

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        call = self._inner.unary_unary(method, *args, **kwargs)
        return call if method.startswith(EXEMPT) else UnarySeams(call, method, self._seams, self._peer)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        call = self._inner.unary_stream(method, *args, **kwargs)
        return call if method.startswith(EXEMPT) else partial(StreamSeams, call, method, self._seams, self._peer)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner.stream_unary(*args, **kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner.stream_stream(*args, **kwargs)

    async def __aenter__(self) -> SeamedChannel:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, traceback)

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()


class UnarySeams:
    """One method that answers with one message. Calling it gives what can be awaited and cancelled."""

    def __init__(self, call: Any, method: str, seams: Seams, peer: str) -> None:
        self._call = call
        self._method = method
        self._edge = f"rpc:{method}"
        self._seams = seams
        self._activity = seams.tracer.activity
        self._peer = peer
        self._in_message: bool | None = None  # does the request itself carry the trace context?

    def __call__(self, request: Any, *, metadata: Any = None, **options: Any) -> Any:
        seams = self._seams
        if seams.capture.active or not seams.gates.passes_freely(self._edge):
            return asyncio.create_task(self._watched(request, {"metadata": metadata, **options}))
        context, span_id = trace.leaving()
        call = self._call(
            request, metadata=self._in_context(request, metadata, context) if context else metadata, **options
        )
        call.add_done_callback(Call(self._activity, self._edge, span_id).over)
        return call

    def _in_context(self, request: Any, metadata: Any, context: str) -> Any:
        """The metadata to send; or the context is put where the message has a field for it."""
        if self._in_message is None:
            self._in_message = has_context(request)
        if not self._in_message:
            return with_trace(metadata, context)
        request.traceparent = context
        return metadata

    async def _watched(self, request: Any, options: dict[str, Any]) -> Any:
        """The same where there are rules, or listeners who are told when it is over."""
        verdict = await pass_request_gate(self._seams, self._edge, request, self._peer)
        with self._activity.doing(self._edge, trace.current_span_id()):
            if self._seams.capture.active:
                return await self._captured(request, options, verdict)
            return await self._send(request, options, verdict)

    async def _captured(self, request: Any, options: dict[str, Any], verdict: Verdict) -> Any:
        from wire.traffic import tell_call

        began, response = time.perf_counter(), None
        problem: BaseException | None = None
        try:
            response = await self._send(request, options, verdict)
            return response
        except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
            problem = error
            raise
        finally:
            tell_call(self._seams, self._method, request, response, began=began, callee=self._peer, error=problem)

    def _send(self, request: Any, options: dict[str, Any], verdict: Verdict) -> Any:
        """Once, or twice: then the caller has the first. What is answered to the second is nobody's business."""
        if context := trace.sending():
            options = {**options, "metadata": self._in_context(request, options["metadata"], context)}
        call = self._call(request, **options)
        if verdict is Verdict.TWICE:
            again = self._call(request, **options)
            _UNHEARD.add(again)  # a call that nobody refers to is cancelled
            again.add_done_callback(_UNHEARD.discard)
        return call


_UNHEARD: set[Any] = set()
"""The second of two calls, under way: as many at most as there are calls."""


class StreamSeams:
    """A call that answers with a stream, behind its gate. It does what a call of gRPC does, as far as anybody asks."""

    def __init__(
        self, call: Any, method: str, seams: Seams, peer: str, request: Any, *, metadata: Any = None, **options: Any
    ) -> None:
        self._method = method
        self._edge = f"rpc:{method}"
        self._seams = seams
        self._peer = peer
        self._request = request
        self._call: Any = None  # until its gate lets it begin
        self._cut = False
        self._opening: asyncio.Task[None] | None = None
        begin = partial(call, request, **options)
        if seams.gates.passes_freely(self._edge):
            self._open(begin, metadata)
        else:
            self._opening = asyncio.create_task(self._open_when_let(begin, metadata))
        self._messages = self._read_all()

    def _open(self, begin: partial[Any], metadata: Any) -> None:
        self._call = begin(metadata=with_trace(metadata, trace.sending()))
        number = self._seams.gates.stream_opened(self._edge, self._peer, self._end)
        self._call.add_done_callback(lambda _: self._seams.gates.stream_closed(number))

    async def _open_when_let(self, begin: partial[Any], metadata: Any) -> None:
        await pass_request_gate(self._seams, self._edge, self._request, self._peer)
        self._open(begin, metadata)

    async def _opened(self) -> Any:
        if self._opening is not None:
            await self._opening
        return self._call

    def _end(self) -> None:
        self._cut = True
        self._call.cancel()

    def cancel(self) -> bool:
        if self._call is not None:
            return bool(self._call.cancel())
        return self._opening is not None and self._opening.cancel()

    async def initial_metadata(self) -> Any:
        return await (await self._opened()).initial_metadata()

    async def code(self) -> grpc.StatusCode:
        code: grpc.StatusCode = await (await self._opened()).code()
        return code

    async def read(self) -> Any:
        """The next message, or `grpc.aio.EOF`."""
        return await anext(self._messages, grpc.aio.EOF)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._messages

    async def _read_all(self) -> AsyncIterator[Any]:
        """The messages, until a partition cuts the stream: then its reader sees what a lost connection looks like."""
        capture = self._seams.capture
        try:
            async for message in await self._opened():
                if capture.active:
                    from wire.traffic import tell_streamed

                    tell_streamed(self._seams, self._method, self._request, self._peer, message)
                yield message
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._cut or (task is not None and task.cancelling()):
                raise
            none = grpc.aio.Metadata()
            why = f"stream cut at {self._edge}"
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, none, none, why) from None


def has_context(request: Any) -> bool:
    """Has a message of this type a field for the trace context of its sender?"""
    return trace.HEADER in request.DESCRIPTOR.fields_by_name


def with_trace(metadata: Any, context: str) -> Any:
    return (*(metadata or ()), (trace.HEADER, context)) if context else metadata
