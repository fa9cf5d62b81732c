"""Listening: TLS, connections and their bounds, and a stop that lets answers finish."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Final, cast

from apiserver.http.limits import (
    BACKLOG,
    CONNECTIONS,
    DRAIN_SECONDS,
    HANDSHAKE_SECONDS,
    IDLE_SECONDS,
    SWEEP_SECONDS,
)
from apiserver.http.protocol import App, HttpProtocol
from wire.server import PortInUse
from wire.tls import TlsFiles

IP_FREEBIND: Final = 15  # linux/in.h; the socket module does not name it


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client certificate is optional and must then be of the cluster's CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    context.load_verify_locations(files.ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connections:
    """Every connection of one listener that has got through its handshake."""

    def __init__(self, app: App, group: asyncio.TaskGroup) -> None:
        self._app = app
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._open: set[HttpProtocol] = set()
        self._date = ""
        self._date_until = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def make_protocol(self) -> asyncio.BaseProtocol:
        if len(self._open) >= CONNECTIONS:
            return _Refuse()
        return HttpProtocol(self._app, self._group.create_task, self._open.add, self._open.discard, self.date)

    def date(self) -> str:
        """The `Date` header, made once a second."""
        now = self._loop.time()
        if now >= self._date_until:
            self._date, self._date_until = formatdate(usegmt=True), now + 1.0
        return self._date

    async def sweep(self) -> None:
        """Cut connections that are idle, or whose request does not come to an end."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            oldest = self._loop.time() - IDLE_SECONDS
            for protocol in [one for one in self._open if one.task is None and one.last_active < oldest]:
                protocol.hang_up()

    async def stop(self) -> None:
        """End streams at once, give other answers a moment, then end those too."""
        for protocol in list(self._open):
            if protocol.streaming:
                protocol.hang_up()
            else:
                protocol.drain()
        under_way = [protocol.task for protocol in self._open if protocol.task]
        if under_way:
            await asyncio.wait(under_way, timeout=DRAIN_SECONDS)
        for protocol in list(self._open):
            protocol.hang_up()


class _Refuse(asyncio.Protocol):
    """What a client meets when there are too many already."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


@asynccontextmanager
async def serve_https(address: str, app: App, tls: TlsFiles | None) -> AsyncIterator[int]:
    """Serve `app` on `host:port` (port 0 picks a free one) while the body runs. Gives the port.

    Without `tls` it is plain HTTP, which only tests want. Raises PortInUse if the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        connections = Connections(app, group)
        context = server_context(tls) if tls else None
        timeout = HANDSHAKE_SECONDS if tls else None
        server = await loop.create_server(
            connections.make_protocol,
            sock=_bind(address),
            ssl=context,
            ssl_handshake_timeout=timeout,
            backlog=BACKLOG,
        )
        sweeper = group.create_task(connections.sweep())
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            sweeper.cancel()
            await connections.stop()


def _bind(address: str) -> socket.socket:
    """The address may appear later (the gateway of a network that is not made yet): it is bound all the same."""
    host, _, port = address.rpartition(":")
    try:
        family, kind, _, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET:
            listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listener.bind(where)
    except OSError as error:
        raise PortInUse(f"cannot listen on {address}: {error}") from error
    listener.setblocking(False)
    return listener
