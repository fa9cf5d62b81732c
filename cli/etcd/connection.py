"""The apiserver's view of etcd, as admin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import grpc

from cli.errors import UserError
from cli.forms.finding import running
from proto import etcd_view_pb2_grpc
from wire.channel import connect
from wire.errors import from_rpc_error
from wire.seams import make_seams
from wire.tls import TlsFiles

if TYPE_CHECKING:
    from proto.etcd_view_pb2_grpc import EtcdViewAsyncStub

Stub: TypeAlias = "EtcdViewAsyncStub"


@asynccontextmanager
async def open_view(name: str) -> AsyncIterator[Stub]:
    """Raises UserError if the cluster does not run, and for what the apiserver refuses within the body."""
    cluster = running(name)
    address = cluster.addresses["apiserver-rpc"]
    tls = TlsFiles.in_directory(cluster.paths.pki, "admin")
    async with connect(address, make_seams("orrery"), tls, server_name="orrery") as channel:
        try:
            yield etcd_view_pb2_grpc.EtcdViewStub(channel)
        except grpc.aio.AioRpcError as error:
            problem = from_rpc_error(error)
            text = "the apiserver does not answer" if problem.code == 503 and "etcd" not in problem.message else ""
            raise UserError(text or problem.message) from None
