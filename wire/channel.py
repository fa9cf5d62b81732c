"""Channels to other processes: mutual TLS or a unix socket, keepalive, quick reconnection, seams attached."""

from __future__ import annotations

import grpc

from wire.limits import (
    CONNECT_SECONDS,
    KEEPALIVE_SECONDS,
    KEEPALIVE_TIMEOUT_SECONDS,
    MAX_MESSAGE_BYTES,
    RECONNECT_MAX_SECONDS,
)
from wire.outgoing import SeamedChannel
from wire.seams import Seams
from wire.tls import TlsFiles, channel_credentials

_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", int(KEEPALIVE_SECONDS * 1000)),
    ("grpc.keepalive_timeout_ms", int(KEEPALIVE_TIMEOUT_SECONDS * 1000)),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_SECONDS * 1000)),  # gRPC's name for the limit of one attempt
    ("grpc.max_reconnect_backoff_ms", int(RECONNECT_MAX_SECONDS * 1000)),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


def connect(address: str, seams: Seams, tls: TlsFiles | None, *, server_name: str = "") -> grpc.aio.Channel:
    """A channel to `host:port` (needs `tls`) or `unix:/path` (must not have it).

    `server_name` is the name the peer's certificate is checked against, if not the host's.
    """
    options = list(_OPTIONS)
    if tls is None:
        if not address.startswith("unix:"):
            raise ValueError(f"{address}: only a unix socket may be used without TLS")
        options.append(("grpc.default_authority", "localhost"))
        return SeamedChannel(grpc.aio.insecure_channel(address, options=options), seams, address)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    secure = grpc.aio.secure_channel(address, channel_credentials(tls), options=options)
    return SeamedChannel(secure, seams, address)
