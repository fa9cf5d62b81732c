"""The tunnel that a traced command calls through."""

from __future__ import annotations

import asyncio

from cli.tracing.tunnel import open_tunnel


async def _ask(port: int, head: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    return await reader.readuntil(b"\r\n\r\n"), reader, writer


async def test_bytes_pass_and_the_connections_own_address_is_known() -> None:
    seen: list[str] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("peername")[:2]
        seen.append(f"{host}:{port}")
        writer.write((await reader.readline()).upper())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_tunnel() as tunnel:
        head, reader, writer = await _ask(tunnel.port, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n")
        writer.write(b"hello\n")
        assert head.startswith(b"HTTP/1.1 200") and await reader.read() == b"HELLO\n"
        writer.close()
        assert tunnel.clients == seen != []


async def test_what_cannot_be_reached_is_refused() -> None:
    async with open_tunnel() as tunnel:
        for line in ("CONNECT 127.0.0.1:1 HTTP/1.1", "GET / HTTP/1.1", "nonsense"):
            head, _, writer = await _ask(tunnel.port, f"{line}\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 502")
            writer.close()
        assert tunnel.clients == []


async def test_no_connection_outlives_it() -> None:
    """What is left to the end of the event loop is told of in tracebacks."""
    silent = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        silent.set()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        before = asyncio.all_tasks()
        async with open_tunnel() as tunnel:
            head, reader, writer = await _ask(tunnel.port, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
            await silent.wait()
        writer.close()
        assert asyncio.all_tasks() <= before
