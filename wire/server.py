"""A gRPC server as every process runs it: mutual TLS, seams, and the standard health, reflection and channelz."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import grpc

from proto import debug_pb2, debug_pb2_grpc
from wire.debug import DebugService
from wire.incoming import SeamedServer
from wire.limits import KEEPALIVE_SECONDS, MAX_MESSAGE_BYTES, MAX_PENDING_CALLS, STOP_GRACE_SECONDS
from wire.process import CannotRun, process_age_seconds
from wire.seams import Seams, follow_files
from wire.tls import TlsFiles, server_credentials

log = logging.getLogger(__name__)

_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.min_ping_interval_without_data_ms", int(KEEPALIVE_SECONDS * 500)),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),
    # Calls wait their turn; gRPC would otherwise cancel some of a burst at random, from its 1000th on.
    ("grpc.server.max_pending_requests", MAX_PENDING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING_CALLS),
]


@dataclass(frozen=True)
class Service:
    """One gRPC service: its full name (for reflection and health) and a function that adds it to a server."""

    name: str
    add: Callable[[grpc.aio.Server], None]


class PortInUse(CannotRun):
    """The address is taken. The message says which and what to do."""


@asynccontextmanager
async def serve(
    address: str, seams: Seams, tls: TlsFiles | None, services: Sequence[Service] = ()
) -> AsyncIterator[int]:
    """Serve on `host:port` (port 0 picks a free one) or `unix:/path` while the body runs. Gives the port, 0 for unix.

    Raises PortInUse if the address cannot be bound.
    """
    server = grpc.aio.server(options=_OPTIONS)
    seamed = cast(grpc.aio.Server, SeamedServer(server, seams))
    everything = [*services, _debug(seams)]
    for service in everything:
        service.add(seamed)
    _add_standard_services(server, [service.name for service in everything])
    port = _bind(server, address, tls)
    await server.start()
    following = asyncio.create_task(follow_files(seams), name="follow-files")
    shown = address if port == 0 else f"{address.rpartition(':')[0]}:{port}"
    log.info("%s serving %s after %d ms", seams.component, shown, process_age_seconds() * 1000)
    try:
        yield port
    finally:
        following.cancel()
        seams.streams.end()
        await server.stop(STOP_GRACE_SECONDS)


def _bind(server: grpc.aio.Server, address: str, tls: TlsFiles | None) -> int:
    try:
        if tls is None:
            if not address.startswith("unix:"):
                raise ValueError(f"{address}: only a unix socket may be served without TLS")
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, server_credentials(tls))
    except RuntimeError as error:
        raise PortInUse(f"cannot listen on {address}: {error}") from error
    return 0 if address.startswith("unix:") else port


def _debug(seams: Seams) -> Service:
    name = debug_pb2.DESCRIPTOR.services_by_name["Debug"].full_name
    return Service(name, lambda server: debug_pb2_grpc.add_DebugServicer_to_server(DebugService(seams), server))


def _add_standard_services(server: grpc.aio.Server, names: list[str]) -> None:
    from grpc_channelz.v1 import channelz
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection

    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for name in ("", *names):
        servicer._server_status[name] = health_pb2.HealthCheckResponse.SERVING
    channelz.add_channelz_servicer(server)
    standard = (health.SERVICE_NAME, reflection.SERVICE_NAME, "grpc.channelz.v1.Channelz")
    reflection.enable_server_reflection((*names, *standard), server)
