"""One HTTP request and the three kinds of answer to it: whole, streamed, or a change of protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, unquote_plus

from apimachinery.errors import too_large
from apiserver.http.limits import BODY_BYTES
from wire.tls import Identity

JSON_TYPE: Final = "application/json"

WEBSOCKET: Final = "websocket"
SPDY: Final = "spdy/3.1"

HeaderList = list[tuple[str, str]]


class HttpRequest:
    """A request, complete with its body."""

    __slots__ = ("_body", "_query", "certificate", "client", "headers", "keep_alive", "method", "path", "peer",
                 "raw_query", "too_large", "version")  # fmt: skip

    def __init__(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes = b"",
        *,
        certificate: Identity | None = None,
        peer: str = "",
        client: str = "",
        keep_alive: bool = True,
        too_large: bool = False,
        version: str = "1.1",
    ) -> None:
        path, _, query = target.partition("?")
        self.method = method
        self.path = unquote(path) if "%" in path else path
        self.raw_query = query
        self.headers = headers
        """By lower-case name; repeated ones joined with `, `."""
        self.certificate = certificate
        """Who the client's verified certificate names, if it showed one."""
        self.peer = peer
        self.client = client
        """Address and port of the connection's other end: which of its connections a client used."""
        self.keep_alive = keep_alive
        self.too_large = too_large
        self.version = version
        self._body = body
        self._query: dict[str, list[str]] | None = None

    @property
    def body(self) -> bytes:
        """Raises 413 where there was more than may be sent."""
        if self.too_large:
            raise too_large(f"Request entity too large: limit is {BODY_BYTES}")
        return self._body

    @property
    def query(self) -> dict[str, list[str]]:
        if self._query is None:
            self._query = parse_query(self.raw_query)
        return self._query

    def param(self, name: str) -> str:
        """A query parameter's first value, or ""."""
        values = self.query.get(name)
        return values[0] if values else ""

    def flag(self, name: str) -> bool:
        """As the API reads booleans: there, and neither `false` nor `0`."""
        values = self.query.get(name)
        return values is not None and values[0].lower() not in ("false", "0")

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def wants_upgrade(self) -> bool:
        if "upgrade" not in self.headers:
            return False
        tokens = self.header("connection").lower().split(",")
        return any(token.strip() == "upgrade" for token in tokens)

    @property
    def upgrade(self) -> str:
        """The protocol that the client wants to change to, in lower case; "" if none."""
        return self.header("upgrade").lower() if self.wants_upgrade else ""


def parse_query(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in text.split("&") if text else ():
        if pair:
            name, _, value = pair.partition("=")
            found.setdefault(_unescape(name), []).append(_unescape(value))
    return found


def _unescape(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


@dataclass(slots=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: HeaderList = field(default_factory=list)


@dataclass(slots=True)
class StreamResponse:
    """An answer sent piece by piece as it comes. Each piece is flushed."""

    chunks: AsyncIterator[bytes]
    content_type: str = JSON_TYPE
    headers: HeaderList = field(default_factory=list)
    status: int = 200


@dataclass(slots=True)
class Upgrade:
    """101, and then the connection is `run`'s; it is cut when that returns."""

    headers: HeaderList
    run: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


Answer = Response | StreamResponse | Upgrade


def plain(status: int, text: str, headers: HeaderList | None = None) -> Response:
    """A text answer as Go's `http.Error` gives it."""
    body = text.encode()
    return Response(
        status, body, "text/plain; charset=utf-8", [*(headers or ()), ("X-Content-Type-Options", "nosniff")]
    )
