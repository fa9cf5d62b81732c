"""Channels to kubelets: where a node's kubelet listens, and a bounded set of open channels."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc

from apimachinery.errors import JSON, ApiError, internal, not_found
from apimachinery.resources import GVR
from apiserver.http.limits import KUBELET_CHANNELS, KUBELET_DIAL_SECONDS
from apiserver.registry.strategy import Reader
from proto import kubelet_pb2, kubelet_pb2_grpc
from wire.channel import connect
from wire.errors import from_rpc_error
from wire.seams import Seams
from wire.tls import TlsFiles

ADDRESS_ANNOTATION: Final = "orrery.dev/kubelet-address"
"""`host:port` on a Node, where its kubelet is not to be reached at the node's own address."""

_LATE_WRITE: Final = "Internal error from Core"
"""gRPC's words for a write after the callee has ended the call."""

_NODES: Final = GVR("", "v1", "nodes")
_DEFAULT_PORT: Final = 10250


class Kubelets:
    """Stubs by node name."""

    def __init__(self, reader: Reader, seams: Seams, pki_dir: Path) -> None:
        self._reader = reader
        self._seams = seams
        self._tls = TlsFiles.in_directory(pki_dir, "apiserver")
        self._channels: OrderedDict[str, grpc.aio.Channel] = OrderedDict()

    async def stub(self, node_name: str) -> kubelet_pb2_grpc.KubeletStub:
        """Raises ApiError 404 for an unknown node, 500 for a kubelet that cannot be reached."""
        node = self._reader.get(_NODES, "", node_name)
        if node is None:
            raise not_found("", "nodes", node_name)
        address = kubelet_address(node)
        channel = await self._channel(address)
        try:
            async with asyncio.timeout(KUBELET_DIAL_SECONDS):
                await _ready(channel)
        except (TimeoutError, ConnectionError):
            raise dial_error(address) from None
        return kubelet_pb2_grpc.KubeletStub(channel)

    async def _channel(self, address: str) -> grpc.aio.Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = connect(address, self._seams, self._tls, server_name="orrery")
            self._channels[address] = channel
        self._channels.move_to_end(address)
        while len(self._channels) > KUBELET_CHANNELS:
            _, oldest = self._channels.popitem(last=False)
            await oldest.close()
        return channel

    async def close(self) -> None:
        channels, self._channels = list(self._channels.values()), OrderedDict()
        for channel in channels:
            await channel.close()


def kubelet_address(node: JSON) -> str:
    """`host:port`. Raises ApiError 500 for a Node that has not said its address yet."""
    metadata, status = node.get("metadata") or {}, node.get("status") or {}
    named = (metadata.get("annotations") or {}).get(ADDRESS_ANNOTATION)
    if named:
        return str(named)
    addresses = {one.get("type"): one.get("address") for one in status.get("addresses") or ()}
    host = addresses.get("InternalIP") or addresses.get("Hostname")
    if not host:
        raise internal(f"no preferred addresses found for node {metadata.get('name')}; known addresses: []")
    endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    port = endpoint.get("Port") or _DEFAULT_PORT
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def dial_error(address: str, why: str = "connect: connection refused") -> ApiError:
    return internal(f"error dialing backend: dial tcp {address}: {why}")


def call_error(error: grpc.aio.AioRpcError) -> ApiError:
    """What a kubelet refused, or that it went away."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return internal(f"error dialing backend: {error.details()}")
    return from_rpc_error(error)


async def frames(call: Any) -> AsyncIterator[kubelet_pb2.StreamFrame]:
    """What the kubelet sends, to the last frame. Raises AioRpcError if it ends the call with an error.

    Where a write meets the end of a call, gRPC forgets how the call ended and tells its own error, and `call.read()`
    gives no more of what came before (grpc/grpc#36066); going through the call does. Whoever cares how it ended was
    told in a frame.
    """
    try:
        async for frame in call:
            yield frame
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.INTERNAL or error.details() != _LATE_WRITE:
            raise


async def _ready(channel: grpc.aio.Channel) -> None:
    """Wait for a connection; a failed attempt ends the wait, the memory of an older one does not.

    Raises ConnectionError.
    """
    changed = False
    while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
        if changed and state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            raise ConnectionError
        await channel.wait_for_state_change(state)
        changed = True
