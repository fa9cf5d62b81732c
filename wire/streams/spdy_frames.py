"""SPDY/3 frames as bytes (draft-mbelshe-httpbis-spdy-00, section 2.6): pure, but for the two header compressors.

One `Framer` serves one connection: header blocks of a direction share one zlib stream, so frames must be written in the
order in which they were encoded, and every header block must be inflated, wanted or not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from wire.streams.limits import SPDY_HEADER_BYTES

_VERSION: Final = 3
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
_FIN: Final = 1

PROTOCOL_ERROR: Final = 1
INVALID_STREAM: Final = 2
REFUSED_STREAM: Final = 3
CANCEL: Final = 5
INTERNAL_ERROR: Final = 6

# The dictionary that section 2.6.10.1 gives: length-prefixed words, then text.
_WORDS: Final = (
    "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|"
    "authorization|cache-control|connection|content-base|content-encoding|content-language|content-length|"
    "content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-match|"
    "if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragma|"
    "proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|upgrade|"
    "user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|"
    "keep-alive|origin"
)
_TEXT: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY: Final = (
    b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS.split("|")) + _TEXT.encode()
)

Headers = Mapping[str, str]


class SpdyError(Exception):
    """The peer broke the protocol; the connection cannot go on."""


class SynStream(NamedTuple):
    stream: int
    headers: dict[str, str]
    fin: bool = False


class SynReply(NamedTuple):
    stream: int
    headers: dict[str, str]
    fin: bool = False


class Rst(NamedTuple):
    stream: int
    status: int


class Ping(NamedTuple):
    id: int


class GoAway(NamedTuple):
    last_stream: int
    status: int


class Data(NamedTuple):
    """A piece of a DATA frame; `fin` only on the last piece of the stream's last frame."""

    stream: int
    data: bytes
    fin: bool = False


Frame = SynStream | SynReply | Rst | Ping | GoAway | Data


class Framer:
    """Encodes and decodes the frames of one connection."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(level=6, zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._buffer = bytearray()
        self._data_stream = 0
        self._data_left = 0
        self._data_fin = False

    # --- encoding

    def syn_stream(self, stream: int, headers: Headers, *, fin: bool = False) -> bytes:
        body = struct.pack(">IIH", stream, 0, 0) + self._compress(headers)
        return _control(_SYN_STREAM, body, _FIN if fin else 0)

    def syn_reply(self, stream: int, headers: Headers | None = None) -> bytes:
        return _control(_SYN_REPLY, struct.pack(">I", stream) + self._compress(headers or {}))

    def _compress(self, headers: Headers) -> bytes:
        parts = [struct.pack(">I", len(headers))]
        for name, value in headers.items():
            for text in (name.lower().encode(), value.encode()):
                parts += (struct.pack(">I", len(text)), text)
        return self._deflate.compress(b"".join(parts)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    # --- decoding

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The frames that `data` completes. DATA comes in pieces as it arrives. Raises SpdyError."""
        self._buffer += data
        while True:
            if self._data_left or self._data_fin:
                piece = self._take_data()
                if piece is None:
                    return
                yield piece
            if len(self._buffer) < 8:
                return
            head, flags_and_length = struct.unpack_from(">II", self._buffer)
            flags, length = flags_and_length >> 24, flags_and_length & 0xFFFFFF
            if not head & 0x80000000:
                del self._buffer[:8]
                self._data_stream, self._data_left, self._data_fin = head, length, bool(flags & _FIN)
                continue
            if length > SPDY_HEADER_BYTES:
                raise SpdyError(f"control frame of {length} bytes")
            if len(self._buffer) < 8 + length:
                return
            body = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            frame = self._decode_control(head, flags, body)
            if frame is not None:
                yield frame

    def _take_data(self) -> Data | None:
        piece = bytes(self._buffer[: self._data_left])
        if not piece and self._data_left:
            return None
        del self._buffer[: len(piece)]
        self._data_left -= len(piece)
        fin = self._data_fin and not self._data_left
        self._data_fin = self._data_fin and not fin
        return Data(self._data_stream, piece, fin)

    def _decode_control(self, head: int, flags: int, body: bytes) -> Frame | None:
        version, kind = head >> 16 & 0x7FFF, head & 0xFFFF
        if version != _VERSION:
            raise SpdyError(f"SPDY version {version}")
        fin = bool(flags & _FIN)
        try:
            match kind:
                case 1:
                    return SynStream(_stream_of(body), self._decompress(body[10:]), fin)
                case 2:
                    return SynReply(_stream_of(body), self._decompress(body[4:]), fin)
                case 3:
                    return Rst(_stream_of(body), *struct.unpack_from(">I", body, 4))
                case 6:
                    return Ping(*struct.unpack_from(">I", body))
                case 7:
                    return GoAway(_stream_of(body), *struct.unpack_from(">I", body, 4))
                case 8:
                    self._decompress(body[4:])
        except struct.error:
            raise SpdyError(f"truncated control frame of type {kind}") from None
        return None  # SETTINGS, WINDOW_UPDATE: Kubernetes' SPDY knows no windows, TCP slows a sender down

    def _decompress(self, block: bytes) -> dict[str, str]:
        try:
            text = self._inflate.decompress(block, SPDY_HEADER_BYTES)
        except zlib.error as error:
            raise SpdyError(f"header block: {error}") from None
        if self._inflate.unconsumed_tail:
            raise SpdyError(f"header block inflates to more than {SPDY_HEADER_BYTES} bytes")
        return _parse_headers(text) if text else {}


def rst(stream: int, status: int) -> bytes:
    return _control(_RST_STREAM, struct.pack(">II", stream, status))


def ping(number: int) -> bytes:
    return _control(_PING, struct.pack(">I", number))


def goaway(last_stream: int, status: int = 0) -> bytes:
    return _control(_GOAWAY, struct.pack(">II", last_stream, status))


def data_frame(stream: int, data: bytes, *, fin: bool = False) -> bytes:
    return struct.pack(">II", stream, (_FIN if fin else 0) << 24 | len(data)) + data


def _control(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack(">HHI", 0x8000 | _VERSION, kind, flags << 24 | len(body)) + body


def _stream_of(body: bytes) -> int:
    return int(struct.unpack_from(">I", body)[0]) & 0x7FFFFFFF


def _parse_headers(text: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    count, at = struct.unpack_from(">I", text)[0], 4
    for _ in range(count):
        name, at = _string_at(text, at)
        value, at = _string_at(text, at)
        headers[name.lower()] = value
    return headers


def _string_at(text: bytes, at: int) -> tuple[str, int]:
    end = at + 4 + struct.unpack_from(">I", text, at)[0]
    if end > len(text):
        raise SpdyError("header block is truncated")
    return text[at + 4 : end].decode("latin-1"), end
