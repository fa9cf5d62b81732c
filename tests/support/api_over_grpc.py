"""The in-memory apiserver behind a real gRPC socket, so that the wire side of `client` is tested without etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from apimachinery.errors import ApiError
from client.fake import FakeApi, FakeServer
from proto import api_pb2, api_pb2_grpc
from wire.errors import abort, to_proto


class ApiOverGrpc(api_pb2_grpc.ApiServicer):
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    async def Get(self, request: api_pb2.GetRequest, context: Any) -> api_pb2.Object:
        try:
            return await self._server.get(request)
        except ApiError as error:
            await abort(context, error)

    async def List(self, request: api_pb2.ListRequest, context: Any) -> AsyncIterator[api_pb2.ListPage]:
        try:
            async for page in self._server.list(request):
                yield page
        except ApiError as error:
            await abort(context, error)

    async def Watch(self, request: api_pb2.WatchRequest, context: Any) -> AsyncIterator[api_pb2.WatchBatch]:
        try:
            async for batch in self._server.watch(request):
                yield batch
        except ApiError as error:
            await abort(context, error)

    async def Write(self, request: api_pb2.WriteRequest, context: Any) -> api_pb2.WriteResult:
        return await self._outcome(request)

    async def WriteMany(
        self, requests: AsyncIterator[api_pb2.WriteRequest], context: Any
    ) -> AsyncIterator[api_pb2.WriteResult]:
        results: asyncio.Queue[api_pb2.WriteResult | None] = asyncio.Queue()

        async def read() -> None:
            async with asyncio.TaskGroup() as group:
                async for request in requests:
                    group.create_task(self._answer(request, results))
            results.put_nowait(None)

        reading = asyncio.create_task(read())
        try:
            while (result := await results.get()) is not None:
                yield result
        finally:
            reading.cancel()

    async def _answer(self, request: api_pb2.WriteRequest, results: asyncio.Queue[api_pb2.WriteResult | None]) -> None:
        results.put_nowait(await self._outcome(request))

    async def _outcome(self, request: api_pb2.WriteRequest) -> api_pb2.WriteResult:
        try:
            return api_pb2.WriteResult(id=request.id, object=await self._server.write(request))
        except ApiError as error:
            return api_pb2.WriteResult(id=request.id, status=to_proto(error))


@asynccontextmanager
async def serve_fake(fake: FakeApi, socket: Path) -> AsyncIterator[grpc.aio.Server]:
    """Serve `fake` on a unix socket."""
    server = grpc.aio.server()
    api_pb2_grpc.add_ApiServicer_to_server(ApiOverGrpc(fake.server), server)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield server
    finally:
        await server.stop(None)
