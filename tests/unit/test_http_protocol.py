"""HTTP/1.1 on the wire: raw sockets against a fake app."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from apiserver.http.limits import BODY_BYTES, GZIP_BYTES, HEAD_BYTES
from apiserver.http.message import Answer, HttpRequest, Response, StreamResponse, Upgrade
from apiserver.http.server import Connections, serve_https


async def counted() -> AsyncIterator[bytes]:
    for number in range(3):
        yield b"chunk %d\n" % number


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 10_000
        await asyncio.sleep(0)


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    await writer.drain()


async def app(request: HttpRequest) -> Answer:
    match request.path:
        case "/body":
            return Response(200, b"%d bytes" % len(request.body))
        case "/stream":
            return StreamResponse(counted())
        case "/endless":
            return StreamResponse(endless())
        case "/large":
            return Response(200, b"a" * GZIP_BYTES * 20)
        case "/upgrade" if request.wants_upgrade:
            return Upgrade([("Connection", "Upgrade"), ("Upgrade", "shout")], shout)
        case "/slow":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return Response(200, b"slow")
    return Response(200, f"{request.method} {request.path} {request.query}".encode(), "text/plain")


async def talk(sent: bytes, *, until_close: bool = True) -> bytes:
    """Send bytes to a server of `app`, give all that comes until it hangs up."""
    async with serve_https("127.0.0.1:0", app, None) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(5):
            got = await reader.read(-1)
        writer.close()
    return got


def get(path: str, *headers: str, close: bool = True) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: x", *headers, *(["Connection: close"] if close else [])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def test_get_and_query() -> None:
    answer = await talk(get("/a%20b?watch=true&x=1+2&x=%2F"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body_of(answer) == b"GET /a b {'watch': ['true'], 'x': ['1 2', '/']}"


async def test_pipelined_requests_are_answered_in_order() -> None:
    sent = get("/slow", close=False) + get("/one", close=False) + get("/slow", close=False) + get("/two")
    answer = await talk(sent)
    positions = [answer.index(text) for text in (b"slow", b"GET /one", b"GET /two")]
    assert positions == sorted(positions)
    assert answer.count(b"HTTP/1.1 200") == 4


async def test_chunked_request_body() -> None:
    sent = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert body_of(await talk(sent + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")) == b"11 bytes"


async def test_expect_100_continue() -> None:
    sent = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhi"
    answer = await talk(sent)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_streamed_answer_is_chunked() -> None:
    answer = await talk(get("/stream"))
    assert b"Transfer-Encoding: chunked" in answer
    assert body_of(answer) == b"8\r\nchunk 0\n\r\n8\r\nchunk 1\n\r\n8\r\nchunk 2\n\r\n0\r\n\r\n"


async def test_streamed_answer_to_an_old_client_ends_with_the_connection() -> None:
    answer = await talk(b"GET /stream HTTP/1.0\r\n\r\n")
    assert body_of(answer) == b"chunk 0\nchunk 1\nchunk 2\n"


async def test_large_answers_are_compressed_on_demand() -> None:
    answer = await talk(get("/large", "Accept-Encoding: gzip"))
    assert b"Content-Encoding: gzip" in answer
    assert gzip.decompress(body_of(answer)) == b"a" * GZIP_BYTES * 20
    assert body_of(await talk(get("/large"))) == b"a" * GZIP_BYTES * 20


async def test_body_past_the_limit_still_gets_an_answer() -> None:
    """The app decides what to say; here it fails, and the connection must end rather than hang."""
    length = BODY_BYTES + 1
    head = f"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode()
    assert (await talk(head + bytes(length))).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (HEAD_BYTES + 300_000) + b"\r\n", b"431"),
    ],
)
async def test_what_is_no_http_is_refused(sent: bytes, status: bytes) -> None:
    assert (await talk(sent)).startswith(b"HTTP/1.1 " + status)


async def test_upgrade_hands_over_the_connection_with_what_came_early() -> None:
    answer = await talk(get("/upgrade", "Connection: Upgrade", "Upgrade: shout", close=False) + b"hello\n")
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert body_of(answer) == b"HELLO\n"


async def test_an_upgrade_that_is_not_taken_goes_on_as_http() -> None:
    sent = get("/plain", "Connection: Upgrade", "Upgrade: h2c", close=False) + get("/next")
    answer = await talk(sent)
    assert b"GET /plain" in answer and b"GET /next" in answer


async def test_stopping_ends_endless_answers() -> None:
    async with asyncio.timeout(5):
        async with serve_https("127.0.0.1:0", app, None) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/endless"))
            await reader.readline()
        writer.close()


async def test_a_reader_who_stalls_is_not_buffered_without_bound() -> None:
    made = 0

    async def count() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield bytes(100_000)

    async def source(request: HttpRequest) -> Answer:
        return StreamResponse(count())

    async with serve_https("127.0.0.1:0", source, None) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/"))
        before = -1
        while before != made or not made:
            before = made
            for _ in range(200):
                await asyncio.sleep(0)
        assert made < 1000
        writer.close()


async def test_a_connection_counts_from_its_handshake_to_its_end() -> None:
    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        connections = Connections(app, group)
        connections.make_protocol()  # made before a TLS handshake, which fails: nobody tells it so
        assert len(connections) == 0
        server = await asyncio.get_running_loop().create_server(connections.make_protocol, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not len(connections):
            await asyncio.sleep(0)
        writer.close()
        while len(connections):
            await asyncio.sleep(0)
        server.close()
        await connections.stop()
