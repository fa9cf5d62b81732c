"""The interceptor stack of every channel and server: trace context in metadata, a gate, a span.

Edges are named `rpc:/package.Service/Method` on the caller's side and `serve:/package.Service/Method` on the callee's.
The Debug, health, reflection and channelz services are exempt: whoever debugs must not be caught in a rule of theirs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextvars import Token
from typing import Any

import grpc

from apimachinery.errors import ApiError
from wire import trace
from wire.doubling import carry_out
from wire.errors import abort, reason_of
from wire.gates import GateError, Subject, Verdict
from wire.seams import Seams
from wire.subjects import shown, subject_of

_EXEMPT = ("/orrery.debug.", "/grpc.")


class UnarySeams(grpc.aio.UnaryUnaryClientInterceptor):
    """Passes the gate, then sends the trace context along. `peer` is the callee's address."""

    def __init__(self, seams: Seams, peer: str = "") -> None:
        self._seams = seams
        self._peer = peer

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        method = _method(client_call_details)
        if method.startswith(_EXEMPT):
            return await continuation(client_call_details, request)
        edge = f"rpc:{method}"
        if await pass_request_gate(self._seams, edge, request, self._peer) is Verdict.TWICE:
            continuation = _twice(continuation)
        if self._seams.capture.active:
            return await self._captured(continuation, client_call_details, request)
        activity = self._seams.tracer.activity
        work = activity.begin(edge, parent_id=trace.span_id(trace.current()))
        try:
            call = await continuation(_with_trace(client_call_details), request)
        except BaseException:
            activity.end(work)
            raise
        call.add_done_callback(lambda _: activity.end(work))
        return call

    async def _captured(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """The same, told to those who listen when it is over."""
        from wire.traffic import tell_call

        method = _method(client_call_details)
        began, response = time.perf_counter(), None
        problem: BaseException | None = None
        with self._seams.tracer.activity.doing(f"rpc:{method}", trace.span_id(trace.current())):
            try:
                call = await continuation(_with_trace(client_call_details), request)
                response = await call
            except grpc.aio.AioRpcError as error:
                problem = error  # the caller meets it when it awaits the call
            except asyncio.CancelledError as error:
                problem = error
                raise
            finally:
                tell_call(self._seams, method, request, response, began=began, callee=self._peer, error=problem)
        return call


class StreamSeams(grpc.aio.UnaryStreamClientInterceptor):
    """The same for calls that answer with a stream. Bidirectional streams carry their context per message."""

    def __init__(self, seams: Seams, peer: str = "") -> None:
        self._seams = seams
        self._peer = peer

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        method = _method(client_call_details)
        if method.startswith(_EXEMPT):
            return await continuation(client_call_details, request)
        edge = f"rpc:{method}"
        await pass_request_gate(self._seams, edge, request, self._peer)
        call = await continuation(_with_trace(client_call_details), request)
        return _cuttable(self._seams, call, edge, self._peer, request)


def _twice(continuation: Any) -> Any:
    """Sends the call twice; the caller has the first. What is answered to the second is nobody's business."""

    async def both(details: Any, request: Any) -> Any:
        call = await continuation(details, request)
        again = await continuation(details, request)
        _UNHEARD.add(again)  # a call that nobody refers to is cancelled
        again.add_done_callback(_UNHEARD.discard)
        return call

    return both


_UNHEARD: set[Any] = set()
"""The second of two calls, under way: as many at most as there are calls."""


def _method(details: Any) -> str:
    return details.method.decode() if isinstance(details.method, bytes) else str(details.method)


def _with_trace(details: Any) -> Any:
    if not trace.current():
        return details
    metadata = [*(details.metadata or ()), (trace.HEADER, trace.current())]
    return details._replace(metadata=grpc.aio.Metadata(*metadata))


async def pass_request_gate(seams: Seams, edge: str, request: Any, peer: str = "") -> Verdict:
    """A gate for a protobuf request. What it is about is worked out only if there is a rule to ask for it."""
    if seams.gates.ruled:
        return await pass_rpc_gate(seams, edge, subject_of(request), peer=peer, describe=lambda: shown(request))
    return await pass_rpc_gate(seams, edge, peer=peer)


async def _cuttable(seams: Seams, call: Any, edge: str, peer: str, request: Any) -> AsyncIterator[Any]:
    """The messages of `call`, until a partition cuts it: then its reader sees what a lost connection looks like."""
    cut = False

    def end() -> None:
        nonlocal cut
        cut = True
        call.cancel()

    number = seams.gates.stream_opened(edge, peer, end)
    call.add_done_callback(lambda _: seams.gates.stream_closed(number))
    try:
        async for message in call:
            if seams.capture.active:
                from wire.traffic import tell_streamed

                tell_streamed(seams, edge.removeprefix("rpc:"), request, peer, message)
            yield message
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not cut or (task is not None and task.cancelling()):
            raise
        none = grpc.aio.Metadata()
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, none, none, f"stream cut at {edge}") from None


