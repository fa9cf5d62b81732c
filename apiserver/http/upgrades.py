"""Changes of protocol: the handshakes of WebSocket and SPDY, as far as HTTP headers go."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Final

from apiserver.http.identity import BEARER_SUBPROTOCOL
from apiserver.http.message import JSON_TYPE, Answer, HttpRequest, StreamResponse, Upgrade, plain
from wire.streams import spdy
from wire.streams.channels import choose
from wire.streams.spdy import SocketDuplex, SpdySession
from wire.streams.websocket import WebSocket, accept_token, upgraded

_SPDY_VERSION: Final = "X-Stream-Protocol-Version"


def websocket(request: HttpRequest, supported: Sequence[str], run: Callable[[WebSocket], Awaitable[None]]) -> Answer:
    """101 with one of `supported` (none if the client offers none), 403 if none matches, 400 for a bad handshake."""
    key, version = request.header("sec-websocket-key"), request.header("sec-websocket-version")
    if version != "13":
        return plain(426 if version else 400, "Bad Request", [("Sec-WebSocket-Version", "13")])
    if not key or request.method != "GET":
        return plain(400, "Bad Request")
    offered = [one for one in listed(request, "sec-websocket-protocol") if not one.startswith(BEARER_SUBPROTOCOL)]
    chosen = choose(offered, supported)
    if chosen is None:
        return plain(403, f"requested protocol(s) are not supported: {offered}; supports {list(supported)}")
    headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_token(key.encode()).decode()),
    ]
    if chosen:
        headers.append(("Sec-WebSocket-Protocol", chosen))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await run(upgraded(reader, writer, chosen))

    return Upgrade(headers, serve)


async def streamed(request: HttpRequest, answer: StreamResponse) -> Answer:
    """A watch or a log as messages, for web consoles: one event each, or one piece of text."""
    events = answer.content_type == JSON_TYPE

    async def run(connection: WebSocket) -> None:
        base64_text = connection.subprotocol.startswith("base64.")

        async def send_all() -> None:
            async with aclosing(answer.chunks) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    for message in chunk.splitlines() if events else (chunk,):
                        if base64_text:
                            await connection.send_text(base64.b64encode(message).decode())
                        elif events:
                            await connection.send_text(message.decode())
                        else:
                            await connection.send(message)

        await _while_connected(connection, send_all())

    upgrade = websocket(request, ("binary.k8s.io", "base64.binary.k8s.io"), run)
    if not isinstance(upgrade, Upgrade):
        async with aclosing(answer.chunks):  # type: ignore[type-var]
            pass
    return upgrade


async def _while_connected(connection: WebSocket, work: Coroutine[Any, Any, None]) -> None:
    """Do the work and close, or stop when the client goes."""
    async with asyncio.TaskGroup() as group:
        working = group.create_task(work)
        listening = group.create_task(_until_closed(connection))
        await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
        finished = working.done()
        working.cancel()
        listening.cancel()
    if finished:
        await connection.close()


async def _until_closed(connection: WebSocket) -> None:
    while await connection.receive() is not None:
        continue


def spdy_session(
    request: HttpRequest, supported: Sequence[str], run: Callable[[SpdySession, str], Awaitable[None]]
) -> Answer:
    """101 with the first protocol of the client's that is among `supported`, 403 if none is.

    `run` gets a session whose read loop is running, and the protocol ("" if the client named none).
    """
    offered = listed(request, _SPDY_VERSION.lower())
    chosen = next((one for one in offered if one in supported), None)
    if offered and chosen is None:
        text = f"unable to upgrade: unable to negotiate protocol: client supports {offered}, server accepts"
        headers = [("Accepted-Stream-Protocol-Version", one) for one in supported]
        return plain(403, f"{text} {list(supported)}", headers)
    headers = [("Connection", "Upgrade"), ("Upgrade", spdy.PROTOCOL)]
    if chosen:
        headers.append((_SPDY_VERSION, chosen))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await run_session(SpdySession(SocketDuplex(reader, writer), server=True), lambda one: run(one, chosen or ""))

    return Upgrade(headers, serve)


async def run_session(session: SpdySession, run: Callable[[SpdySession], Awaitable[None]]) -> None:
    """Run `run` beside the session's read loop, then close the session."""
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(session.run())
        try:
            await run(session)
            await session.close()
        finally:
            reading.cancel()


def listed(request: HttpRequest, header: str) -> list[str]:
    return [one.strip() for one in request.header(header).split(",") if one.strip()]
