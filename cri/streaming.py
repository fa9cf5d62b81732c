"""The streaming server behind Exec, Attach and PortForward: one-time URLs, spoken to in WebSocket.

`/exec/TOKEN` and `/attach/TOKEN` speak v5.channel.k8s.io. `/portforward/TOKEN` is one connection: channel 0 carries
data both ways and is half-closed by either side, channel 1 says what went wrong.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import NamedTuple

from apimachinery.errors import ApiError
from cri.backend import Command, RuntimeBackend, Session
from cri.limits import STREAM_BYTES, STREAM_TOKEN_SECONDS, STREAM_TOKENS
from cri.records import Container, Sandbox
from wire.seams import Seams
from wire.streams.channels import (
    V4,
    V5,
    BadFrame,
    Channel,
    ChannelSocket,
    choose,
    decode_resize,
    exit_status,
    failure_status,
)
from wire.streams.websocket import Handshake, WebSocketClosed, serve_websockets

log = logging.getLogger(__name__)

_PORT_DATA = 0
_PORT_ERROR = 1


class Kind(Enum):
    EXEC = "exec"
    ATTACH = "attach"
    PORT_FORWARD = "portforward"


class Ticket(NamedTuple):
    """What the bearer of a token may do once. `target` is a container's id, or a sandbox's for a port-forward."""

    kind: Kind
    target: str
    command: Command = Command(())
    stdout: bool = False
    stderr: bool = False
    port: int = 0


class StreamingServer:
    """Hands out URLs and serves them. One per runtime process."""

    def __init__(self, backend: RuntimeBackend, seams: Seams) -> None:
        self._backend = backend
        self._seams = seams
        self._tickets: dict[str, tuple[Ticket, float]] = {}
        self._base = ""

    @asynccontextmanager
    async def serve(self, address: str) -> AsyncIterator[None]:
        """Listen on `host:port` while the body runs; port 0 picks a free one."""
        host, _, port = address.rpartition(":")
        async with serve_websockets(host, int(port), self._handle) as bound:
            self._base = f"ws://{host}:{bound}"
            yield

    def url(self, ticket: Ticket) -> str:
        """A URL that works once, for a while. Raises ApiError when too many wait to be used."""
        loop_time = asyncio.get_running_loop().time()
        # Tokens guard a local socket; their age is real time, whatever the cluster's clock does.
        self._tickets = {token: held for token, held in self._tickets.items() if held[1] > loop_time}
        if len(self._tickets) >= STREAM_TOKENS:
            raise ApiError("TooManyRequests", f"{STREAM_TOKENS} streams wait to be connected already")
        token = secrets.token_urlsafe(18)
        self._tickets[token] = (ticket, loop_time + STREAM_TOKEN_SECONDS)
        return f"{self._base}/{ticket.kind.value}/{token}"

    def _redeem(self, target: str) -> Ticket | None:
        kind, _, token = target.strip("/").partition("/")
        ticket, expires = self._tickets.get(token, (None, 0.0))
        if ticket is None or ticket.kind.value != kind:
            return None
        del self._tickets[token]
        return ticket if expires > asyncio.get_running_loop().time() else None

    async def _handle(self, handshake: Handshake) -> None:
        ticket = self._redeem(handshake.target)
        if ticket is None:
            await handshake.reject(404, "unknown, used or expired stream token\n")
            return
        protocol = choose(handshake.subprotocols, (V5, V4))
        if protocol is None:
            await handshake.reject(400, f"speak {V5} or {V4}\n")
            return
        socket = ChannelSocket(await handshake.accept(protocol))
        with self._seams.tracer.span(f"cri:{ticket.kind.value}", target=ticket.target):
            try:
                await self._serve(ticket, socket)
            except (WebSocketClosed, BadFrame) as error:
                log.debug("%s of %s ended: %s", ticket.kind.value, ticket.target, error)

    async def _serve(self, ticket: Ticket, socket: ChannelSocket) -> None:
        try:
            if ticket.kind is Kind.PORT_FORWARD:
                await self._forward(ticket, socket)
            else:
                await self._run(ticket, socket)
        except ApiError as error:
            if ticket.kind is Kind.PORT_FORWARD:
                await socket.send(_PORT_ERROR, error.message.encode())
            else:
                await socket.send(Channel.ERROR, failure_status(error.message, reason=error.reason, code=error.code))
        await socket.close()

    # --- exec and attach

    async def _run(self, ticket: Ticket, socket: ChannelSocket) -> None:
        container = self._container(ticket.target)
        if ticket.kind is Kind.EXEC:
            session = self._backend.exec(container, ticket.command)
        else:
            session = self._backend.attach(container, stdin=ticket.command.stdin)
        async with session as opened:
            await _join(opened, ticket, socket)

    def _container(self, container_id: str) -> Container:
        container = self._backend.store.container(container_id)
        if container is None:
            raise ApiError("NotFound", f'container "{container_id}" is gone')
        return container

    # --- port-forward

    async def _forward(self, ticket: Ticket, socket: ChannelSocket) -> None:
        sandbox = self._sandbox(ticket.target)
        reader, writer = await self._backend.connect(sandbox, ticket.port)
        try:
            await _pump(socket, reader, writer)
        finally:
            writer.close()

    def _sandbox(self, sandbox_id: str) -> Sandbox:
        sandbox = self._backend.store.sandbox(sandbox_id)
        if sandbox is None:
            raise ApiError("NotFound", f'sandbox "{sandbox_id}" is gone')
        return sandbox


async def _join(session: Session, ticket: Ticket, socket: ChannelSocket) -> None:
    """Carry frames both ways until the process ends or the client leaves."""
    wanted = {channel for channel, yes in ((1, ticket.stdout), (2, ticket.stderr)) if yes}

    async def outward() -> None:
        async for channel, data in session.output():
            if channel in wanted:
                await socket.send(channel, data)
        await socket.send(Channel.ERROR, exit_status(await session.exit_code()))

    await _first_of(outward(), _inward(session, ticket, socket))


async def _inward(session: Session, ticket: Ticket, socket: ChannelSocket) -> None:
    """Ends when the client has gone; a half-close of stdin only ends stdin."""
    while (frame := await socket.receive()) is not None:
        if frame.channel == Channel.STDIN and ticket.command.stdin:
            if frame.data:
                await session.write(frame.data)
            if frame.close:
                await session.close_stdin()
        elif frame.channel == Channel.RESIZE and (size := decode_resize(frame.data)) is not None:
            await session.resize(size.width, size.height)


async def _pump(socket: ChannelSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def outward() -> None:
        while data := await reader.read(STREAM_BYTES):
            await socket.send(_PORT_DATA, data)
        await socket.half_close(_PORT_DATA)

    async def inward() -> None:
        while (frame := await socket.receive()) is not None:
            if frame.channel != _PORT_DATA:
                continue
            writer.write(frame.data)
            await writer.drain()
            if frame.close and writer.can_write_eof():
                writer.write_eof()

    try:
        await _first_of(outward(), inward())
    except OSError as error:
        raise ApiError("ServiceUnavailable", f"connection to the pod was lost: {error}") from None


async def _first_of(one: object, other: object) -> None:
    """Run both until one returns; the other is then cancelled. Raises what the first one raised."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]  # type: ignore[call-overload]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
