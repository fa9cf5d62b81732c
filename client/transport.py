"""How requests reach an apiserver: the seam between the client and the wire, and its gRPC side.

A transport raises ApiError only; no `grpc.RpcError` leaves this module.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

import grpc

from client.pipeline import WritePipeline
from proto import api_pb2, api_pb2_grpc
from wire.errors import from_proto, from_rpc_error
from wire.seams import Seams

CLIENT_HEADER = "orrery-client"
"""Metadata that names the component; the apiserver takes it for the User-Agent."""


M = TypeVar("M")


class Transport(Protocol):
    """Four calls, in messages of `proto/api.proto`."""

    async def get(self, request: api_pb2.GetRequest) -> api_pb2.Object: ...

    def list(self, request: api_pb2.ListRequest) -> AsyncIterator[api_pb2.ListPage]: ...

    def watch(self, request: api_pb2.WatchRequest) -> AsyncIterator[api_pb2.WatchBatch]: ...

    async def write(self, request: api_pb2.WriteRequest) -> api_pb2.Object: ...

    async def aclose(self) -> None: ...


class GrpcTransport:
    """Reads are calls of their own; writes share one pipelined stream."""

    def __init__(self, channel: grpc.aio.Channel, seams: Seams, *, user_agent: str = "") -> None:
        self._stub = api_pb2_grpc.ApiStub(channel)
        self._metadata = grpc.aio.Metadata((CLIENT_HEADER, user_agent or seams.component))
        self._pipeline = WritePipeline(self._open_writes, seams)

    def _open_writes(self) -> grpc.aio.StreamStreamCall[api_pb2.WriteRequest, api_pb2.WriteResult]:
        return self._stub.WriteMany(metadata=self._metadata)

    async def get(self, request: api_pb2.GetRequest) -> api_pb2.Object:
        try:
            return await self._stub.Get(request, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None

    def list(self, request: api_pb2.ListRequest) -> AsyncIterator[api_pb2.ListPage]:
        return _messages(lambda: self._stub.List(request, metadata=self._metadata))

    def watch(self, request: api_pb2.WatchRequest) -> AsyncIterator[api_pb2.WatchBatch]:
        return _messages(lambda: self._stub.Watch(request, metadata=self._metadata))

    async def write(self, request: api_pb2.WriteRequest) -> api_pb2.Object:
        result = await self._pipeline.write(request)
        if result.HasField("status"):
            raise from_proto(result.status)
        return result.object

    async def aclose(self) -> None:
        await self._pipeline.aclose()


async def _messages(open_call: Callable[[], grpc.aio.UnaryStreamCall[Any, M]]) -> AsyncIterator[M]:
    """The messages of one call, which is cancelled when the reader leaves early."""
    call = open_call()
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from None
    finally:
        call.cancel()