async def pass_rpc_gate(
    seams: Seams,
    edge: str,
    subject: Subject = Subject(),
    *,
    peer: str = "",
    describe: Callable[[], str] | None = None,
) -> Verdict:
    """PASS or TWICE. A dropped request looks to its caller as if the peer were gone."""
    try:
        verdict = await seams.gates.pass_through(edge, subject, describe, peer=peer)
    except GateError as error:
        raise ApiError(reason_of(error.code), str(error)) from None
    if verdict is Verdict.DROP:
        raise ApiError("ServiceUnavailable", f"message dropped at {edge}")
    return verdict


class ServerSeams(grpc.aio.ServerInterceptor):
    """Takes up the caller's trace context, passes the gate, and runs the method in a span."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        method = handler_call_details.method
        parent = str(dict(handler_call_details.invocation_metadata or ()).get(trace.HEADER, ""))
        if handler.response_streaming:
            make, behaviour = (
                grpc.unary_stream_rpc_method_handler,
                self._streaming(handler.unary_stream, method, parent),
            )
        else:
            make, behaviour = grpc.unary_unary_rpc_method_handler, self._unary(handler.unary_unary, method, parent)
        return make(
            behaviour,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _unary(self, inner: Any, method: str, parent: str) -> Any:
        async def exempt(request: Any, context: Any) -> Any:
            try:
                return await inner(request, context)
            except ApiError as error:
                await abort(context, error)

        async def call(request: Any, context: Any) -> Any:
            with self._seams.tracer.span(method, parent=parent) as span:
                about = subject_of(request)
                if about.name:
                    told = f"{about.namespace}/{about.name}" if about.namespace else about.name
                    span.attributes["object"] = f"{about.kind} {told}"
                try:
                    verdict = await pass_request_gate(self._seams, f"serve:{method}", request)
                    if self._seams.capture.active:
                        return await carry_out(verdict, lambda: self._served(inner, method, request, context))
                    return await carry_out(verdict, lambda: inner(request, context))
                except ApiError as error:
                    await abort(context, error)
                except OSError as error:  # a full disk, say: told as what it is
                    if error.errno is None:
                        raise
                    await abort(context, ApiError("InternalError", f"{error.strerror}: {error.filename or method}"))

        return exempt if method.startswith(_EXEMPT) else call

    async def _served(self, inner: Any, method: str, request: Any, context: Any) -> Any:
        """Answer, and tell those who listen of it."""
        from wire.traffic import tell_served

        began, response = time.perf_counter(), None
        problem: BaseException | None = None
        try:
            response = await inner(request, context)
            return response
        except (ApiError, asyncio.CancelledError) as error:
            problem = error
            raise
        finally:
            tell_served(self._seams, method, request, response, context, began, problem)

    def _streaming(self, inner: Any, method: str, parent: str) -> Any:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            token = trace.attach(parent)
            try:
                if not method.startswith(_EXEMPT):
                    await pass_request_gate(self._seams, f"serve:{method}", request)
                async for message in inner(request, context):
                    yield message
            except ApiError as error:
                await abort(context, error)
            finally:
                _leave(token)

        return call


def _leave(token: Token[str]) -> None:
    """An async generator may be closed from another context, where the token means nothing."""
    try:
        trace.detach(token)
    except ValueError:
        trace.attach("")
