"""Seams of the calls that a process answers: the caller's trace context, a gate, a span, capture.

Edges are named `serve:/package.Service/Method`. A method is wrapped once, when it is first called, not at every call as
gRPC's own interceptors are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from contextvars import Token
from typing import Any

import grpc

from apimachinery.errors import ApiError
from wire import trace
from wire.call_gate import EXEMPT, pass_request_gate
from wire.doubling import carry_out
from wire.errors import abort
from wire.open_streams import Streams
from wire.outgoing import has_context
from wire.seams import Seams
from wire.span import Span
from wire.subjects import subject_of


class SeamedServer:
    """Where services are added to a server, so that their methods get seams on the way."""

    def __init__(self, server: grpc.aio.Server, seams: Seams) -> None:
        self._server = server
        self._seams = seams

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        self._server.add_generic_rpc_handlers([_Handlers(one, self._seams) for one in handlers])

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Nothing: gRPC would prefer these to the generic ones, which generated code adds too and which have seams."""


class _Handlers(grpc.GenericRpcHandler):
    """The methods of `inner`, each wrapped once."""

    def __init__(self, inner: grpc.GenericRpcHandler, seams: Seams) -> None:
        self._inner = inner
        self._seams = seams
        self._wrapped: dict[str, Any] = {}  # as many as there are methods: names that are none get no handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Asked in the task that will run the handler, so this is where the caller's context is taken up."""
        method = str(handler_call_details.method)
        handler = self._wrapped.get(method)
        if handler is None:
            found = self._inner.service(handler_call_details)
            if found is None:
                return None
            handler = self._wrapped[method] = wrapped(found, method, self._seams)
        context = ""
        for key, value in handler_call_details.invocation_metadata or ():
            if key == trace.HEADER:
                context = str(value)
        trace.attach(context)
        return handler


def wrapped(handler: Any, method: str, seams: Seams) -> Any:
    """`handler` with the seams of `method`. Streams of requests carry their contexts per message, as they are."""
    if handler.request_streaming:
        return handler
    exempt = method.startswith(EXEMPT)
    if handler.response_streaming:
        make: Any = grpc.unary_stream_rpc_method_handler
        behaviour = handler.unary_stream
        behaviour = refusing_stream(behaviour, seams.streams) if exempt else _streaming(behaviour, method, seams)
    else:
        make, behaviour = grpc.unary_unary_rpc_method_handler, handler.unary_unary
        behaviour = refusing(behaviour) if exempt else _unary(behaviour, method, seams)
    return make(behaviour, handler.request_deserializer, handler.response_serializer)


def refusing(inner: Any) -> Any:
    """What it raises ends the call as what it is."""

    async def call(request: Any, context: Any) -> Any:
        try:
            return await inner(request, context)
        except ApiError as error:
            await abort(context, error)

    return call


def refusing_stream(inner: Any, streams: Streams) -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        async with _sending(streams, context):
            async for message in inner(request, context):
                yield message

    return call


@asynccontextmanager
async def _sending(streams: Streams, context: Any) -> AsyncIterator[None]:
    """The body sends a stream. What it raises ends the call as what it is, and so does a server that stops."""
    with streams.entered():
        try:
            yield
        except ApiError as error:
            await abort(context, error)
        except asyncio.CancelledError:
            if streams.over:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the server stops")
            raise


def _unary(inner: Any, method: str, seams: Seams) -> Any:
    edge = f"serve:{method}"
    gates, capture, tracer = seams.gates, seams.capture, seams.tracer
    in_message: bool | None = None

    async def call(request: Any, context: Any) -> Any:
        nonlocal in_message
        if in_message is None:
            in_message = has_context(request)
        if tracer.on:
            return await in_span(request, context)
        if in_message and (cause := request.traceparent):
            trace.attach(cause)
        return await answered(request, context)

    async def in_span(request: Any, context: Any) -> Any:
        with tracer.span(method, parent=request.traceparent if in_message else None) as span:
            if (about := subject_of(request)).name:
                told = f"{about.namespace}/{about.name}" if about.namespace else about.name
                span.attributes["object"] = f"{about.kind} {told}"
            return await answered(request, context)

    async def answered(request: Any, context: Any) -> Any:
        try:
            if not capture.active and gates.passes_freely(edge):
                return await inner(request, context)
            verdict = await pass_request_gate(seams, edge, request)
            if capture.active:
                return await carry_out(verdict, lambda: _told(seams, inner, method, request, context))
            return await carry_out(verdict, lambda: inner(request, context))
        except ApiError as error:
            await abort(context, error)
        except OSError as error:  # a full disk, say: told as what it is
            if error.errno is None:
                raise
            await abort(context, ApiError("InternalError", f"{error.strerror}: {error.filename or method}"))

    return call


async def _told(seams: Seams, inner: Any, method: str, request: Any, context: Any) -> Any:
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
        tell_served(seams, method, request, response, context, began, problem)


def _streaming(inner: Any, method: str, seams: Seams) -> Any:
    edge, streams = f"serve:{method}", seams.streams

    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        token = trace.attach(trace.current())
        try:
            async with _sending(streams, context):
                if not seams.gates.passes_freely(edge):
                    await pass_request_gate(seams, edge, request)
                async for message in inner(request, context):
                    yield message
        finally:
            _leave(token)

    return call


def _leave(token: Token[Span | str]) -> None:
    """An async generator may be closed from another context, where the token means nothing."""
    try:
        trace.detach(token)
    except ValueError:
        trace.attach("")
