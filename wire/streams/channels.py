"""Channel frames of exec, attach and port-forward over WebSocket: `v5.channel.k8s.io` and its elders.

A message is one byte of channel and then data. v5 adds `FF <channel>`: that channel will carry no more. The base64
forms, spoken by some web consoles, are text: the channel as a digit, then base64. Port-forward (v4) has channels 2i
(data) and 2i+1 (error) for the i-th port; the first message on each carries the port as uint16, little-endian.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from wire.limits import EXEC_FRAME_BYTES
from wire.streams.websocket import WebSocket


class Channel(IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


V5: Final = "v5.channel.k8s.io"
V4: Final = "v4.channel.k8s.io"
V4_BASE64: Final = "v4.base64.channel.k8s.io"
V1: Final = "channel.k8s.io"
V1_BASE64: Final = "base64.channel.k8s.io"

EXEC_PROTOCOLS: Final = (V5, V4, V4_BASE64, V1, V1_BASE64)  # newest first
PORT_FORWARD_PROTOCOLS: Final = (V4, V4_BASE64)

_HALF_CLOSE: Final = 0xFF


class Frame(NamedTuple):
    """`close` means that the peer sends nothing more on `channel`."""

    channel: int
    data: bytes = b""
    close: bool = False


class BadFrame(Exception):
    """A message that is none of the protocol's."""


def choose(offered: Sequence[str], supported: Sequence[str]) -> str | None:
    """The first of `supported` that the client offers; "" if it offers nothing; None if nothing matches."""
    if not offered:
        return ""
    return next((protocol for protocol in supported if protocol in offered), None)


def encode(channel: int, data: bytes) -> bytes:
    return bytes((channel,)) + data


def half_close(channel: int) -> bytes:
    """v5 only."""
    return bytes((_HALF_CLOSE, channel))


def decode(message: bytes, protocol: str = V5) -> Frame:
    """Raises BadFrame on an empty message or one whose half-close names no channel."""
    if "base64" in protocol:
        return _decode_base64(message)
    if not message:
        raise BadFrame("empty message")
    if protocol == V5 and message[0] == _HALF_CLOSE:
        if len(message) != 2:
            raise BadFrame("a half-close is FF and one channel")
        return Frame(message[1], close=True)
    return Frame(message[0], message[1:])


def _decode_base64(message: bytes) -> Frame:
    if not message or not 0x30 <= message[0] <= 0x39:
        raise BadFrame("the first character must be a channel's digit")
    try:
        return Frame(message[0] - 0x30, base64.b64decode(message[1:], validate=True))
    except binascii.Error as error:
        raise BadFrame(f"not base64: {error}") from None


class ChannelSocket:
    """Frames over one WebSocket, in the form that its subprotocol asks for."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.protocol = websocket.subprotocol
        self.can_half_close = self.protocol == V5
        self._base64 = "base64" in self.protocol

    async def receive(self) -> Frame | None:
        """The next frame, or None once the connection is closed. Raises BadFrame."""
        message = await self.websocket.receive()
        return None if message is None else decode(message, self.protocol)

    async def send(self, channel: int, data: bytes) -> None:
        """Send, in pieces if `data` is long. Empty data is sent too: it announces a channel."""
        for start in range(0, len(data) or 1, EXEC_FRAME_BYTES):
            piece = data[start : start + EXEC_FRAME_BYTES]
            if self._base64:
                await self.websocket.send_text(f"{channel}{base64.b64encode(piece).decode()}")
            else:
                await self.websocket.send(encode(channel, piece))

    async def half_close(self, channel: int) -> None:
        """Tell the peer that `channel` has ended, where the protocol can say so."""
        if self.can_half_close:
            await self.websocket.send(half_close(channel))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.websocket.close(code, reason)


# --- what the error channel says at the end


def success_status() -> bytes:
    return b'{"metadata":{},"status":"Success"}'


def exit_status(code: int) -> bytes:
    """The Status of a command that ended: Success, or NonZeroExitCode with the code as a cause."""
    if code == 0:
        return success_status()
    return _failure(
        f"command terminated with non-zero exit code: exit status {code}",
        reason="NonZeroExitCode",
        details={"causes": [{"reason": "ExitCode", "message": str(code)}]},
    )


def failure_status(message: str, *, reason: str = "InternalError", code: int = 500) -> bytes:
    """The Status of a stream that could not be served."""
    return _failure(message, reason=reason, code=code)


def _failure(message: str, **more: Any) -> bytes:
    status = {"metadata": {}, "status": "Failure", "message": message, **more}
    return json.dumps(status, separators=(",", ":")).encode()


def exit_code(status: bytes) -> int | None:
    """The exit code that a Status on the error channel tells; None if it tells of another failure."""
    try:
        body = json.loads(status)
    except ValueError:
        return None
    if body.get("status") == "Success":
        return 0
    if body.get("reason") != "NonZeroExitCode":
        return None
    causes = (body.get("details") or {}).get("causes") or ()
    codes = [cause.get("message", "") for cause in causes if cause.get("reason") == "ExitCode"]
    return int(codes[0]) if codes and codes[0].isdigit() else None


# --- terminal size


class Size(NamedTuple):
    width: int
    height: int


def encode_resize(size: Size) -> bytes:
    return json.dumps({"Width": size.width, "Height": size.height}, separators=(",", ":")).encode() + b"\n"


def decode_resize(data: bytes) -> Size | None:
    """The last size that `data` tells (one JSON object per line); None if it tells none."""
    for line in reversed(data.splitlines()):
        try:
            body = json.loads(line)
            return Size(int(body["Width"]), int(body["Height"]))
        except (ValueError, KeyError, TypeError):
            continue
    return None


# --- port-forward


def port_message(port: int) -> bytes:
    """What the first message on each of a port's two channels carries."""
    return struct.pack("<H", port)


def parse_port(data: bytes) -> int:
    if len(data) != 2:
        raise BadFrame("the first message on a channel must be its port")
    return int(struct.unpack("<H", data)[0])
