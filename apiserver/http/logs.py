"""`pods/log`: a kubelet's log chunks as a plain text answer, flushed as they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from apimachinery.errors import FieldError, bad_request, invalid
from apimachinery.timestamps import parse_time
from apiserver.http.bodies import integer
from apiserver.http.kubelets import call_error
from apiserver.http.limits import LOG_FIRST_SECONDS
from apiserver.http.message import Answer, HttpRequest, StreamResponse
from proto import kubelet_pb2, kubelet_pb2_grpc

log = logging.getLogger(__name__)

_ALL_STREAMS: Final = ("", "All")


async def serve_logs(
    request: HttpRequest, stub: kubelet_pb2_grpc.KubeletStub, pod: kubelet_pb2.PodRef, container: str
) -> Answer:
    """Raises ApiError: for bad options, and for what the kubelet refuses before it has sent anything."""
    call: Any = stub.Logs(log_request(request, pod, container))
    first: asyncio.Future[Any] = asyncio.ensure_future(call.read())
    try:
        # A follower of a silent container is told 200 after a moment; anybody else can wait for the first line.
        await asyncio.wait((first,), timeout=LOG_FIRST_SECONDS if request.flag("follow") else None)
        if first.done() and (error := first.exception()) is not None:
            raise error
    except grpc.aio.AioRpcError as error:
        raise call_error(error) from None
    except BaseException:
        first.cancel()
        call.cancel()
        raise
    return StreamResponse(_chunks(call, first), "text/plain")


async def _chunks(call: Any, first: asyncio.Future[Any]) -> AsyncIterator[bytes]:
    try:
        chunk = await first
        while chunk is not grpc.aio.EOF:
            yield chunk.data
            chunk = await call.read()
    except grpc.aio.AioRpcError as error:
        yield f"\n{call_error(error).message}\n".encode()
    finally:
        first.cancel()
        call.cancel()


def log_request(request: HttpRequest, pod: kubelet_pb2.PodRef, container: str) -> kubelet_pb2.LogsRequest:
    """PodLogOptions of the query. Raises ApiError 400 or 422."""
    if request.param("stream") not in _ALL_STREAMS:
        raise bad_request("log streams cannot be told apart by this server: only stream=All is supported")
    _check(request)
    made = kubelet_pb2.LogsRequest(
        pod=pod,
        container=container,
        follow=request.flag("follow"),
        previous=request.flag("previous"),
        timestamps=request.flag("timestamps"),
        since_time=request.param("sinceTime"),
    )
    for name, field in (("sinceSeconds", "since_seconds"), ("tailLines", "tail_lines"), ("limitBytes", "limit_bytes")):
        if request.param(name):
            setattr(made, field, integer(request, name))
    return made


def _check(request: HttpRequest) -> None:
    errors: list[FieldError] = []
    tail, limit, since = (integer(request, name) for name in ("tailLines", "limitBytes", "sinceSeconds"))
    if tail < 0:
        errors.append(FieldError("invalid", "tailLines", "must be greater than or equal to 0", tail))
    if request.param("limitBytes") and limit < 1:
        errors.append(FieldError("invalid", "limitBytes", "must be greater than 0", limit))
    if request.param("sinceSeconds") and request.param("sinceTime"):
        errors.append(FieldError("forbidden", "", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif request.param("sinceSeconds") and since < 1:
        errors.append(FieldError("invalid", "sinceSeconds", "must be greater than 0", since))
    if errors:
        raise invalid("", "PodLogOptions", "", errors)
    if request.param("sinceTime"):
        try:
            parse_time(request.param("sinceTime"))
        except ValueError as error:
            raise bad_request(str(error)) from None
