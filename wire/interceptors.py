"""The interceptor stack of every channel and server: trace context in metadata, a gate, a span.

Edges are named `rpc:/package.Service/Method` on the caller's side and `serve:/package.Service/Method` on the callee's.
The Debug, health, reflection and channelz services are exempt: whoever debugs must not be caught in a rule of theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextvars import Token
from typing import Any

import grpc

from apimachinery.errors import ApiError
from wire import trace
from wire.errors import abort
from wire.gates import GateError, Subject, Verdict
from wire.seams import Seams

_EXEMPT = ("/orrery.debug.", "/grpc.")


class UnarySeams(grpc.aio.UnaryUnaryClientInterceptor):
    """Passes the gate, then sends the trace context along."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(await _prepare(self._seams, client_call_details), request)


class StreamSeams(grpc.aio.UnaryStreamClientInterceptor):
    """The same for calls that answer with a stream. Bidirectional streams carry their context per message."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(await _prepare(self._seams, client_call_details), request)


async def _prepare(seams: Seams, details: Any) -> Any:
    method = details.method.decode() if isinstance(details.method, bytes) else details.method
    if not method.startswith(_EXEMPT):
        await pass_rpc_gate(seams, f"rpc:{method}")
    if not trace.current():
        return details
    metadata = [*(details.metadata or ()), (trace.HEADER, trace.current())]
    return details._replace(metadata=grpc.aio.Metadata(*metadata))


async def pass_rpc_gate(seams: Seams, edge: str, subject: Subject = Subject()) -> None:
    """A dropped request looks to its caller as if the peer were gone."""
    try:
        verdict = await seams.gates.pass_through(edge, subject)
    except GateError as error:
        reason = "ServiceUnavailable" if error.code == "UNAVAILABLE" else "InternalError"
        raise ApiError(reason, str(error)) from None
    if verdict is Verdict.DROP:
        raise ApiError("ServiceUnavailable", f"message dropped at {edge}")


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
            with self._seams.tracer.span(method, parent=parent):
                try:
                    await pass_rpc_gate(self._seams, f"serve:{method}")
                    return await inner(request, context)
                except ApiError as error:
                    await abort(context, error)

        return exempt if method.startswith(_EXEMPT) else call

    def _streaming(self, inner: Any, method: str, parent: str) -> Any:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            token = trace.attach(parent)
            try:
                if not method.startswith(_EXEMPT):
                    await pass_rpc_gate(self._seams, f"serve:{method}")
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
